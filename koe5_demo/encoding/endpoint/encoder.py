"""The `Encoder` around a server: texts in requests of bounded size, several at a time, unit vectors in order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from threading import Event, Lock
from typing import Final

import numpy as np

from koe5_demo.encoding.endpoint.protocol import Answer, joined, unit_rows
from koe5_demo.encoding.endpoint.server import Server
from koe5_demo.encoding.probes import Probe, probes
from koe5_demo.encoding.token_batches import cut_batches
from koe5_demo.errors import EndpointError
from koe5_demo.prompts import with_prompt, with_prompts
from koe5_demo.records import Encoded, FloatArray, IntArray, ModelInfo, OnProgress, Prompts, Role, RoleTexts

SPECIAL_TOKENS: Final = 2
SAME_MODEL_COSINE: Final = 0.99
"""Of a text's vectors now and before. Rounding in low precision leaves 0.999 and more; other weights far less."""


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens of texts that carry their prompts, exactly or as an estimate.

    Attributes:
        note: Which of the two, for people.
        rate: Tokens a character, for the estimate.
        exact: Counts with the model's own tokenizer; None if there is none on this machine.
    """

    note: str
    rate: float = 1.0
    exact: Callable[[Sequence[str]], IntArray] | None = field(default=None, repr=False)

    def count(self, sent: Sequence[str]) -> IntArray:
        """Return (n,) int64, the best guess of each text's tokens, special tokens included."""
        if self.exact is not None:
            return self.exact(sent)
        return np.array([math.ceil(len(text) * self.rate) + SPECIAL_TOKENS for text in sent], dtype=np.int64)

    def bound(self, sent: Sequence[str]) -> IntArray:
        """Return (n,) int64, hardly ever fewer than a text has: what requests are cut by."""
        if self.exact is not None:
            return self.exact(sent)
        return np.array([len(text) + SPECIAL_TOKENS for text in sent], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Probing:
    """What a server makes of the built-in probe texts: the only sign of which weights it has.

    Attributes:
        texts: The texts, queries first.
        sent: The same with their prompts.
        vectors: (n, dimensions) float32 unit rows.
        n_tokens: Tokens that the server counted for all of them; 0 if it does not say.
    """

    texts: tuple[Probe, ...]
    sent: tuple[str, ...]
    vectors: FloatArray
    n_tokens: int

    @property
    def content(self) -> str:
        """Return 40 digits for what the server makes of the texts.

        Signs are kept rather than numbers: on a GPU the last digits depend on who else is asking, and vectors would be
        computed again after each start. A training step, other arithmetic or another prompt turns some of the
        thousands of signs.
        """
        return blake2b(np.packbits(self.vectors > 0).tobytes(), digest_size=20).hexdigest()

    def shortest(self) -> tuple[tuple[Probe, ...], FloatArray]:
        """Return the shortest text of either role with its vectors: asked again, they cost next to nothing."""
        by_length = sorted(range(len(self.texts)), key=lambda place: len(self.texts[place].text))
        roles = (Role.QUERY, Role.PASSAGE)
        places = [next(place for place in by_length if self.texts[place].role is role) for role in roles]
        return tuple(self.texts[place] for place in places), self.vectors[places]


def probe_server(server: Server, prompts: Prompts, chosen: Sequence[Probe] | None = None) -> Probing:
    """Ask for the vectors of probe texts, all of them when None are chosen. Queries come first.

    Raises:
        EndpointError: If the server cannot be reached, refuses, or answers wrongly.
    """
    texts = tuple(sorted(probes() if chosen is None else chosen, key=lambda probe: probe.role is not Role.QUERY))
    sent = [with_prompt(probe.text, probe.role, prompts) for probe in texts]
    if server.address.tells_roles:
        n_queries = sum(probe.role is Role.QUERY for probe in texts)
        parts = [(sent[:n_queries], Role.QUERY), (sent[n_queries:], Role.PASSAGE)]
    else:
        parts = [(sent, Role.PASSAGE)]
    answer = joined([server.embed(part, role, Event()) for part, role in parts if part], server.url)
    return Probing(texts, tuple(sent), unit_rows(answer.vectors), answer.n_tokens)


class EndpointEncoder:
    """An `Encoder` around a server. Safe with threads; requests of all callers share one bound.

    Args:
        server: The server, its model known.
        info: What the model is.
        counter: Counts tokens.
        probing: What the server makes of the probe texts, by which its model is known again.
    """

    def __init__(self, server: Server, info: ModelInfo, counter: TokenCounter, probing: Probing) -> None:
        self._server = server
        self._info = info
        self._counter = counter
        self._pool = ThreadPoolExecutor(server.options.concurrency, thread_name_prefix="endpoint")
        self._usage_lock = Lock()
        self._tokens_billed = 0
        self._sign, self._sign_vectors = probing.shortest()
        self._check_at = time.monotonic() + server.options.check_every_s

    def __repr__(self) -> str:
        return f"EndpointEncoder({self._info.device!r}, {self._info.id!r})"

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    @property
    def tokens_billed(self) -> int:
        """Return the tokens that the server says it has read for this encoder; 0 if it does not say."""
        return self._tokens_billed

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts.

        Raises:
            EndpointError: If the server cannot be reached, refuses, answers wrongly, or has another model by now.
        """
        return self._encode(self._sent(texts, role), role, on_progress)

    def encode_both(
        self, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
    ) -> tuple[Encoded, Encoded]:
        """Encode queries and passages in the same requests; see `koe5_demo.records.PairEncoder`."""
        if self._server.address.tells_roles:  # a request has one role
            return self.encode(*queries), self.encode(*passages, on_progress=on_progress)
        sent = self._sent(*queries), self._sent(*passages)
        return self._encode(sent[0] + sent[1], Role.NONE, on_progress).parted(len(sent[0]))

    def _encode(self, sent: list[str], role: Role, on_progress: OnProgress | None) -> Encoded:
        vectors = np.zeros((len(sent), self._info.dimensions), dtype=np.float32)
        if sent:
            self._require_same_model()
        done = 0
        for places, answer in self._answers(sent, role):
            with self._usage_lock:
                self._tokens_billed += answer.n_tokens
            self._require_width(answer.vectors)
            vectors[places] = unit_rows(answer.vectors)
            done += len(places)
            if on_progress is not None:
                on_progress(done, len(sent))
        if sent:
            self._require_same_model()  # a corpus takes long: its first and last vectors shall be of one model
        return Encoded(vectors, self._counter.count(sent), self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) uncut token counts with prompt and special tokens; estimates where `info.note` says so."""
        return self._counter.count(self._sent(texts, role))

    def _sent(self, texts: Sequence[str], role: Role) -> list[str]:
        # Servers refuse an empty text; a blank has no token of its own.
        return [text or " " for text in with_prompts(texts, role, self._info.prompts)]

    def _require_same_model(self) -> None:
        """Ask now and then whether the server still has the model that it had when it was opened.

        Vectors of two models must not meet in one ranking, and a cache keeps those of the first one by its name.
        """
        now = time.monotonic()
        if now < self._check_at:
            return
        self._check_at = now + self._server.options.check_every_s
        try:
            self._server.require_same_list()
            found = probe_server(self._server, self._info.prompts, self._sign).vectors
            self._require_width(found)
            cosine = float((found * self._sign_vectors).sum(axis=1).min())
            if cosine < SAME_MODEL_COSINE:
                before, after = f"{self._info.id} ({self._info.revision})", f"cosine {cosine:.2f}"
                raise self._server.model_changed(before, after)
        except EndpointError:
            self._check_at = now  # whoever comes next asks again
            raise

    def _answers(self, sent: Sequence[str], role: Role) -> Iterator[tuple[IntArray, Answer]]:
        """Ask for all texts, longest first, and yield answers as they arrive.

        No more requests are handed over than run at once: a ranking that comes while a corpus is encoded waits for
        those under way, not for the corpus.
        """
        stop = Event()
        waiting = self._requests(self._counter.bound(sent))
        running: dict[Future[Answer], IntArray] = {}

        def submit(n: int) -> None:
            for places in islice(waiting, n):
                batch = [sent[place] for place in places]
                running[self._pool.submit(self._server.embed, batch, role, stop)] = places

        try:
            submit(self._server.options.concurrency)
            while running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    places = running.pop(future)
                    yield places, future.result()
                    submit(1)
        finally:
            stop.set()
            for future in running:
                future.cancel()

    def _requests(self, bounds: IntArray) -> Iterator[IntArray]:
        """Part places of texts into requests within the bounds of tokens, and of texts as the server takes them now."""
        for batch in cut_batches(bounds, self._server.options.tokens_per_request):
            start = 0
            while start < len(batch):
                stop = start + self._server.pace.texts
                yield batch[start:stop]
                start = stop

    def _require_width(self, vectors: FloatArray) -> None:
        found, expected = vectors.shape[1], self._info.dimensions
        if found != expected:
            raise EndpointError("endpoint_wrong_dimensions", url=self._info.device, expected=expected, found=found)
