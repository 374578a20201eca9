"""Calibrations: percentiles of measured pairs, kept per model content, never guessed."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.benchmark import calibrating
from koe5_demo.benchmark.calibrating import from_vectors, judged_pairs, measure, random_pairs
from koe5_demo.benchmark.commands import add_parsers, run_calibrate
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.errors import DataError
from koe5_demo.ranking import calibration
from koe5_demo.ranking.calibration import Distribution, calibration_key, load_calibration, percent_text
from koe5_demo.records import Role
from koe5_demo.settings import Settings
from koe5_demo.words import Language

SCORES = np.linspace(0, 1, 1001)


def data_of(n: int = 30) -> RetrievalData:
    """n queries, n documents; document k answers query k, and document 0 is judged a wrong answer to query 1."""
    qrels = {f"q{k}": {f"d{k}": 1} for k in range(n)}
    qrels["q1"]["d0"] = 0
    return RetrievalData(
        name="toy",
        task="toy",
        subset="default",
        split="test",
        revision="",
        document_ids=tuple(f"d{k}" for k in range(n)),
        documents=tuple("서울 " * (k % 3 + 1) + "부산" for k in range(n)),
        query_ids=tuple(qrels),
        queries=tuple("서울" if k % 2 else "부산 바다" for k in range(n)),
        qrels=qrels,
    )


def test_percentiles_of_even_scores_are_the_scores() -> None:
    spread = Distribution.of(SCORES)
    # 1,001 scores 0.000, 0.001 ... 1.000: p of them lie below p / 100.
    assert [spread.percentile(score) for score in (0.25, 0.405, 0.995)] == pytest.approx([25, 40.5, 99.5], abs=0.01)
    assert (spread.n, spread.mean) == (1001, 0.5)
    assert (spread.values[0], spread.values[-1]) == (0.0, 1.0)


def test_scores_outside_all_measured_ones_are_0_and_100() -> None:
    spread = Distribution.of(SCORES)
    assert (spread.percentile(-0.1), spread.percentile(1.1)) == (0.0, 100.0)


def test_a_score_that_many_pairs_share_lies_in_their_middle() -> None:
    # Half of the pairs have 0.5: they hold the levels from 50 to 100.
    spread = Distribution.of([0.0] * 500 + [0.5] * 500)
    assert spread.percentile(0.5) == pytest.approx(75, abs=1)
    assert spread.percentile(0.0) == pytest.approx(25, abs=1)


def test_levels_rise_from_0_to_100_and_include_every_whole_percent() -> None:
    assert (calibration.LEVELS[0], calibration.LEVELS[-1]) == (0, 100)
    assert all(a < b for a, b in zip(calibration.LEVELS, calibration.LEVELS[1:], strict=False))
    assert set(range(101)) <= set(calibration.LEVELS)
    assert 99.9 in calibration.LEVELS


def test_relevant_pairs_are_those_judged_relevant_and_random_pairs_those_not_judged() -> None:
    data = data_of(30)
    assert judged_pairs(data, least_grade=1).tolist() == [[k, k] for k in range(30)]
    random = random_pairs(data)
    # 30 x 30 pairs without the 30 relevant ones and the one that was judged wrong.
    assert len(random) == 900 - 30 - 1
    assert [1, 0] not in random.tolist()


def test_a_large_set_is_sampled_the_same_way_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "MOST_RANDOM_PAIRS", 100)
    first, second = (random_pairs(data_of(30)) for _ in range(2))
    assert 50 < len(first) <= 100
    np.testing.assert_array_equal(first, second)


def test_measured_scores_are_the_cosines_of_the_pairs() -> None:
    encoder, data = WordCountEncoder(), data_of(30)
    queries = encoder.encode(data.queries, Role.QUERY).vectors
    documents = encoder.encode(data.documents, Role.PASSAGE).vectors
    found = from_vectors(encoder.info, data, queries, documents)
    table = queries @ documents.T
    assert found.relevant.mean == pytest.approx(float(np.diag(table).mean()), abs=1e-5)
    others = table[~np.eye(30, dtype=bool)].sum() - table[1, 0]
    assert found.random.mean == pytest.approx(float(others / 869), abs=1e-5)
    assert (found.relevant.n, found.random.n) == (30, 869)


def test_too_few_pairs_are_no_calibration() -> None:
    with pytest.raises(DataError) as refused:
        measure(WordCountEncoder(), data_of(19))
    assert refused.value.key == "calibration_too_few"


def test_the_file_holds_numbers_and_no_text(tmp_path) -> None:
    data = data_of(30)
    measured = measure(WordCountEncoder(), data)
    calibration.save(measured, tmp_path / "deep" / "words.json")
    written = (tmp_path / "deep" / "words.json").read_text("utf-8")
    assert not any(word in written for word in ("서울", "부산"))
    assert calibration.read(tmp_path / "deep" / "words.json") == replace(measured)
    assert {"model", "data", "date", "versions", "random", "relevant", "key"} <= set(json.loads(written))


def test_a_calibration_belongs_to_a_content_whatever_computes_it() -> None:
    info = WordCountEncoder().info
    same = replace(info, engine="other", dtype="bfloat16", device="cuda:0", fingerprint="x", note="n", id="renamed")
    assert calibration_key(same) == calibration_key(info)
    others = [replace(info, revision="1"), replace(info, max_tokens=9), replace(info, hub_id="a/b")]
    others.append(replace(info, prompts=replace(info.prompts, query="")))
    assert len({calibration_key(other) for other in (info, *others)}) == 5


def test_own_measurements_come_before_shipped_ones_and_other_models_have_none(tmp_path) -> None:
    settings, encoder = Settings(data_dir=tmp_path / "data"), WordCountEncoder()
    shipped = tmp_path / "shipped"
    assert load_calibration(encoder.info, settings, shipped=shipped) is None
    measured = measure(encoder, data_of(30))
    calibration.save(measured, shipped / "words.json")
    assert load_calibration(encoder.info, settings, shipped=shipped) == measured
    own = measure(encoder, data_of(40))
    calibration.save(own, calibration.own_path(encoder.info, settings))
    assert load_calibration(encoder.info, settings, shipped=shipped) == own
    assert load_calibration(replace(encoder.info, revision="2"), settings, shipped=shipped) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": "koe5-demo-calibration", "version": 2}', "\x00"])
def test_a_broken_file_counts_as_none(tmp_path, content: str) -> None:
    (tmp_path / "broken.json").write_text(content)
    assert load_calibration(WordCountEncoder().info, shipped=tmp_path) is None


def test_a_file_with_falling_values_counts_as_none(tmp_path) -> None:
    calibration.save(measure(WordCountEncoder(), data_of(30)), tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text("utf-8"))
    content["random"]["values"].reverse()
    (tmp_path / "x.json").write_text(json.dumps(content), "utf-8")
    assert calibration.read(tmp_path / "x.json") is None


def test_words_say_how_high_a_score_is_in_both_languages() -> None:
    measured = measure(WordCountEncoder(), data_of(30))
    even = Distribution.of(SCORES)
    found = replace(measured, random=even, relevant=Distribution.of(SCORES + 0.592))
    # 0.992 beats 99.2 % of 0 ... 1 and 40 % of 0.592 ... 1.592.
    assert (
        found.notice(0.992).text(Language.KO) == "점수 0.9920: 무작위 쌍의 99.2%보다 높고, 관련 쌍의 40%보다 높습니다."
    )
    assert (
        found.notice(0.992).text(Language.EN)
        == "Score 0.9920: higher than 99.2% of random pairs and 40% of relevant pairs."
    )
    assert "toy" in found.source().text(Language.EN)


def test_a_percentage_is_never_rounded_up_to_all() -> None:
    assert [percent_text(x) for x in (99.96, 99.999, 100, 0, 0.25, 40.4)] == ["99.9", "99.9", "100", "0", "0.2", "40"]


def test_the_command_measures_writes_and_prints(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    data = data_of(30)
    rows = [
        json.dumps({"_id": i, "title": "", "text": t}) for i, t in zip(data.document_ids, data.documents, strict=True)
    ]
    (folder / "corpus.jsonl").write_text("\n".join(rows), "utf-8")
    rows = [json.dumps({"_id": i, "text": t}) for i, t in zip(data.query_ids, data.queries, strict=True)]
    (folder / "queries.jsonl").write_text("\n".join(rows), "utf-8")
    judged = "".join(f"q{k}\td{k}\t1\n" for k in range(30))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged, "utf-8")
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    options = parser.parse_args(["calibrate", "--model", "words", "--dataset", str(folder)])
    settings, encoder = Settings(data_dir=tmp_path / "data"), WordCountEncoder()
    assert run_calibrate(options, settings, load=lambda name: encoder) == 0
    assert "relevant" in capsys.readouterr().out
    found = load_calibration(encoder.info, settings)
    assert found is not None
    assert (found.relevant.n, found.random.n, found.data["name"]) == (30, 870, "set")
