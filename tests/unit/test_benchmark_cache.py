"""Vectors on disk: found again, whole after a kill, honest after a flipped byte, bounded, shared by two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from koe5_demo.benchmark.vector_cache import Shelf, VanishedError, VectorCache, text_keys
from koe5_demo.benchmark.vectors import StoppedError, store_vectors
from koe5_demo.errors import DataError
from koe5_demo.records import Encoded, Role
from toy_encoder import LetterCounter, letter_vectors

ROOT = Path(__file__).resolve().parents[2]


def put(shelf: Shelf, texts: list[str]) -> None:
    shelf.add(text_keys(texts), letter_vectors(texts), np.array([len(text) for text in texts]))


def store(encoder, texts, cache, should_stop=lambda: False):
    steps = store_vectors(encoder, texts, Role.PASSAGE, cache, should_stop)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def test_vectors_come_back_as_they_were_put_in(tmp_path):
    cache = VectorCache(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a", "bb", "ab"])
    shelf = cache.shelf("m", Role.PASSAGE)
    keys = text_keys(["ab", "new", "a", "ab"])
    assert shelf.missing(keys).tolist() == [1]
    assert np.array_equal(shelf.vectors(keys[[0, 2, 3]], 9), letter_vectors(["ab", "a", "ab"]))
    assert shelf.tokens(keys[[0, 2, 3]]).tolist() == [2, 1, 2]
    with pytest.raises(VanishedError):
        list(shelf.read(keys))


def test_models_and_roles_do_not_share_vectors(tmp_path):
    cache = VectorCache(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a"])
    assert cache.shelf("m", Role.QUERY).missing(text_keys(["a"])).tolist() == [0]
    assert cache.shelf("other", Role.PASSAGE).missing(text_keys(["a"])).tolist() == [0]


@pytest.mark.parametrize("place", [0, 9, 14, 20, 30, 60, -1])
def test_a_flipped_byte_is_found_wherever_it_is(tmp_path, place):
    cache = VectorCache(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a", "b"])
    (path,) = tmp_path.glob("*/*/*.vec")
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    shelf = cache.shelf("m", Role.PASSAGE)
    keys = text_keys(["a", "b"])
    assert shelf.missing(keys).tolist() == [0, 1] or place in range(24, 56)
    if place in range(24, 56):  # a key: its text is not found, and the other's lookup finds the damage
        assert shelf.missing(keys).tolist() == [0, 1]
    assert not path.exists()


def test_a_segment_that_was_cut_short_is_dropped(tmp_path):
    cache = VectorCache(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a", "b"])
    (path,) = tmp_path.glob("*/*/*.vec")
    path.write_bytes(path.read_bytes()[:-5])
    assert cache.shelf("m", Role.PASSAGE).missing(text_keys(["a"])).tolist() == [0]


def test_damage_is_made_good_by_encoding_again_and_is_counted(tmp_path):
    cache, encoder = VectorCache(tmp_path), LetterCounter()
    store(encoder, ["a", "b", "a"], cache)
    assert sorted(encoder.encoded) == ["a", "b"]  # equal texts once
    (path,) = tmp_path.glob("*/*/*.vec")
    content = bytearray(path.read_bytes())
    content[-1] ^= 128
    path.write_bytes(content)
    again = store(encoder, ["a", "b", "a"], cache)
    assert (again.texts_encoded, again.damaged) == (2, 1)
    assert np.array_equal(again.matrix(), letter_vectors(["a", "b", "a"]))


def test_the_bound_deletes_what_was_longest_unused(tmp_path):
    cache = VectorCache(tmp_path, max_bytes=200)
    for n, text in enumerate(["a", "b", "c"]):  # 24 + 16 + 8 + 36 = 84 bytes each
        put(cache.shelf("m", Role.PASSAGE), [text])
        newest = max(tmp_path.glob("*/*/*.vec"), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, (1000 + n, 1000 + n))
    shelf = cache.shelf("m", Role.PASSAGE)
    list(shelf.read(text_keys(["a"])))  # used just now
    assert cache.size_bytes() == 252
    assert cache.evict() == 84
    assert cache.shelf("m", Role.PASSAGE).missing(text_keys(["a", "b", "c"])).tolist() == [1]


def test_stale_temporary_files_are_swept(tmp_path):
    cache = VectorCache(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a"])
    (folder,) = tmp_path.glob("*/*")
    old, young = folder / "1-old.tmp", folder / "2-young.tmp"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.evict()
    assert (old.exists(), young.exists()) == (False, True)


def test_small_segments_become_one(tmp_path):
    cache = VectorCache(tmp_path)
    shelf = cache.shelf("m", Role.PASSAGE)
    texts = [f"{'a' * n}" for n in range(1, 13)]
    for text in texts:
        put(shelf, [text])
    shelf.compact()
    assert len(list(tmp_path.glob("*/*/*.vec"))) == 1
    assert cache.shelf("m", Role.PASSAGE).missing(text_keys(texts)).tolist() == []
    assert shelf.tokens(text_keys(texts)).tolist() == list(range(1, 13))


def test_a_stop_keeps_what_was_encoded(tmp_path):
    cache, encoder = VectorCache(tmp_path), LetterCounter()
    texts = [f"a{n}" for n in range(40)]
    with pytest.raises(StoppedError):
        store(encoder, texts, cache, should_stop=lambda: len(encoder.encoded) > 0)
    n_first = len(encoder.encoded)
    assert 0 < n_first < 40
    assert store(encoder, texts, cache).texts_encoded == 40 - n_first
    assert len(encoder.encoded) == 40


def test_progress_counts_texts_and_estimates_the_rest(tmp_path):
    steps = list(store_vectors(LetterCounter(), [f"a{n}" for n in range(30)], Role.QUERY, VectorCache(tmp_path), bool))
    assert [steps[0].done, steps[0].total] == [0, 30]
    assert [steps[-1].done, steps[-1].total] == [30, 30]
    assert steps[-1].seconds_left == 0
    assert steps[-1].texts_per_s > 0


def test_vectors_that_are_not_finite_are_refused(tmp_path):
    class Broken(LetterCounter):
        def encode(self, texts, role, *, on_progress=None):
            return Encoded(np.full((len(texts), 9), np.nan, np.float32), self.count_tokens(texts, role), 6)

    with pytest.raises(DataError, match="NaN"):
        store(Broken(), ["a"], VectorCache(tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        VectorCache(tmp_path / "file").shelf("m", Role.QUERY)


WORKER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from toy_encoder import LetterCounter
from koe5_demo.benchmark.vector_cache import VectorCache
from koe5_demo.benchmark.vectors import store_vectors
from koe5_demo.records import Role
encoder = LetterCounter(seconds_a_text={seconds})
texts = [f"a{{n}}" for n in range({start}, {stop})]
for step in store_vectors(encoder, texts, Role.PASSAGE, VectorCache(Path({folder!r})), lambda: False):
    print(step.done, flush=True)
print("encoded", len(encoder.encoded), flush=True)
"""


