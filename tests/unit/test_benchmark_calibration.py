"""The first benchmark run of a model calibrates its scores, without encoding anything again."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles import WordCountEncoder
from koe5_demo.benchmark import calibrating as calibrating_module
from koe5_demo.benchmark.calibrating import calibrating
from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import system_sources
from koe5_demo.errors import DataError
from koe5_demo.ranking import calibration
from koe5_demo.settings import Settings

N = 30


@pytest.fixture
def data() -> RetrievalData:
    """Thirty queries of one word each; the answer of query n is document n, which holds that word too."""
    words = [("서울", "수도", "바다")[n % 3] for n in range(N)]
    return assemble(
        [{"_id": str(n), "text": f"{word} {n}"} for n, word in enumerate(words)],
        [{"_id": str(n), "text": f"{n} {word}"} for n, word in enumerate(words)],
        [{"query-id": str(n), "corpus-id": str(n), "score": 1} for n in range(N)],
        name="made",
    )


def run(data: RetrievalData, encoder: WordCountEncoder, folder: Path) -> Settings:
    settings, cache = Settings(data_dir=folder), DiskVectors(folder / "vectors")
    sources = system_sources(["words", "bm25"], lambda _: encoder)
    events = run_suite([data], sources, RunOptions(cache=cache))
    result = finished(calibrating(events, {"words": encoder}, cache, settings))
    assert len(result.results) == 2
    return settings


def test_a_first_run_leaves_a_calibration_of_the_model(data, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(calibrating_module, "read_dataset", lambda name: data)
    encoder = WordCountEncoder()
    assert calibration.load_calibration(encoder.info, Settings(data_dir=tmp_path)) is None
    settings = run(data, encoder, tmp_path)
    found = calibration.load_calibration(encoder.info, settings)
    assert found is not None
    assert found.data["name"] == "made"
    # A query and its answer hold the same word: cosine 1. Of the 29 others of each query 9 do too.
    assert (found.relevant.n, found.relevant.mean) == (N, 1.0)
    assert found.random.mean == pytest.approx(9 / 29, abs=1e-6)
    assert sum(len(texts) for texts in encoder.calls) == 2 * N


def test_a_measured_calibration_is_left_as_it_is(data, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(calibrating_module, "read_dataset", lambda name: data)
    encoder = WordCountEncoder()
    path = calibration.own_path(encoder.info, run(data, encoder, tmp_path))
    before = path.stat().st_mtime_ns
    run(data, encoder, tmp_path)
    assert path.stat().st_mtime_ns == before


def test_data_that_is_gone_does_not_harm_the_run(data, tmp_path: Path, monkeypatch) -> None:
    def missing(name: str) -> RetrievalData:
        raise DataError("file_empty", name=name)

    monkeypatch.setattr(calibrating_module, "read_dataset", missing)
    encoder = WordCountEncoder()
    settings = run(data, encoder, tmp_path)
    assert calibration.load_calibration(encoder.info, settings) is None
