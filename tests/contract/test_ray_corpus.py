"""A corpus through Ray's workers: nothing lost, nothing doubled, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytest.importorskip("pyarrow", reason="needs requirements-ray.txt")

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from doubles import WordCountEncoder
from koe5_demo.encoding.ray_corpus import CorpusJob, Part, PartWorker, cut_parts, encode_corpus, finish_part, sample
from koe5_demo.errors import DataError, InputError, MissingExtraError
from koe5_demo.records import Encoded, Encoder, OnProgress, Role
from koe5_demo.words import Language

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("서울", "부산", "수도", "바다", "산")


class Traced(WordCountEncoder):
    """Leaves a file for each call, and kills its own process once, in its second call, if it is told to."""

    def __init__(self, log: Path, *, kill: bool) -> None:
        super().__init__()
        self._log, self._kill = log, kill

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        (self._log / f"{os.getpid()}-{len(self.calls)}").touch()
        if self._kill and self.calls:
            self._die_once()
        time.sleep(0.05)  # so that one worker alone does not do all
        return super().encode(texts, role, on_progress=on_progress)

    def _die_once(self) -> None:
        try:
            with (self._log / "killed").open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def opener(log: Path, *, kill: bool = False) -> Callable[[], Encoder]:
    log.mkdir(exist_ok=True)
    return partial(Traced, log, kill=kill)


@pytest.fixture(scope="module")
def two_local_workers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80_000_000,
            log_to_driver=False,
            logging_level="ERROR",
        )
        yield
        ray.shutdown()


def text_of(n: int) -> str:
    return f"{WORDS[n % 5]} {WORDS[n // 5 % 5]} {n}"


@pytest.fixture
def job(tmp_path: Path) -> CorpusJob:
    """Two files of 60 and 43 rows, 20 rows a row group, one in a sub-folder; parts of at most 8 rows."""
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    for name, start, stop in (("a.parquet", 0, 60), ("sub/a.parquet", 60, 103)):
        ids, texts = [f"d{n}" for n in range(start, stop)], [text_of(n) for n in range(start, stop)]
        pq.write_table(pa.table({"id": ids, "text": texts}), source / name, row_group_size=20)
    return CorpusJob(source, tmp_path / "out", "text", Role.PASSAGE, rows_per_part=8)


def read(target: Path) -> dict[str, np.ndarray]:
    """All rows of an output folder; an id that is there twice fails."""
    found: dict[str, np.ndarray] = {}
    for path in sorted(target.glob("*.parquet")):
        table = pq.read_table(path)
        assert table.schema.field("vector").type == pa.list_(pa.float32(), 5)
        for row in table.to_pylist():
            assert row["id"] not in found
            found[row["id"]] = row["vector"]
    return found


def assert_complete(target: Path) -> None:
    found = read(target)
    assert sorted(found) == sorted(f"d{n}" for n in range(103))
    expected = WordCountEncoder().encode([text_of(n) for n in range(103)], Role.PASSAGE).vectors
    np.testing.assert_array_equal(np.array([found[f"d{n}"] for n in range(103)], dtype=np.float32), expected)


def test_the_input_is_cut_by_file_row_group_and_row(job: CorpusJob) -> None:
    parts = cut_parts(job)
    # Row groups of 20 give 8 + 8 + 4; file a has three, the other two and one of 3 rows.
    assert [part.n_rows for part in parts] == [8, 8, 4] * 5 + [3]
    assert [part.first_row for part in parts[:7]] == [0, 8, 16, 20, 28, 36, 40]
    assert len({part.name for part in parts}) == len(parts)
    assert cut_parts(job) == parts


@pytest.mark.slow
def test_a_killed_worker_loses_and_doubles_nothing_and_a_second_run_mends_what_is_broken(
    two_local_workers: None, job: CorpusJob, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    report = encode_corpus(
        job, opener(tmp_path / "first", kill=True), n_workers=2, on_progress=lambda *step: seen.append(step)
    )
    assert (report.n_parts, report.n_skipped, report.n_rows, report.dimensions) == (16, 0, 103, 5)
    assert_complete(job.target)
    workers = {path.name.split("-")[0] for path in (tmp_path / "first").glob("*-*")}
    assert (tmp_path / "first" / "killed").read_text() in workers
    assert len(workers) >= 2
    assert seen[-1] == (103, 103)
    assert not list(job.target.glob("*.tmp"))

    broken = break_three_parts(job.target)
    untouched = {path: path.stat().st_mtime_ns for path in job.target.glob("*.parquet") if path not in broken}
    report = encode_corpus(job, opener(tmp_path / "second"), n_workers=2)
    assert (report.n_skipped, report.n_parts) == (13, 16)
    assert len(list((tmp_path / "second").glob("*-*"))) == 3
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched
    assert_complete(job.target)


def break_three_parts(target: Path) -> list[Path]:
    """Flip a bit of one output, take the receipt of another away, and a third output itself."""
    flipped, without_receipt, lost = sorted(target.glob("*.parquet"))[1:8:3]
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    without_receipt.with_suffix(".json").unlink()
    lost.unlink()
    return [flipped, without_receipt, lost]


def test_the_output_of_another_job_is_not_overwritten(job: CorpusJob) -> None:
    job.target.mkdir()
    part = cut_parts(job)[0]
    finish_part(job, part, WordCountEncoder())
    before = (job.target / f"{part.name}.parquet").stat().st_mtime_ns
    with pytest.raises(DataError, match="role: 'query' / 'passage'"):
        finish_part(replace(job, role=Role.QUERY), part, WordCountEncoder())
    with pytest.raises(DataError, match="fingerprint: 'other' / 'words'") as caught:
        finish_part(job, part, WordCountEncoder(fingerprint="other"))
    assert "다른 작업" in caught.value.text(Language.KO)
    assert (job.target / f"{part.name}.parquet").stat().st_mtime_ns == before


def test_blank_rows_are_kept_without_a_vector_and_rows_without_id_are_named(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(pa.table({"본문": ["서울", None, "  ", "바다 바다"]}), source / "문서.parquet")
    job = CorpusJob(source, tmp_path / "out", "본문", Role.PASSAGE)
    job.target.mkdir()
    receipt, skipped = finish_part(job, cut_parts(job)[0], WordCountEncoder(max_tokens=2))
    assert (receipt.n_blank, receipt.n_truncated, skipped) == (2, 1, False)
    rows = pq.read_table(next(job.target.glob("*.parquet"))).to_pylist()
    assert [row["id"] for row in rows] == [f"문서.parquet#{n}" for n in range(4)]
    assert [row["vector"] for row in rows] == [[1, 0, 0, 0, 0], None, None, [0, 0, 0, 1, 0]]
    # "passage: 서울" is two words, "passage: 바다 바다" three.
    assert [row["n_tokens"] for row in rows] == [2, 0, 0, 3]
    assert finish_part(job, cut_parts(job)[0], WordCountEncoder(max_tokens=2)) == (receipt, True)


def test_columns_to_choose_from_come_with_their_first_rows(job: CorpusJob) -> None:
    columns, rows = sample(job.source)
    assert columns == ("id", "text")
    assert rows[1] == ("d1", text_of(1))


def test_output_names_of_different_files_never_meet() -> None:
    names = [Part(file, 0, 0, 0, 1).name for file in ("a/b.parquet", "a%2Fb.parquet", "a-b.parquet")]
    assert len(set(names)) == 3
    assert not [name for name in names if "/" in name]


def test_a_worker_tells_what_a_person_can_mend(job: CorpusJob) -> None:
    def broken() -> Encoder:
        raise MissingExtraError("missing_extra", package="openai", extra="endpoint")

    part = json.dumps(asdict(cut_parts(job)[0]))
    answer = PartWorker(job, broken)({"part": np.array([part])})
    told = json.loads(str(answer["error"][0]))
    assert "pip install -r requirements-endpoint.txt" in DataError(told["key"], **told["values"]).text(Language.EN)


def test_unusable_input_is_told(job: CorpusJob, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"has no \.parquet file"):
        sample(empty)
    with pytest.raises(InputError, match=r"no text column 'body'\. Text columns: id, text"):
        cut_parts(CorpusJob(job.source, job.target, "body", Role.PASSAGE))
    with pytest.raises(InputError, match="workers must be at least 1"):
        encode_corpus(job, WordCountEncoder, n_workers=0)
    (job.source / "z.parquet").write_bytes(b"PAR1 this is no parquet file")
    with pytest.raises(DataError, match=r"z\.parquet cannot be read as parquet"):
        cut_parts(job)


def test_a_receipt_tells_how_its_part_was_made(job: CorpusJob) -> None:
    job.target.mkdir()
    part = cut_parts(job)[0]
    finish_part(job, part, WordCountEncoder())
    told = json.loads((job.target / f"{part.name}.json").read_text("utf-8"))
    assert told["part"] == {"file": "a.parquet", "row_group": 0, "skip": 0, "first_row": 0, "n_rows": 8}
    assert (told["column"], told["role"], told["fingerprint"], len(told["checksum"])) == (
        "text",
        "passage",
        "words",
        40,
    )
