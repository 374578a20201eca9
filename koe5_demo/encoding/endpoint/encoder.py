"""The `Encoder` around a server: texts in requests of bounded size, several at a time, unit vectors in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from threading import Event, Lock

import numpy as np

from koe5_demo.encoding.endpoint.answer import Answer, unit_rows
from koe5_demo.encoding.endpoint.client import Options
from koe5_demo.encoding.endpoint.server import Server
from koe5_demo.encoding.endpoint.tokens import TokenCounter
from koe5_demo.encoding.token_batches import cut_batches
from koe5_demo.errors import EndpointError
from koe5_demo.prompts import with_prompts
from koe5_demo.records import Encoded, FloatArray, IntArray, ModelInfo, OnProgress, Role


class EndpointEncoder:
    """An `Encoder` around a server. Safe with threads; requests of all callers share one bound.

    Args:
        server: The server, its model known.
        info: What the model is.
        counter: Counts tokens.
    """

    def __init__(self, server: Server, info: ModelInfo, counter: TokenCounter) -> None:
        self._server = server
        self._info = info
        self._counter = counter
        self._pool = ThreadPoolExecutor(server.options.concurrency, thread_name_prefix="endpoint")
        self._usage_lock = Lock()
        self._tokens_billed = 0

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
            EndpointError: If the server cannot be reached, refuses, or answers wrongly.
        """
        sent = self._sent(texts, role)
        vectors = np.zeros((len(sent), self._info.dimensions), dtype=np.float32)
        done = 0
        for places, answer in self._answers(sent):
            vectors[places] = self._unit_rows(answer)
            done += len(places)
            if on_progress is not None:
                on_progress(done, len(sent))
        return Encoded(vectors, self._counter.count(sent), self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) uncut token counts with prompt and special tokens; estimates where `info.note` says so."""
        return self._counter.count(self._sent(texts, role))

    def _sent(self, texts: Sequence[str], role: Role) -> list[str]:
        # Servers refuse an empty text; a blank has no token of its own.
        return [text or " " for text in with_prompts(texts, role, self._info.prompts)]

    def _answers(self, sent: Sequence[str]) -> Iterator[tuple[IntArray, Answer]]:
        """Ask for all texts, longest first, and yield answers as they arrive.

        No more requests are handed over than run at once: a ranking that comes while a corpus is encoded waits for
        those under way, not for the corpus.
        """
        stop = Event()
        waiting = iter(_requests(self._counter.bound(sent), self._server.options))
        running: dict[Future[Answer], IntArray] = {}

        def submit(n: int) -> None:
            for places in islice(waiting, n):
                batch = [sent[place] for place in places]
                running[self._pool.submit(self._server.embed, batch, stop)] = places

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

    def _unit_rows(self, answer: Answer) -> FloatArray:
        with self._usage_lock:
            self._tokens_billed += answer.n_tokens
        found = answer.vectors.shape[1]
        if found != self._info.dimensions:
            expected = self._info.dimensions
            raise EndpointError("endpoint_wrong_dimensions", url=self._info.device, expected=expected, found=found)
        return unit_rows(answer.vectors)


def _requests(bounds: IntArray, options: Options) -> Iterator[IntArray]:
    """Part places of texts into requests within the bounds of tokens and texts."""
    for batch in cut_batches(bounds, options.tokens_per_request):
        for start in range(0, len(batch), options.texts_per_request):
            yield batch[start : start + options.texts_per_request]
