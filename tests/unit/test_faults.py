"""Disk full and processes killed in mid-write: nothing half-written is ever read, and the words are clear."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.benchmark.naming import system_sources
from koe5_demo.benchmark.results import find_results, load_result
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.vector_cache import VectorCache

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
from koe5_demo.benchmark.naming import system_sources
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.vector_cache import VectorCache
folder = Path({folder!r})
options = RunOptions(cache=VectorCache(folder / "vectors"), output=folder / "runs")
finished(run_suite(["ours"], system_sources(["words"], lambda _: WordCountEncoder()), options))
"""


def suite(folder: Path) -> Any:
    options = RunOptions(cache=VectorCache(folder / "vectors"), output=folder / "runs")
    return finished(run_suite(["ours"], system_sources(["words"], lambda _: WordCountEncoder()), options))


def test_a_full_disk_is_told_and_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        patched.setattr(Path, "replace", full)
        done = suite(tmp_path)
    assert not [path for path in (tmp_path / "runs").rglob("*.json") if path.is_file()] or done.results
    for failure in done.failures:
        assert "No space left" in failure.error.text(failure.error.values.get("language") or _korean())
    again = suite(tmp_path)
    assert [result.dataset for result in again.results] == ["ours"]
    assert again.failures == ()


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


def _korean() -> Any:
    from koe5_demo.messages import Language

    return Language.KO
