"""The screened search finds the documents and scores that scoring every pair finds, whatever the vectors are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from koe5_demo.benchmark.rankings import tie_priority
from koe5_demo.benchmark.search import search
from koe5_demo.encoding import screening
from profiles import examples

INF = np.float32(np.inf)


@pytest.fixture(autouse=True, params=["bfloat16", "float32"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both arithmetics at any size; torch multiplies bfloat16 also where the processor does not."""
    monkeypatch.setattr(screening, "cheap_pays", lambda *_: request.param == "bfloat16")


def every_score(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """All dot products, one pair at a time, in the order of summation that the search states."""
    rows, columns = (torch.from_numpy(axis.ravel()) for axis in np.indices((len(queries), len(documents))))
    both = torch.from_numpy(queries), torch.from_numpy(documents)
    return screening._dot_products(*both, rows, columns).numpy().reshape(len(queries), len(documents))


def chunked(vectors: np.ndarray, size: int):
    for start in range(0, len(vectors), size):
        stop = min(start + size, len(vectors))
        yield np.arange(start, stop), vectors[start:stop]


def assert_exact(queries: np.ndarray, documents: np.ndarray, depth: int, size: int) -> None:
    ids = [f"d{n}" for n in np.random.default_rng(len(documents)).permutation(len(documents))]
    found = search(queries, chunked(documents, size), tie_priority(ids), depth)
    scores = every_score(queries, documents)
    expected = [
        sorted(range(len(ids)), key=lambda i: (row[i], ids[i]), reverse=True)[:depth]  # score, then id, descending
        for row in scores
    ]
    assert found.positions.tolist() == expected
    assert np.array_equal(found.scores, np.take_along_axis(scores, found.positions, axis=1))
    exact = queries.astype(np.float64) @ documents.astype(np.float64).T
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(documents, axis=1).max()
    errors = np.abs(found.scores - np.take_along_axis(exact, found.positions, axis=1))
    assert (errors <= queries.shape[1] * 2.0**-24 * lengths + 1e-37).all()


@settings(max_examples=examples(40), deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 400),
    dim=st.sampled_from([1, 2, 3, 17, 64, 300]),
    depth=st.sampled_from([1, 3, 10, 100, 500]),
    size=st.sampled_from([1, 50, 128, 400]),
    kind=st.sampled_from(["unit", "bunched", "near", "copies", "any length", "rising", "zeros", "tiny"]),
)
def test_it_equals_scoring_every_pair(seed: int, n: int, dim: int, depth: int, size: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((5, dim), dtype=np.float32)
    documents = rng.standard_normal((n, dim), dtype=np.float32)
    if kind == "bunched":  # as the vectors of multilingual-e5 are: every cosine above 0.9
        documents = queries[:1] * 4 + documents
    if kind == "near":  # differences far below what bfloat16 can tell apart
        documents = queries[:1] + documents * np.float32(1e-6)
    if kind == "copies":
        documents = documents[rng.integers(0, max(1, n // 8), n)]
    if kind == "any length":
        documents *= rng.lognormal(0, 4, (n, 1)).astype(np.float32)
    if kind in {"unit", "bunched", "near", "copies", "rising"}:
        queries, documents = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, documents))
    if kind == "rising":  # every piece beats all before it
        documents = documents[np.argsort(documents @ queries[0])]
    if kind == "zeros":
        documents[::2] = 0
    if kind == "tiny":
        documents *= np.float32(1e-35)
    assert_exact(queries, documents, min(depth, n), size)


def test_equal_documents_tie_wherever_they_lie() -> None:
    rng = np.random.default_rng(0)
    documents = rng.standard_normal((9_000, 33), dtype=np.float32)
    places = np.array([0, 1, 4_095, 4_096, 8_191, 8_999])
    documents[places] = documents[0] * 5
    ids = [f"{n:05}" for n in range(len(documents))]
    found = search(documents[:1], chunked(documents, 4_097), tie_priority(ids), 8)
    assert found.positions[0, :6].tolist() == places[::-1].tolist()
    assert len(set(found.scores[0, :6].tolist())) == 1


def test_a_document_at_the_bar_stays_and_one_below_goes() -> None:
    queries = screening.prepare(np.array([[1, 0]], np.float32), cheap=False)
    documents = screening.prepare(np.array([[0.5, 0], [0.25, 0], [0.75, 1]], np.float32), cheap=False)
    found = screening.find_candidates(queries, documents, np.array([0.5], np.float32), 2)
    assert sorted(zip(found.documents.tolist(), found.scores.tolist(), strict=True)) == [(0, 0.5), (2, 0.75)]


def test_few_of_many_documents_are_scored_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((4_010, 256), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scored = []
    exact = screening._dot_products
    monkeypatch.setattr(screening, "_dot_products", lambda *a: scored.append(len(a[2])) or exact(*a))
    both = [screening.prepare(part, cheap=True) for part in (rows[:10], rows[10:])]
    found = screening.find_candidates(*both, np.full(10, -INF), 20)
    assert len(found.scores) >= 10 * 20
    assert sum(scored) < 10 * 60  # of 4,000 documents a query


def test_the_summing_of_bfloat16_is_tried_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    screening._native_bfloat16.cache_clear()
    monkeypatch.setattr(screening, "detect", lambda _: type("Hardware", (), {"bf16": False}))
    assert not screening.cheap_pays(1_000, 100_000, 1_024)
    screening._native_bfloat16.cache_clear()


def test_the_dot_products_of_a_gpu_are_those_of_the_pairs_and_tie_where_documents_are_equal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screening, "_PAIRS_AT_ONCE", 3)  # seven pairs: three parts
    queries, documents = torch.randn(2, 64), torch.randn(3, 64)
    documents[2] = documents[0]
    rows, columns = torch.tensor([0, 0, 0, 1, 1, 1, 0]), torch.tensor([0, 1, 2, 0, 1, 2, 1])
    got = screening._gathered_products(queries, documents, rows, columns)
    torch.testing.assert_close(got, (queries @ documents.T)[rows, columns])
    assert got[0] == got[2]
    assert got[3] == got[5]
    assert screening._gathered_products(queries, documents, rows[:0], columns[:0]).shape == (0,)
