"""Vectors on disk: found again, whole after a kill, honest after a flipped byte, bounded, shared by two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from koe5_demo.benchmark.progress import StoppedError
from koe5_demo.benchmark.stored_vectors import (
    DiskVectors,
    Shelf,
    UnwritableError,
    VanishedError,
    store_vectors,
    text_keys,
)
from koe5_demo.errors import DataError
from koe5_demo.records import Encoded, Role
from koe5_demo.words import Language
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
    cache = DiskVectors(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a", "bb", "ab"])
    shelf = cache.shelf("m", Role.PASSAGE)
    keys = text_keys(["ab", "new", "a", "ab"])
    assert shelf.missing(keys).tolist() == [1]
    assert np.array_equal(shelf.vectors(keys[[0, 2, 3]], 9), letter_vectors(["ab", "a", "ab"]))
    assert shelf.tokens(keys[[0, 2, 3]]).tolist() == [2, 1, 2]
    with pytest.raises(VanishedError):
        list(shelf.read(keys))


def test_models_and_roles_do_not_share_vectors(tmp_path):
    cache = DiskVectors(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a"])
    assert cache.shelf("m", Role.QUERY).missing(text_keys(["a"])).tolist() == [0]
    assert cache.shelf("other", Role.PASSAGE).missing(text_keys(["a"])).tolist() == [0]


def test_no_flipped_bit_ever_comes_back_as_a_vector(tmp_path):
    put(DiskVectors(tmp_path).shelf("m", Role.PASSAGE), ["a", "b"])
    (path,) = tmp_path.glob("*/*/*.npz")
    content, keys = path.read_bytes(), text_keys(["a", "b"])
    n_found = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        shelf = DiskVectors(tmp_path).shelf("m", Role.PASSAGE)
        missing = shelf.missing(keys).tolist()
        n_found += missing == [0, 1]
        assert missing == ([0, 1] if shelf.damaged else [])
        if not missing:  # a byte that means nothing, such as a file's date
            assert np.array_equal(shelf.vectors(keys, 9), letter_vectors(["a", "b"]))
            assert shelf.tokens(keys).tolist() == [1, 1]
        assert path.exists() == (not missing)
    assert n_found > 2 * 9 * 4 + 2 * 16 + 2 * 8  # every byte of vectors, keys and counts, and what leads to them


def test_damage_that_cannot_be_deleted_is_not_read_either(tmp_path, monkeypatch):
    put(DiskVectors(tmp_path).shelf("m", Role.PASSAGE), ["a"])
    (path,) = tmp_path.glob("*/*/*.npz")
    path.write_bytes(path.read_bytes().replace(np.float32(1).tobytes(), np.float32(2).tobytes()))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    shelf = DiskVectors(tmp_path).shelf("m", Role.PASSAGE)
    assert shelf.missing(text_keys(["a"])).tolist() == [0]
    assert path.exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_segment_is_dropped_and_the_rest_is_found(tmp_path, content):
    shelf = DiskVectors(tmp_path).shelf("m", Role.PASSAGE)
    put(shelf, ["a"])
    (path,) = tmp_path.glob("*/*/*.npz")
    strange = path.with_name("strange.npz")
    strange.write_bytes(content)
    again = DiskVectors(tmp_path).shelf("m", Role.PASSAGE)
    assert again.missing(text_keys(["a", "b"])).tolist() == [1]
    assert not strange.exists()


def test_a_segment_that_was_cut_short_is_dropped(tmp_path):
    cache = DiskVectors(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a", "b"])
    (path,) = tmp_path.glob("*/*/*.npz")
    path.write_bytes(path.read_bytes()[:-5])
    assert cache.shelf("m", Role.PASSAGE).missing(text_keys(["a"])).tolist() == [0]


def test_damage_is_made_good_by_encoding_again_and_is_counted(tmp_path):
    cache, encoder = DiskVectors(tmp_path), LetterCounter()
    store(encoder, ["a", "b", "a"], cache)
    assert sorted(encoder.encoded) == ["a", "b"]  # equal texts once
    (path,) = tmp_path.glob("*/*/*.npz")
    content = path.read_bytes()
    path.write_bytes(content.replace(np.float32(1).tobytes(), np.float32(-1).tobytes()))
    again = store(encoder, ["a", "b", "a"], cache)
    assert (again.texts_encoded, again.damaged) == (2, 1)
    assert np.array_equal(again.matrix(), letter_vectors(["a", "b", "a"]))


def test_the_bound_deletes_what_was_longest_unused(tmp_path):
    cache = DiskVectors(tmp_path)
    for n, text in enumerate(["a", "b", "c"]):
        put(cache.shelf("m", Role.PASSAGE), [text])
        newest = max(tmp_path.glob("*/*/*.npz"), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, (1000 + n, 1000 + n))
    list(cache.shelf("m", Role.PASSAGE).read(text_keys(["a"])))  # used just now
    sizes = [path.stat().st_size for path in tmp_path.glob("*/*/*.npz")]
    cache.max_bytes = sum(sizes) - 1
    assert cache.evict() == sizes[0]
    assert cache.shelf("m", Role.PASSAGE).missing(text_keys(["a", "b", "c"])).tolist() == [1]


def test_files_of_an_older_form_count_and_go_first(tmp_path):
    cache = DiskVectors(tmp_path, max_bytes=2_000)
    put(cache.shelf("m", Role.PASSAGE), ["a"])
    (path,) = tmp_path.glob("*/*/*.npz")
    old = path.with_name("1-old.vec")
    old.write_bytes(bytes(2_000))
    os.utime(old, (1, 1))
    assert cache.evict() == 2_000
    assert path.exists()


def test_stale_temporary_files_are_swept(tmp_path):
    cache = DiskVectors(tmp_path)
    put(cache.shelf("m", Role.PASSAGE), ["a"])
    (folder,) = tmp_path.glob("*/*")
    old, young = folder / "1-old.tmp", folder / "2-young.tmp"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.evict()
    assert (old.exists(), young.exists()) == (False, True)


def test_small_segments_become_one(tmp_path):
    cache = DiskVectors(tmp_path)
    shelf = cache.shelf("m", Role.PASSAGE)
    texts = [f"{'a' * n}" for n in range(1, 13)]
    for text in texts:
        put(shelf, [text])
    shelf.compact()
    assert len(list(tmp_path.glob("*/*/*.npz"))) == 1
    assert cache.shelf("m", Role.PASSAGE).missing(text_keys(texts)).tolist() == []
    assert shelf.tokens(text_keys(texts)).tolist() == list(range(1, 13))


def test_a_stop_keeps_what_was_encoded(tmp_path):
    cache, encoder = DiskVectors(tmp_path), LetterCounter()
    texts = [f"a{n}" for n in range(40)]
    with pytest.raises(StoppedError):
        store(encoder, texts, cache, should_stop=lambda: len(encoder.encoded) > 0)
    n_first = len(encoder.encoded)
    assert 0 < n_first < 40
    assert store(encoder, texts, cache).texts_encoded == 40 - n_first
    assert len(encoder.encoded) == 40


def test_progress_counts_texts_and_estimates_the_rest(tmp_path):
    steps = list(store_vectors(LetterCounter(), [f"a{n}" for n in range(30)], Role.QUERY, DiskVectors(tmp_path), bool))
    assert [steps[0].done, steps[0].total] == [0, 30]
    assert [steps[-1].done, steps[-1].total] == [30, 30]
    assert steps[-1].seconds_left == 0
    assert steps[-1].texts_per_s > 0


def test_vectors_that_are_not_finite_are_refused(tmp_path):
    class Broken(LetterCounter):
        def encode(self, texts, role, *, on_progress=None):
            return Encoded(np.full((len(texts), 9), np.nan, np.float32), self.count_tokens(texts, role), 6)

    with pytest.raises(DataError, match="NaN"):
        store(Broken(), ["a"], DiskVectors(tmp_path))


def test_a_folder_that_cannot_be_made_is_named_in_the_log_and_not_to_visitors(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError) as caught:
        DiskVectors(tmp_path / "file").shelf("m", Role.QUERY)
    for language in Language:
        assert str(tmp_path) not in caught.value.text(language)
    assert str(tmp_path / "file") in caplog.text


def test_columns_in_another_order_and_wider_numbers_are_stored_as_they_are(tmp_path):
    shelf, keys = DiskVectors(tmp_path).shelf("m", Role.QUERY), text_keys(["a", "b", "c"])
    vectors = np.asfortranarray(np.arange(12, dtype=np.float64).reshape(3, 4))
    shelf.add(keys, vectors, np.array([1, 2, 3], dtype=np.int32))
    found = DiskVectors(tmp_path).shelf("m", Role.QUERY)
    assert found.vectors(keys, 4).tolist() == vectors.tolist()
    assert found.tokens(keys).tolist() == [1, 2, 3]


WORKER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from toy_encoder import LetterCounter
from koe5_demo.benchmark.stored_vectors import DiskVectors, store_vectors
from koe5_demo.records import Role
encoder = LetterCounter(seconds_a_text={seconds})
texts = [f"a{{n}}" for n in range({start}, {stop})]
for step in store_vectors(encoder, texts, Role.PASSAGE, DiskVectors(Path({folder!r})), lambda: False):
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
    stored = store(encoder, texts, DiskVectors(tmp_path))
    assert 0 < stored.texts_encoded <= 2000 - done
    assert np.array_equal(stored.matrix(), letter_vectors(texts))


def test_two_processes_fill_one_cache(tmp_path):
    workers = [worker(tmp_path, 0, 600, 0.0005), worker(tmp_path, 300, 900, 0.0005)]
    outputs = [process.communicate(timeout=60)[0] for process in workers]
    assert all(process.returncode == 0 for process in workers)
    assert all("encoded" in output for output in outputs)
    encoder = LetterCounter()
    texts = [f"a{n}" for n in range(900)]
    stored = store(encoder, texts, DiskVectors(tmp_path))
    assert encoder.encoded == []
    assert np.array_equal(stored.matrix(), letter_vectors(texts))


def test_another_process_that_deletes_everything_meanwhile_does_no_harm(tmp_path):
    cache, encoder = DiskVectors(tmp_path), LetterCounter()
    stored = store(encoder, ["a", "b"], cache)
    for path in tmp_path.glob("*/*/*.npz"):
        path.unlink()
    with pytest.raises(VanishedError):
        stored.matrix()
    assert store(encoder, ["a", "b"], cache).texts_encoded == 2
