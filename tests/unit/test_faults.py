"""Disk full and processes killed in mid-write: nothing half-written is ever read, and the words are clear."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.benchmark.result_files import find_results, load_result
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import system_sources
from koe5_demo.cli import main
from koe5_demo.words import Language

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, sys
sys.path[:0] = {path!r}
import numpy as np
real = os.replace
def die(*_):
    os.kill(os.getpid(), 9)
os.replace = die
from pathlib import Path
Path.replace = lambda *_: die()
Path.rename = lambda *_: die()
from doubles import WordCountEncoder
from koe5_demo.benchmark.systems import system_sources
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
folder = Path({folder!r})
options = RunOptions(cache=DiskVectors(folder / "vectors"), output=folder / "runs")
finished(run_suite(["ours"], system_sources(["words"], lambda _: WordCountEncoder()), options))
"""


def suite(folder: Path) -> Any:
    options = RunOptions(cache=DiskVectors(folder / "vectors"), output=folder / "runs")
    return finished(run_suite(["ours"], system_sources(["words"], lambda _: WordCountEncoder()), options))


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: the write that passes them fails half done, as on a full disk."""
    resource = pytest.importorskip("resource", reason="no such limits on this system")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [0, 1_000, 20_000, 60_000])
def test_a_disk_that_is_full_in_mid_write_is_told_and_leaves_nothing_half_written(tmp_path: Path, n_bytes: int) -> None:
    with small_disk(n_bytes):
        done = suite(tmp_path)
    # One write does not fit: of the documents' vectors (358 rows of 5 float32 and keys), or of the result.
    (failure,) = done.failures
    assert "File too large" in failure.error.text(Language.EN)
    assert done.results == ()
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")] == []
    assert list((tmp_path / "runs").rglob("*.json")) == []
    assert [result.dataset for result in suite(tmp_path).results] == ["ours"]


def test_a_full_disk_leaves_the_vectors_that_were_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts, output = tmp_path / "texts.txt", tmp_path / "vectors.npy"
    texts.write_text("서울은 수도이다.\n부산은 항구이다.\n", "utf-8")
    output.write_bytes(b"older vectors")
    arguments = ["encode", "--input", str(texts), "--role", "passage", "--output", str(output), "--model", "mini"]
    with small_disk(2_000):  # two rows of 384 float32 are 3,072 bytes
        assert main(arguments) == 2
    assert "File too large" in capsys.readouterr().err
    assert output.read_bytes() == b"older vectors"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts.txt", "vectors.npy"]
    assert main(arguments) == 0
    assert np.load(output, allow_pickle=False).shape == (2, 384)


def test_a_process_killed_in_mid_write_loses_nothing_that_was_there(tmp_path: Path) -> None:
    read_dataset("ours")
    program = KILLED.format(path=[str(ROOT), str(ROOT / "tests")], folder=str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=120)
    assert killed.returncode == -9, killed.stderr.decode()
    done = suite(tmp_path)
    assert [result.dataset for result in done.results] == ["ours"]
    paths = list(find_results(tmp_path / "runs"))
    assert [load_result(path).dataset for path in paths] == ["ours"]
    ndcg = load_result(paths[0]).headline()["ndcg_at_10"]
    fresh = finished(run_suite(["ours"], system_sources(["words"], lambda _: WordCountEncoder())))
    assert np.isclose(ndcg, fresh.results[0].headline()["ndcg_at_10"])
