"""What can be ranked with: an encoder, BM25, or both fused. One protocol, so that a run knows no difference.

Names on the command line and the page: `bm25`, `bm25-kiwi`, `rrf:MODEL`, `weighted:MODEL`; `bare:MODEL` without its
prefixes, `windows:MODEL` with long passages in windows; anything else is a model. A system is opened when its turn
comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import numpy as np

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.lexical import LexicalSystem, kiwi_morphemes
from koe5_demo.benchmark.metrics import DEPTH
from koe5_demo.benchmark.progress import RunPhase, RunProgress, ShouldStop
from koe5_demo.benchmark.rankings import (
    DENSE_WEIGHT,
    RRF_CONSTANT,
    Lengths,
    Ranked,
    best_pieces,
    fused,
    tie_priority,
)
from koe5_demo.benchmark.search import search
from koe5_demo.benchmark.stored_vectors import DiskVectors, VanishedError, store_vectors
from koe5_demo.catalog import KOE5
from koe5_demo.encoding import zero_gpu
from koe5_demo.errors import DataError
from koe5_demo.ranking.lexical import character_bigrams
from koe5_demo.ranking.windows import split_passages, window_text
from koe5_demo.records import Encoder, IntArray, ModelInfo, Prompts, Role
from koe5_demo.words import Language, message

FUSIONS: Final = ("rrf", "weighted")
LEXICAL_NAMES: Final = ("bm25", "bm25-kiwi")
VARIANTS: Final = ("bare", "windows")
"""Ways to use a model otherwise than it is meant to be, to see what that costs; `system_<variant>` in words."""

_CALLED: Final = {KOE5.id: "KoE5", "bm25": "BM25", "bm25-kiwi": "BM25 (Kiwi)"}
_FUSION_CALLED: Final = {"rrf": "RRF", "weighted": "1:1"}

LoadEncoder = Callable[[str], Encoder]
_TRIES: Final = 3


def system_name(name: str, language: Language = Language.EN) -> str:
    """Return how people call a system: `rrf:mini` is mini and BM25, joined.

    >>> system_name("rrf:mini"), system_name("bm25"), system_name("bm25-kiwi"), system_name("bare:koe5")
    ('mini + BM25 (RRF)', 'BM25', 'BM25 (Kiwi)', 'KoE5 (no prefixes)')
    >>> system_name("windows:mini", Language.KO)
    'mini (겹치는 구간)'
    """
    method, _, model = name.partition(":")
    if model and method in FUSIONS:
        return f"{system_name(model, language)} + BM25 ({_FUSION_CALLED[method]})"
    if model and method in VARIANTS:
        return f"{system_name(model, language)} ({message(f'system_{method}', language)})"
    return _CALLED.get(name, name)


class System(Protocol):
    """Something that ranks a corpus for every query."""

    @property
    def info(self) -> ModelInfo:
        """Return what stands beside its numbers."""

    def rank(
        self, data: RetrievalData, cache: DiskVectors, should_stop: ShouldStop
    ) -> Generator[RunProgress, None, Ranked]:
        """Yield how far it is; return the ranking of every query. Raises `StoppedError` once it is to stop."""


class DenseSystem:
    """Cosine similarity of an encoder's vectors, exact.

    Args:
        encoder: The model.
        variant: A key of `VARIANTS`; empty for the model as it is meant to be used.
    """

    def __init__(self, encoder: Encoder, variant: str = "") -> None:
        self._encoder = encoder
        self._variant = variant
        bare = variant == "bare" and encoder.info.prompts != Prompts()
        self._roles = (Role.NONE, Role.NONE) if bare else (Role.QUERY, Role.PASSAGE)

    @property
    def info(self) -> ModelInfo:
        """Return the encoder's record, a variant under a name of its own."""
        info = self._encoder.info
        if not self._variant:
            return info
        prompts = Prompts() if self._variant == "bare" else info.prompts
        fingerprint = f"{info.fingerprint}|{self._variant}"
        return replace(info, id=f"{self._variant}:{info.id}", prompts=prompts, fingerprint=fingerprint)

    def rank(
        self, data: RetrievalData, cache: DiskVectors, should_stop: ShouldStop
    ) -> Generator[RunProgress, None, Ranked]:
        """Encode what the cache lacks, then search in chunks.

        Raises:
            StoppedError: If asked to stop.
            DataError: If the cache cannot be used or the vectors are not finite.
        """
        for _ in range(_TRIES):
            try:
                return (yield from self._rank(data, cache, should_stop))
            except VanishedError:  # noqa: PERF203 at most three turns
                continue
        raise DataError("cache_vanished")

    def _rank(
        self, data: RetrievalData, cache: DiskVectors, should_stop: ShouldStop
    ) -> Generator[RunProgress, None, Ranked]:
        texts, owners, whole = self._pieces(data)
        queries = yield from store_vectors(self._encoder, data.queries, self._roles[0], cache, should_stop)
        documents = yield from store_vectors(self._encoder, texts, self._roles[1], cache, should_stop)
        start = time.perf_counter()
        yield RunProgress(RunPhase.SEARCHING, total=len(texts))
        priority = tie_priority(data.document_ids)
        if owners is None:
            rankings = search(queries.matrix(), documents.chunks(), priority, DEPTH, device=self._search_device())
        else:
            rankings = best_pieces(queries.matrix(), documents.chunks(), owners, priority, DEPTH)
        yield RunProgress(RunPhase.SEARCHING, done=len(texts), total=len(texts))
        both = (queries, documents)
        encoded = sum(part.texts_encoded for part in both)
        return Ranked(
            rankings,
            Lengths(queries.n_tokens, documents.n_tokens if whole is None else whole, self.info.max_tokens),
            encode_s=sum(part.seconds for part in both),
            search_s=time.perf_counter() - start,
            texts_encoded=encoded,
            tokens_encoded=sum(part.tokens_encoded for part in both),
            texts_cached=len(np.unique(queries.keys)) + len(np.unique(documents.keys)) - encoded,
            damaged=sum(part.damaged for part in both),
        )

    def _pieces(self, data: RetrievalData) -> tuple[Sequence[str], IntArray | None, IntArray | None]:
        """Return what is encoded; of windows also the document of each, and as their lengths those of the windows.

        A document in windows loses nothing: its length is that of its longest window.
        """
        if self._variant != "windows":
            return data.documents, None, None
        windows = split_passages(data.documents, self._encoder)
        owners = np.array([window.passage for window in windows], dtype=np.int64)
        lengths = np.zeros(len(data.documents), dtype=np.int64)
        np.maximum.at(lengths, owners, [window.n_tokens for window in windows])
        return [window_text(data.documents[w.passage], w, self._encoder) for w in windows], owners, lengths

    def _search_device(self) -> str:
        """Return the encoder's GPU, if it has one of its own: a lent one is there only while it encodes."""
        device = self.info.device
        return device if device.startswith("cuda") and not zero_gpu.ACTIVE else "cpu"


