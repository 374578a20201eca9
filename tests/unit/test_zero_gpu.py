"""The encoder on a lent GPU: how long it asks for one, and that nothing changes where none is lent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.encoding import zero_gpu
from koe5_demo.records import Role

ROOT = Path(__file__).resolve().parents[2]
FAKE_SPACES = """
calls = []
def GPU(duration):
    def decorate(function):
        def call(*arguments):
            calls.append(duration(*arguments))
            return function(*arguments)
        return call
    return decorate
"""
PROGRAM = """
import json, sys
from dataclasses import replace
from doubles import WordCountEncoder
from koe5_demo.encoding import zero_gpu
from koe5_demo.records import Role
import spaces
inner = WordCountEncoder()
inner.info = replace(inner.info, device="cuda:0")
lent = zero_gpu.lend_gpu(inner)
encoded = lent.encode(["서울", "부산 바다"], Role.PASSAGE)
pair = (["수도"], Role.QUERY), (["서울"], Role.PASSAGE)
together = lent.encode_both(*pair)
alone = [WordCountEncoder().encode(*part) for part in pair]
small = WordCountEncoder()
print(json.dumps({
    "lent": type(lent).__name__,
    "calls": spaces.calls,
    "together": all((two.vectors == one.vectors).all() for two, one in zip(together, alone)),
    "same": bool((encoded.vectors == WordCountEncoder().encode(["서울", "부산 바다"], Role.PASSAGE).vectors).all()),
    "passes": zero_gpu.lend_gpu(small) is small,
    "big": zero_gpu.placement("auto", "auto", small=False),
    "small": zero_gpu.placement("auto", "auto", small=True),
    "waits": zero_gpu.LOAD_WAIT_S > 0,
}))
"""


def test_without_the_package_encoders_pass_through_and_it_is_not_imported() -> None:
    encoder = WordCountEncoder()
    assert not zero_gpu.ACTIVE
    assert zero_gpu.lend_gpu(encoder) is encoder
    assert zero_gpu.placement("cuda", "bf16", small=False) == ("cuda", "bf16")
    assert "spaces" not in sys.modules


def test_on_zero_gpu_the_same_vectors_come_out_of_lent_calls(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(FAKE_SPACES, "utf-8")
    path = [str(tmp_path), str(ROOT), str(ROOT / "tests")]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{PROGRAM}"],
        env={"SPACES_ZERO_GPU": "true", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ran.stdout)
    assert told == {
        "lent": "ZeroGpuEncoder",
        "calls": [3, 3],  # ceil(2 s to start + 5 tokens / 20,000 a second), and one for a query with its passages
        "together": True,
        "same": True,
        "passes": True,
        "big": ["cuda", "fp32"],
        "small": ["cpu", "auto"],
        "waits": True,
    }


@pytest.mark.parametrize(
    ("n_tokens", "seconds"), [(0, 2), (1, 3), (20_000, 3), (100_000, 7), (160_000, 10), (10**9, 10)]
)
def test_the_duration_grows_with_the_tokens_and_stays_within_ten_seconds(n_tokens: int, seconds: int) -> None:
    assert zero_gpu.duration_s(n_tokens) == seconds


def test_long_work_is_parted_into_calls_that_each_fit() -> None:
    counts = np.array([4, 3, 3, 9, 1, 1])
    assert list(zero_gpu.calls(counts, most=7)) == [slice(0, 2), slice(2, 3), slice(3, 4), slice(4, 6)]
    assert list(zero_gpu.calls(np.array([], dtype=np.int64))) == []
    largest_ranking = np.full(1_050, 512)
    assert all(zero_gpu.duration_s(int(largest_ranking[part].sum())) <= 10 for part in zero_gpu.calls(largest_ranking))


def test_progress_tells_the_texts_that_are_done() -> None:
    told: list[tuple[int, int]] = []
    lent = zero_gpu.ZeroGpuEncoder(WordCountEncoder(), lambda duration: lambda function: function)
    encoded = lent.encode(["서울", "산"], Role.QUERY, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 2)]
    assert encoded.vectors.shape == (2, 5)
    assert lent.encode([], Role.QUERY).vectors.shape == (0, 5)


def test_queries_and_passages_that_do_not_fit_one_call_are_asked_for_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    loans: list[int] = []

    def gpu(duration):  # type: ignore[no-untyped-def]
        return lambda function: lambda *arguments: loans.append(arguments[1]) or function(*arguments)

    lent = zero_gpu.ZeroGpuEncoder(WordCountEncoder(), gpu)
    pair = (["서울", "산"], Role.QUERY), (["부산 바다"], Role.PASSAGE)
    told: list[tuple[int, int]] = []
    together = lent.encode_both(*pair, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 3)]
    assert [list(part.n_tokens) for part in together] == [[2, 2], [3]]
    monkeypatch.setattr(zero_gpu, "TOKENS_PER_CALL", 4)
    apart = lent.encode_both(*pair)
    assert loans == [7, 4, 3]
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)


def test_nothing_else_imports_the_package() -> None:
    users = [path.name for path in (ROOT / "koe5_demo").rglob("*.py") if "import spaces" in path.read_text("utf-8")]
    assert users == []
    named = [path.name for path in (ROOT / "koe5_demo").rglob("*.py") if '"spaces"' in path.read_text("utf-8")]
    assert named == ["zero_gpu.py"]
