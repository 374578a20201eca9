"""Exact dot products of the documents that can be among the best, found by a cheaper product with a bound on its error.

A product of whole matrices says roughly what every score is; where the processor multiplies bfloat16 natively that is
twice as fast as float32. Rounding moves a score by at most

    |q.d - q'.d'|  <=  |q - q'| |d|  +  |q'| |d - d'|        (Cauchy and Schwarz; q', d' are the rounded vectors)

and summing in float32 by at most `dim` unit roundoffs of |q| |d|. So a document whose rough score is further below the
bar than that cannot reach it. The others, a few more than are wanted, are scored one by one in float32. Such a score
depends on the two vectors alone: equal documents have equal scores, wherever they lie.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from koe5_demo.encoding.fast.precision import detect
from koe5_demo.records import FloatArray, IntArray

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")

_LOST: Final = 2.0**-8
"""What rounding to bfloat16 takes from a number at most, as part of it: it keeps eight binary digits."""
_CHEAP_FROM: Final = 2**26
"""Multiplications below which bfloat16 gains nothing."""
_GROUP: Final = 16
_PAIRS_AT_ONCE: Final = 2**16
_MANY: Final = 2
"""Candidates beyond this many times the places are worth a look for a higher bar."""
_ROUNDOFFS: Final = 4 * 2.0**-24
"""Unit roundoffs a dimension: of the rough sum, of the two exact sums that are compared, and one to spare."""


@dataclass(frozen=True, eq=False)
class Side:
    """Vectors made ready for products.

    Attributes:
        rows: (n, dim) float32.
        rough: The same in the cheap type.
        lengths: (n,) float64.
        errors: (n,) float64, most that rounding can have taken away, as a length.
    """

    rows: torch.Tensor
    rough: torch.Tensor
    lengths: torch.Tensor
    errors: torch.Tensor


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs that may be among the best.

    Attributes:
        queries: (n,) int64, in rising order.
        documents: (n,) int64.
        scores: (n,) float32, exact.
    """

    queries: IntArray
    documents: IntArray
    scores: FloatArray


def prepare(vectors: FloatArray, *, cheap: bool, device: str = "cpu") -> Side:
    """Make vectors ready, as bfloat16 beside float32 when `cheap`.

    Args:
        vectors: (n, dim) float32, finite, of any length.
        cheap: The same for both sides of a product; see `cheap_pays`.
        device: Where the products are computed; the same for both sides.
    """
    rows = torch.from_numpy(np.require(vectors, np.float32, ["C", "W"])).to(device)
    inexact = 1 + rows.shape[1] * _ROUNDOFFS  # the lengths are summed in float32 too
    lengths = torch.linalg.vector_norm(rows, dim=1).double() * inexact
    if not cheap:
        return Side(rows, rows, lengths, torch.zeros_like(lengths))
    smallest = rows.shape[1] * torch.finfo(torch.float32).tiny  # where numbers have fewer digits left
    return Side(rows, rows.bfloat16(), lengths, lengths * _LOST + smallest)


def cheap_pays(n_queries: int, n_documents: int, dim: int, device: str = "cpu") -> bool:
    """Whether bfloat16 is faster for a product of this size on this machine, and sums as precisely as is assumed.

    A GPU may sum bfloat16 in bfloat16, and its float32 product takes less time than the way there: no.
    """
    return device == "cpu" and n_queries * n_documents * dim >= _CHEAP_FROM and _native_bfloat16()


