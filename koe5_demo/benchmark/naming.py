"""Names of systems on the command line and the page, opened when their turn comes.

`bm25`, `bm25-kiwi`, `rrf:MODEL`, `weighted:MODEL`; anything else is a model: catalog id, hub id or folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from koe5_demo.benchmark.lexical import kiwi_morphemes
from koe5_demo.benchmark.systems import DenseSystem, FusedSystem, LexicalSystem, System
from koe5_demo.ranking.lexical import character_bigrams
from koe5_demo.records import Encoder

FUSIONS: Final = ("rrf", "weighted")
LEXICAL_NAMES: Final = ("bm25", "bm25-kiwi")

LoadEncoder = Callable[[str], Encoder]


@dataclass(frozen=True)
class SystemSource:
    """A system that is opened when its turn comes.

    Attributes:
        name: As it was asked for.
        open: Opens it; may raise a `DemoError`, which then is that system's failure only.
    """

    name: str
    open: Callable[[], System]


def system_sources(names: list[str] | tuple[str, ...], load: LoadEncoder) -> list[SystemSource]:
    """Return a source for each distinct name, in order. A model that several names need is loaded once.

    Args:
        names: See the module's head.
        load: Opens an encoder by name.
    """
    shared = _Shared(load)
    return [SystemSource(name, shared.opener(name)) for name in dict.fromkeys(names)]


def encoder_source(encoder: Encoder, name: str | None = None) -> SystemSource:
    """Return a source for an encoder that is loaded already."""
    system = DenseSystem(encoder)
    return SystemSource(name or encoder.info.id, lambda: system)


class _Shared:
    """Systems that several names use: the lexical ones, and the model that was loaded last."""

    def __init__(self, load: LoadEncoder) -> None:
        self._load = load
        self._last_encoder: tuple[str, Encoder] | None = None
        self._lexical = {
            "bm25": LexicalSystem("bm25", character_bigrams, "character bigrams of words"),
            "bm25-kiwi": LexicalSystem("bm25-kiwi", kiwi_morphemes, "Kiwi morphemes"),
        }

    def opener(self, name: str) -> Callable[[], System]:
        def open_system() -> System:
            return self._open(name)

        return open_system

    def _open(self, name: str) -> System:
        if name in self._lexical:
            return self._lexical[name]
        method, colon, model = name.partition(":")
        if colon and method in FUSIONS:
            return FusedSystem(method, DenseSystem(self._encoder(model)), self._lexical["bm25"])
        return DenseSystem(self._encoder(name))

    def _encoder(self, name: str) -> Encoder:
        """Load a model, letting go of the one before, so that one at a time is in memory."""
        if self._last_encoder is None or self._last_encoder[0] != name:
            self._last_encoder = None
            self._last_encoder = (name, self._load(name))
        return self._last_encoder[1]