class FusedSystem:
    """A dense and a lexical ranking made one; see `koe5_demo.benchmark.rankings`."""

    def __init__(self, method: str, dense: System, lexical: System) -> None:
        self._method = method
        self._dense = dense
        self._lexical = lexical

    @property
    def info(self) -> ModelInfo:
        """Return the dense record under a name of its own, the fusion in its engine and fingerprint."""
        dense, lexical = self._dense.info, self._lexical.info
        rule = f"RRF k={RRF_CONSTANT}" if self._method == "rrf" else f"weighted score, dense {DENSE_WEIGHT:g}"
        return replace(
            dense,
            id=f"{self._method}:{dense.id}",
            engine=f"{dense.engine} + {lexical.id}, {rule}",
            fingerprint=f"{dense.fingerprint}|{lexical.fingerprint}|{rule}",
        )

    def rank(
        self, data: RetrievalData, cache: DiskVectors, should_stop: ShouldStop
    ) -> Generator[RunProgress, None, Ranked]:
        """Rank with both and fuse; raises what they raise."""
        dense = yield from self._dense.rank(data, cache, should_stop)
        lexical = yield from self._lexical.rank(data, cache, should_stop)
        start = time.perf_counter()
        rankings = fused(self._method, dense.rankings, lexical.rankings, tie_priority(data.document_ids), DEPTH)
        seconds = dense.search_s + lexical.search_s + time.perf_counter() - start
        return replace(dense, rankings=rankings, search_s=seconds)


@dataclass(frozen=True)
class SystemSource:
    """A system that is opened when its turn comes.

    Attributes:
        name: As it was asked for.
        open: Opens it; may raise a `DemoError`, which then is that system's failure only.
    """

    name: str
    open: Callable[[], System]


def system_sources(names: Sequence[str], load: LoadEncoder) -> list[SystemSource]:
    """Return a source for each distinct name, in order.

    A model that several names in a row need is loaded once, and let go before the next, so that one at a time is in
    memory. The lexical systems are shared: they keep their rankings for the fusions.

    Args:
        names: See the module's head.
        load: Opens an encoder by name.
    """
    lexical = {
        "bm25": LexicalSystem("bm25", character_bigrams, "character bigrams of words"),
        "bm25-kiwi": LexicalSystem("bm25-kiwi", kiwi_morphemes, "Kiwi morphemes"),
    }
    loaded: dict[str, Encoder] = {}

    def encoder(model: str) -> Encoder:
        if model not in loaded:
            loaded.clear()
            loaded[model] = load(model)
        return loaded[model]

    def open_system(name: str) -> System:
        if name in lexical:
            return lexical[name]
        method, colon, model = name.partition(":")
        if colon and method in VARIANTS:
            return DenseSystem(encoder(model), method)
        if colon and method in FUSIONS:
            return FusedSystem(method, DenseSystem(encoder(model)), lexical["bm25"])
        return DenseSystem(encoder(name))

    return [SystemSource(name, partial(open_system, name)) for name in dict.fromkeys(names)]


def encoder_source(encoder: Encoder) -> SystemSource:
    """Return a source for an encoder that is loaded already."""
    return SystemSource(encoder.info.id, partial(DenseSystem, encoder))
