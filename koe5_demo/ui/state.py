"""What the page remembers for one visitor: frozen records, small enough to be copied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from koe5_demo.ranking import Comparison
from koe5_demo.records import FloatArray, ModelInfo, Notice

MOST_DRAWN: Final = 100


class HeatmapView(str, Enum):
    """Which texts stand on the axes."""

    CROSS = "cross"
    PAIRS = "pairs"


class ScaleChoice(str, Enum):
    """How the colours of the heatmap are spread."""

    FIXED = "fixed"
    STRETCHED = "stretched"


@dataclass(frozen=True)
class Outcome:
    """One run: everything that is shown, exported or drawn from it.

    Attributes:
        comparison: Texts, scores and token counts; its vectors are dropped.
        pairs: (n, n) cosines between all queries and the `pair_passages`, queries first; n <= `MOST_DRAWN`.
        pair_passages: Positions of those passages: all of them, or the best where there are too many.
        info: What computed it.
        notices: What the visitor should know.
        n_computed: Texts that went through the model; the rest came from the cache.
        milliseconds: Wall time of encoding and scoring.
    """

    comparison: Comparison
    pairs: FloatArray
    pair_passages: tuple[int, ...]
    info: ModelInfo
    notices: tuple[Notice, ...]
    n_computed: int
    milliseconds: float
