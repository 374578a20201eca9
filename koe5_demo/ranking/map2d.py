"""A map of texts: their vectors on the two directions in which they differ most (PCA), and each text's neighbours.

Distances on the map are a shadow of the real ones, so the share of variance that it keeps stands beside it, and the
neighbours come from the full vectors. Pure numpy; the same vectors always give the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from koe5_demo.errors import InputError
from koe5_demo.records import DoubleArray, FloatArray, IntArray

LEAST_TEXTS: Final = 8
NEIGHBOURS: Final = 3
AXES: Final = 2
_FLAT: Final = 1e-12
"""Variances below this, relative to unit rows, are rounding: all texts are one point there."""


@dataclass(frozen=True, eq=False)
class TextMap:
    """Texts as points.

    Attributes:
        points: (n, 2) float64.
        explained: (2,) float64 share of the variance along each axis, in [0, 1].
        neighbours: (n, k) int64, the texts with the highest cosine, best first, without the text itself.
        cosines: (n, k) float32 of these.
    """

    points: DoubleArray
    explained: DoubleArray
    neighbours: IntArray
    cosines: FloatArray


def text_map(vectors: FloatArray, *, n_neighbours: int = NEIGHBOURS) -> TextMap:
    """Lay texts out in two dimensions.

    Args:
        vectors: (n, dimensions) unit rows of at least 8 texts.
        n_neighbours: How many neighbours to name, at most n - 1 are.

    Raises:
        InputError: If there are fewer than 8 texts.
    """
    if len(vectors) < LEAST_TEXTS:
        raise InputError("map_too_few", n=len(vectors), least=LEAST_TEXTS)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    # Few texts, many dimensions: the (n, n) products have the same axes as the vectors at a fraction of the work.
    rising, axes = np.linalg.eigh(centred @ centred.T)
    variances = np.where(rising > _FLAT * len(vectors), rising, 0.0)[::-1]
    left = axes[:, ::-1][:, :AXES]
    # The sign of an axis is open: the largest coordinate of its direction becomes positive.
    directions = left.T @ centred
    largest = np.argmax(np.abs(directions), axis=1, keepdims=True)
    signs = np.where(np.take_along_axis(directions, largest, axis=1)[:, 0] < 0, -1.0, 1.0)
    points = left * np.sqrt(variances[:AXES]) * signs
    explained = variances[:AXES] / max(float(variances.sum()), np.finfo(float).tiny)
    cosines = np.clip(vectors @ vectors.T, -1, 1)
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.argsort(-cosines, axis=1, kind="stable")[:, : min(n_neighbours, len(vectors) - 1)]
    near = np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32, copy=False)
    return TextMap(points, explained, neighbours, near)