def find_candidates(queries: Side, documents: Side, floor: FloatArray, depth: int) -> Candidates:
    """Return every pair that can be among its query's best `depth`, with its exact score.

    A pair is left out only if its score is below `floor`, or `depth` other documents of `documents` score higher.

    Args:
        queries, documents: Prepared alike.
        floor: (n_queries,) float32; -inf where nothing is known yet.
        depth: Places a query.
    """
    rough = queries.rough @ documents.rough.T  # (n_queries, n_documents)
    slack = _slack(queries, documents)
    bar = torch.from_numpy(floor).to(rough.device).double()
    entering = rough >= _at_most(bar - slack, rough.dtype)[:, None]
    if rough.shape[1] > depth and int(torch.count_nonzero(entering)) > _MANY * depth * len(rough):
        reached = torch.nextafter(_some_kth_largest(rough, depth), rough.new_tensor(-torch.inf))
        bar = torch.maximum(bar, reached.double() - slack)
        entering = rough >= _at_most(bar - slack, rough.dtype)[:, None]
    rows, columns = entering.nonzero(as_tuple=True)
    scores = _dot_products(queries.rows, documents.rows, rows, columns)
    kept = scores >= bar[rows]
    return Candidates(rows[kept].cpu().numpy(), columns[kept].cpu().numpy(), scores[kept].cpu().numpy())


def _slack(queries: Side, documents: Side) -> torch.Tensor:
    """Return (n_queries,) float64: how far a rough score, before it is rounded itself, can be from an exact one."""
    longest, most_lost = documents.lengths.max(), documents.errors.max()
    widest = (queries.lengths + queries.errors) * (longest + most_lost)
    sums = queries.rows.shape[1] * (_ROUNDOFFS * widest + torch.finfo(torch.float32).tiny)
    return queries.errors * longest + (queries.lengths + queries.errors) * most_lost + sums


def _at_most(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the largest numbers of `dtype` that do not exceed `values`.

    Rounding keeps order: a rough score that lay above a value before it was rounded does not lie below this after.
    """
    near = values.to(dtype)
    return torch.where(near.double() > values, torch.nextafter(near, near.new_tensor(-torch.inf)), near)


def _some_kth_largest(rough: torch.Tensor, depth: int) -> torch.Tensor:
    """Return (n,) values that at least `depth` numbers of each row reach; at best the largest such.

    Of groups of 16 columns only the largest counts: that leaves little to sort, and is rarely far below the best value.
    """
    n_groups = rough.shape[1] // _GROUP
    if n_groups >= depth:
        rough = rough[:, : n_groups * _GROUP].unflatten(1, (_GROUP, n_groups)).amax(dim=1)
    return rough.topk(depth, dim=1, sorted=False).values.amin(dim=1)


def _dot_products(
    queries: torch.Tensor, documents: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    """Return (n,) float32: one dot product a pair, each summed in the same order."""
    if queries.is_cuda:
        return _gathered_products(queries, documents, rows, columns)
    edges = torch.zeros(len(queries) + 1, dtype=torch.int64)
    edges[1:] = torch.bincount(rows, minlength=len(queries)).cumsum(0)
    pattern = torch.sparse_csr_tensor(
        edges, columns, torch.zeros(len(rows)), size=(len(queries), len(documents)), check_invariants=False
    )
    scored: torch.Tensor = torch.sparse.sampled_addmm(pattern, queries, documents.T, beta=0.0).values()
    return scored


def _gathered_products(
    queries: torch.Tensor, documents: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> torch.Tensor:
    """Do the same with plain operations, for a GPU: its sparse product promises no order of summation."""
    parts = [
        (queries[rows[start : start + _PAIRS_AT_ONCE]] * documents[columns[start : start + _PAIRS_AT_ONCE]]).sum(dim=1)
        for start in range(0, len(rows), _PAIRS_AT_ONCE)
    ]
    return torch.cat(parts) if parts else queries.new_empty(0)


@functools.cache
def _native_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively and sums it in float32: tried, not believed."""
    if not detect(torch.device("cpu")).bf16:
        return False
    ones = torch.ones(256, 1024, dtype=torch.bfloat16)
    small = torch.full((256, 1024), 1 + 2.0**-7, dtype=torch.bfloat16)
    small[:, 0] = 512  # summed in bfloat16 whatever follows 512 would be lost or rounded to whole steps of 4
    expected = torch.tensor(512 + 1023 * (1 + 2.0**-7)).bfloat16()
    return bool((ones @ small.T == expected).all())
