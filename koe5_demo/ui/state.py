"""What the page remembers for one visitor: frozen records, small enough to be copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from koe5_demo.agreement import AgreementReport
from koe5_demo.map2d import TextMap
from koe5_demo.ranking import Comparison
from koe5_demo.records import FloatArray, ModelInfo, Notice, Role
from koe5_demo.windows import WindowedComparison

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
class Options:
    """What a visitor may switch on beside the ranking itself.

    Attributes:
        windows: Score long passages by their best window.
        bare: Rank without prefixes too, to compare.
        rival: Name of a second model, "bm25", or empty for none.
    """

    windows: bool = False
    bare: bool = False
    rival: str = ""


@dataclass(frozen=True)
class Rival:
    """A second ranking of the same texts.

    Attributes:
        name: What it was asked for by.
        info: What computed it; None for BM25.
        report: The shown ranking (A) against this one (B).
    """

    name: str
    info: ModelInfo | None
    report: AgreementReport


@dataclass(frozen=True)
class Pick:
    """One of the visitor's texts: a query or a passage, by its position from 0. Written q0, p12."""

    role: Role
    index: int

    @classmethod
    def read(cls, text: str) -> Pick:
        """Read what `str` writes.

        Raises:
            ValueError: If it is something else.
        """
        roles = {"q": Role.QUERY, "p": Role.PASSAGE}
        if text[:1] not in roles or not text[1:].isdecimal():
            raise ValueError(text)
        return cls(roles[text[0]], int(text[1:]))

    def __str__(self) -> str:
        return f"{self.role.value[0]}{self.index}"


@dataclass(frozen=True, eq=False)
class Outcome:
    """One run: everything that is shown, exported or drawn from it.

    Attributes:
        model: The name that the model was asked for by.
        comparison: Texts, scores and token counts; its vectors are dropped.
        pairs: (n, n) cosines between all queries and the `pair_passages`, queries first; n <= `MOST_DRAWN`.
        pair_passages: Positions of those passages: all of them, or the best where there are too many.
        info: What computed it.
        notices: What the visitor should know.
        n_computed: Texts that went through the model; the rest came from the cache.
        milliseconds: Wall time of encoding and scoring.
        seen_chars: How many characters of a cut text the model read, for the first cut ones.
        windowed: How long passages were scored by windows, if they were.
        bare: The ranking (A) against the one without prefixes (B), if it was asked for.
        rival: A second model's ranking, if it was asked for.
        text_map: All drawn texts as points, from 8 texts on.
    """

    model: str
    comparison: Comparison
    pairs: FloatArray
    pair_passages: tuple[int, ...]
    info: ModelInfo
    notices: tuple[Notice, ...]
    n_computed: int
    milliseconds: float
    seen_chars: Mapping[Pick, int] = field(default_factory=dict)
    windowed: WindowedComparison | None = None
    bare: AgreementReport | None = None
    rival: Rival | None = None
    text_map: TextMap | None = None

    def text(self, pick: Pick) -> str:
        """Return the text that a pick names.

        Raises:
            IndexError: If there is no such text.
        """
        texts = self.comparison.queries if pick.role is Role.QUERY else self.comparison.passages
        return texts[pick.index]
