"""The cache of vectors: only what changed is computed again, memory is bounded, threads are safe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.records import Role

ROW_BYTES = 5 * 4  # five words, float32


def test_only_changed_texts_are_computed_again() -> None:
    inner = WordCountEncoder()
    encoder = CachingEncoder(inner, VectorCache(10_000))
    texts = ["서울", "부산", "산"]
    first = encoder.encode(texts, Role.PASSAGE)
    texts[1] = "바다"
    second = encoder.encode(texts, Role.PASSAGE)
    assert inner.calls == [("서울", "부산", "산"), ("바다",)]
    assert (first.n_computed, second.n_computed) == (3, 1)
    np.testing.assert_array_equal(second.vectors, WordCountEncoder().encode(texts, Role.PASSAGE).vectors)
    assert second.n_tokens.tolist() == [2, 2, 2]


class TogetherEncoder(WordCountEncoder):
    """Notes what it is asked for together."""

    def encode_both(self, queries, passages, *, on_progress=None):  # type: ignore[no-untyped-def]
        both = self.encode(*queries), self.encode(*passages, on_progress=on_progress)
        self.calls[-2:] = [self.calls[-2] + self.calls[-1]]
        return both


@pytest.mark.parametrize("inner", [TogetherEncoder(), WordCountEncoder()])
def test_changed_queries_and_passages_are_computed_together_where_the_model_can(inner: WordCountEncoder) -> None:
    encoder = CachingEncoder(inner, VectorCache(10_000))
    together = isinstance(inner, TogetherEncoder)
    encoder.encode(["서울"], Role.PASSAGE)
    inner.calls.clear()
    queries, passages = (["산", "수도"], Role.QUERY), (["바다", "서울", "바다"], Role.PASSAGE)
    first = encoder.encode_both(queries, passages)
    assert inner.calls == ([("산", "수도", "바다")] if together else [("산", "수도"), ("바다",)])
    assert [part.n_computed for part in first] == [2, 1]
    encoder.encode_both((["산"], Role.QUERY), (["부산"], Role.PASSAGE))
    assert inner.calls[-1] == ("부산",)  # nothing to compute of the query
    for got, asked in zip(first, (queries, passages), strict=True):
        np.testing.assert_array_equal(got.vectors, WordCountEncoder().encode(*asked).vectors)


def test_a_repeated_text_is_computed_once() -> None:
    inner = WordCountEncoder()
    encoded = CachingEncoder(inner, VectorCache(10_000)).encode(["산", "서울", "산"], Role.QUERY)
    assert inner.calls == [("산", "서울")]
    np.testing.assert_array_equal(encoded.vectors[0], encoded.vectors[2])


def test_roles_and_models_do_not_share_vectors() -> None:
    cache = VectorCache(10_000)
    first, second = WordCountEncoder(fingerprint="a"), WordCountEncoder(fingerprint="b")
    for inner in (first, second):
        CachingEncoder(inner, cache).encode(["산"], Role.QUERY)
        CachingEncoder(inner, cache).encode(["산"], Role.PASSAGE)
    assert len(first.calls) == len(second.calls) == 2
    assert len(cache) == 4


def test_the_least_recently_used_vector_goes_first() -> None:
    inner = WordCountEncoder()
    cache = VectorCache(2 * ROW_BYTES)
    encoder = CachingEncoder(inner, cache)
    for text in ("서울", "부산", "서울", "산"):  # 서울 was used again, so 부산 goes
        encoder.encode([text], Role.QUERY)
    inner.calls.clear()
    encoder.encode(["서울", "산"], Role.QUERY)
    assert inner.calls == []
    encoder.encode(["부산"], Role.QUERY)
    assert inner.calls == [("부산",)]


def test_memory_stays_within_the_bound() -> None:
    cache = VectorCache(10 * ROW_BYTES)
    encoder = CachingEncoder(WordCountEncoder(), cache)
    encoder.encode([f"글 {n}" for n in range(100)], Role.PASSAGE)
    assert cache.n_bytes == 10 * ROW_BYTES
    assert len(cache) == 10


def test_a_full_cache_writes_new_vectors_into_the_memory_of_old_ones_and_leaves_what_was_read_alone() -> None:
    cache = VectorCache(ROW_BYTES)
    cache.put(b"old", np.ones(5, dtype=np.float32), 1)
    read, memory = cache.get(b"old"), cache._entries[b"old"].vector
    cache.put(b"new", np.zeros(5, dtype=np.float32), 2)
    assert cache._entries[b"new"].vector is memory
    assert read is not None
    assert read.vector.tolist() == [1, 1, 1, 1, 1]


def test_vectors_lie_side_by_side_whatever_else_is_allocated_between_them() -> None:
    cache, between = VectorCache(10_000), []
    for n in range(3):
        cache.put(bytes([n]), np.full(5, n, dtype=np.float32), 1)
        between.append(np.empty(1_000))
    places = sorted(entry.vector.__array_interface__["data"][0] for entry in cache._entries.values())
    assert np.diff(places).tolist() == [ROW_BYTES, ROW_BYTES]
    assert [cache.get(bytes([n])).vector.tolist() for n in range(3)] == [[n] * 5 for n in range(3)]  # type: ignore[union-attr]


def test_a_vector_of_another_width_makes_room_by_size() -> None:
    cache = VectorCache(3 * ROW_BYTES)
    for n in range(3):
        cache.put(bytes([n]), np.full(5, n, dtype=np.float32), 1)
    cache.put(b"wide", np.arange(10, dtype=np.float32), 1)
    assert (len(cache), cache.n_bytes) == (2, 3 * ROW_BYTES)
    found = cache.get(b"wide")
    assert found is not None
    assert found.vector.tolist() == list(range(10))


def test_no_text_gives_an_empty_result() -> None:
    encoded = CachingEncoder(WordCountEncoder(), VectorCache(100)).encode([], Role.QUERY)
    assert encoded.vectors.shape == (0, 5)
    assert encoded.n_tokens.shape == (0,)


def test_threads_get_the_right_vectors_from_one_cache() -> None:
    encoder = CachingEncoder(WordCountEncoder(), VectorCache(8 * ROW_BYTES))
    texts = ["서울", "부산", "수도", "바다", "산", "서울 산", "부산 바다"] * 3
    expected = WordCountEncoder().encode(texts, Role.PASSAGE).vectors
    with ThreadPoolExecutor(8) as pool:
        for encoded in pool.map(lambda _: encoder.encode(texts, Role.PASSAGE), range(50)):
            np.testing.assert_array_equal(encoded.vectors, expected)
