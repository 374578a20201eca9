"""The fast engine: the vectors of sentence-transformers without the padding.

Dense layers run on real tokens only, attention inside each text, batches are cut by tokens, and results come in input
order. On a GPU a thread tokenizes the next texts while the network runs on the last ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor

from koe5_demo.encoding.fast.lanes import Lanes, n_lanes
from koe5_demo.encoding.fast.memory import close_gaps
from koe5_demo.encoding.fast.model_folder import ModelFolder
from koe5_demo.encoding.fast.packed import Arithmetic, PackedNetwork, WeightSource, build_network
from koe5_demo.encoding.fast.precision import Precision, attention_dtype, detect
from koe5_demo.encoding.fast.shared_batches import SharedBatches, Tokens
from koe5_demo.encoding.fast.speeds import UNKNOWN, Speed
from koe5_demo.encoding.fast.threads import usable_threads
from koe5_demo.encoding.text_tokens import TextTokenizer, TokenizedTexts
from koe5_demo.encoding.token_batches import cut_batches
from koe5_demo.prompts import split_prompt, with_prompts
from koe5_demo.records import Encoded, FloatArray, IntArray, ModelInfo, OnProgress, Role, RoleTexts, TokenVectors

ENGINE_NAME: Final = "padding-free"
CPU_TOKENS_PER_BATCH: Final = 768
"""Enough that reading the weights from memory costs nothing, few enough that activations stay in cache."""
NARROW_WIDTH: Final = 512
GPU_TOKENS_PER_BATCH: Final = 32_768
TEXTS_PER_WINDOW: Final = 4096
"""Texts tokenized together on a GPU, while the window before is computed; a CPU takes all texts as one window."""
WINDOWS_AHEAD: Final = 2
"""Windows tokenized or being tokenized beside the one that is computed: a corpus of any size takes bounded memory."""
BATCHES_IN_FLIGHT: Final = 2
LARGE_JOB_TOKENS: Final = 16_384
"""After so many on a CPU the gaps in the heaps are given back."""


class _Event(Protocol):
    """A mark in the work of a GPU."""

    def synchronize(self) -> None:
        """Wait until the work before the mark is done."""


Arrival = _Event | None
"""What to wait for before a copy is complete; None: it is."""


@dataclass(frozen=True)
class TokensPerBatch:
    """How many tokens go at once through a network.

    Attributes:
        shared: For everybody.
        alone: For a large job while nobody else wants the network.
        lane: For such a job where batches run side by side.
    """

    shared: int
    alone: int
    lane: int


NARROW_TOKENS_PER_BATCH: Final = TokensPerBatch(1024, 4096, 2048)
"""A narrow network is done with a batch before its weights have come from memory: there larger batches pay, by a tenth
with AVX2, by a fifth in bfloat16 (width 384, page of 32 texts). But nothing interrupts a batch: a job gets them that
has the network for itself and wants much of it; with 4096 for all, fifty visitors waited four times as long. At width
1024 there is nothing to win."""


def usual_tokens_per_batch(device: torch.device, width: int) -> TokensPerBatch:
    """Return what was measured to be fast for a network of this width."""
    if device.type != "cuda" and width <= NARROW_WIDTH:
        return NARROW_TOKENS_PER_BATCH
    n = GPU_TOKENS_PER_BATCH if device.type == "cuda" else CPU_TOKENS_PER_BATCH
    return TokensPerBatch(n, n, n)


def arithmetic_of(precision: Precision, device: torch.device, speed: Speed = UNKNOWN) -> Arithmetic:
    """Return in which dtype and which way each part of the network runs on a device."""
    attention = attention_dtype(precision, detect(device))
    int8 = precision is Precision.INT8
    dense = torch.float32 if int8 else attention
    return Arithmetic(dense, attention, int8=int8, layout=speed.layout, attend=speed.attend)


@dataclass(frozen=True)
class _Window:
    """Texts that were tokenized together: those from `start` on."""

    start: int
    tokens: TokenizedTexts


def _window(start: int, tokens: Future[TokenizedTexts]) -> _Window:
    return _Window(start, tokens.result())


class PaddingFreeEncoder:
    """An `Encoder` on a packed network. Safe with threads: small batches of several callers run as one.

    Args:
        network: The network.
        tokenizer: Makes the tokens.
        info: What the model is.
        tokens_per_batch: Bound of a batch; a measured default for the device when None.
    """

    def __init__(
        self, network: PackedNetwork, tokenizer: TextTokenizer, info: ModelInfo, *, tokens_per_batch: int | None = None
    ) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._info = info
        self._on_gpu = network.device.type == "cuda"
        bound = usual_tokens_per_batch(network.device, info.dimensions)
        n = tokens_per_batch
        self._bound = bound if n is None else TokensPerBatch(n, n, n)

        def vectors(ids: Tokens) -> Tensor:
            return network.pooled(network.pack(ids))

        bring = begin_to_bring if self._on_gpu else bring_now
        self._batches = SharedBatches(lambda ids: bring(vectors(ids)), _part, most_tokens=self._bound.shared)
        short = network.device.type == "cpu" and network.arithmetic.is_short
        self._lanes = Lanes(n_lanes(usable_threads(), short_products=short), vectors)

    @classmethod
    def from_weights(
        cls,
        source: WeightSource,
        folder: ModelFolder,
        info: ModelInfo,
        device: torch.device,
        *,
        precision: Precision = Precision.FP32,
        speed: Speed = UNKNOWN,
        tokens_per_batch: int | None = None,
    ) -> PaddingFreeEncoder:
        """Make an encoder of weights that come from elsewhere, for example from a file.

        Args:
            source: The weights.
            folder: The model's sizes, pooling and tokenizer.
            info: What the model is.
            device: Where it runs.
            precision: Arithmetic.
            speed: Which way was measured to be the fastest here.
            tokens_per_batch: See the class.
        """
        arithmetic = arithmetic_of(precision, device, speed)
        network = build_network(source, folder.shape, arithmetic, device, cls=folder.cls)
        tokenizer = TextTokenizer(folder.tokenizer, info.max_tokens)
        return cls(network, tokenizer, info, tokens_per_batch=tokens_per_batch)

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`.

        Progress counts tokens. While texts are still being tokenized (on a GPU), the total is an estimate.
        """
        return self._encode(with_prompts(texts, role, self._info.prompts), on_progress)

    def encode_both(
        self, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
    ) -> tuple[Encoded, Encoded]:
        """Encode queries and passages in the same batches; see `koe5_demo.records.PairEncoder`."""
        sent = [with_prompts(*texts, self._info.prompts) for texts in (queries, passages)]
        return self._encode(sent[0] + sent[1], on_progress).parted(len(sent[0]))

    def _encode(self, sent: list[str], on_progress: OnProgress | None) -> Encoded:
        vectors = np.zeros((len(sent), self._info.dimensions), dtype=np.float32)
        n_tokens = np.zeros(len(sent), dtype=np.int64)
        progress = _Progress(len(sent), on_progress)
        pending: deque[tuple[IntArray, int, Callable[[], Tensor]]] = deque()
        n_before = 0

        def collect() -> None:
            places, done, rows = pending.popleft()
            vectors[places] = rows().numpy()
            progress.advance(done)

        for window in self._windows(sent):
            n_tokens[window.start : window.start + len(window.tokens.ids)] = window.tokens.n_tokens
            lengths = window.tokens.lengths
            progress.announce(len(lengths), int(lengths.sum()))
            for places, in_lane in self._portions(lengths):
                ids = [window.tokens.ids[place] for place in places]
                if in_lane:
                    rows, in_flight = self._lanes.begin(ids).result, self._lanes.n + 1
                else:
                    rows = partial(_arrived, *self._batches.rows(ids, n_before=n_before))
                    in_flight = BATCHES_IN_FLIGHT if self._on_gpu else 0
                n = int(lengths[places].sum())
                n_before += n
                pending.append((places + window.start, n, rows))
                while len(pending) > in_flight:
                    collect()
        while pending:
            collect()
        if n_before > LARGE_JOB_TOKENS and not self._on_gpu:
            close_gaps()
        return Encoded(vectors, n_tokens, self._info.max_tokens)

    def _portions(self, lengths: IntArray) -> Iterator[tuple[IntArray, bool]]:
        """Yield the places of texts that are ordered together, and whether a lane of their own takes them.

        They are batches, or parts of batches while others want little.
        """
        n, bound = self._lanes.n, self._bound
        alone = lengths.sum() > bound.shared and not self._batches.others_want_little()
        in_lanes = alone and n > 1
        per_batch = bound.lane if in_lanes else bound.alone if alone else bound.shared
        batches = cut_batches(lengths, per_batch, at_once=n if in_lanes else 1)
        for batch in batches:
            n_parts = self._batches.n_parts(len(batches))
            for part in np.array_split(batch, min(len(batch), n_parts)):
                yield part, in_lanes and n_parts == 1

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) uncut token counts with prompt and special tokens."""
        return self._tokenizer.count(with_prompts(texts, role, self._info.prompts))

    def token_vectors(self, text: str, role: Role) -> tuple[list[str], FloatArray]:
        """Return what the mean is taken of: the pieces of one text and their last-layer vectors, (T, D) float32.

        Special tokens and the prompt are among them; the end that the model does not see is not.
        """
        ids = self._tokenizer.tokenize(with_prompts([text], role, self._info.prompts)).ids
        hidden = self._batches.alone(lambda: self._network.hidden(self._network.pack(ids)))
        return self._tokenizer.pieces(ids[0]), hidden.cpu().numpy()

    def encode_tokens(self, text: str, role: Role) -> TokenVectors:
        """Take the vector of one bare text apart; see `koe5_demo.records.TokenEncoder`."""
        prompt, body = split_prompt(text, role, self._info.prompts)
        tokens = self._tokenizer.locate(prompt + body)
        hidden = self._batches.alone(lambda: self._network.hidden(self._network.pack([tokens.ids]))).cpu().numpy()
        exact = self._network.takes_mean
        return TokenVectors(prompt + body, len(prompt), tokens.n_seen_chars, tokens.spans, hidden, exact)

    def _windows(self, sent: list[str]) -> Iterator[_Window]:
        if not self._on_gpu:
            if sent:
                yield _Window(0, self._tokenizer.tokenize(sent))
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokenize") as pool:
            ahead: deque[tuple[int, Future[TokenizedTexts]]] = deque()
            for start in range(0, len(sent), TEXTS_PER_WINDOW):
                ahead.append((start, pool.submit(self._tokenizer.tokenize, sent[start : start + TEXTS_PER_WINDOW])))
                if len(ahead) > WINDOWS_AHEAD:
                    yield _window(*ahead.popleft())
            while ahead:
                yield _window(*ahead.popleft())


def _part(brought: tuple[Tensor, Arrival], rows: slice) -> tuple[Tensor, Arrival]:
    return brought[0][rows], brought[1]


def _arrived(rows: Tensor, arrival: Arrival) -> Tensor:
    if arrival is not None:
        arrival.synchronize()
    return rows


def bring_now(vectors: Tensor) -> tuple[Tensor, Arrival]:
    """Return `vectors` on the CPU."""
    return vectors.cpu(), None


def begin_to_bring(vectors: Tensor) -> tuple[Tensor, Arrival]:
    """Begin to copy `vectors` from a GPU, while it goes on with the next batch."""
    rows = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
    rows.copy_(vectors, non_blocking=True)
    # The stream of the vectors' own GPU, which need not be the current one.
    return rows, torch.cuda.current_stream(vectors.device).record_event()


class _Progress:
    """Reports tokens done of all; the tokens of texts not yet tokenized are estimated from the others.

    What is done never goes back and never passes the total.
    """

    def __init__(self, n_texts: int, report: OnProgress | None) -> None:
        self._n_texts = n_texts
        self._report = report
        self._texts_known = 0
        self._tokens_known = 0
        self._done = 0

    def announce(self, n_texts: int, n_tokens: int) -> None:
        self._texts_known += n_texts
        self._tokens_known += n_tokens

    def advance(self, n_tokens: int) -> None:
        self._done += n_tokens
        if self._report is not None:
            total = self._tokens_known * self._n_texts // self._texts_known
            self._report(self._done, max(total, self._done))