def worker(folder: Path, start: int, stop: int, seconds: float) -> subprocess.Popen[str]:
    code = WORKER.format(
        root=str(ROOT), tests=str(ROOT / "tests"), folder=str(folder), start=start, stop=stop, seconds=seconds
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_after_a_kill_only_the_portion_under_way_is_encoded_again(tmp_path):
    process = worker(tmp_path, 0, 2000, seconds=0.005)
    done = 0
    for line in process.stdout:
        done = int(line)
        if done >= 16:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    encoder = LetterCounter()
    texts = [f"a{n}" for n in range(2000)]
    stored = store(encoder, texts, VectorCache(tmp_path))
    assert 0 < stored.texts_encoded <= 2000 - done
    assert np.array_equal(stored.matrix(), letter_vectors(texts))


def test_two_processes_fill_one_cache(tmp_path):
    workers = [worker(tmp_path, 0, 600, 0.0005), worker(tmp_path, 300, 900, 0.0005)]
    outputs = [process.communicate(timeout=60)[0] for process in workers]
    assert all(process.returncode == 0 for process in workers)
    assert all("encoded" in output for output in outputs)
    encoder = LetterCounter()
    texts = [f"a{n}" for n in range(900)]
    stored = store(encoder, texts, VectorCache(tmp_path))
    assert encoder.encoded == []
    assert np.array_equal(stored.matrix(), letter_vectors(texts))


def test_another_process_that_deletes_everything_meanwhile_does_no_harm(tmp_path):
    cache, encoder = VectorCache(tmp_path), LetterCounter()
    stored = store(encoder, ["a", "b"], cache)
    time.sleep(0)
    for path in tmp_path.glob("*/*/*.vec"):
        path.unlink()
    with pytest.raises(VanishedError):
        stored.matrix()
    assert store(encoder, ["a", "b"], cache).texts_encoded == 2
