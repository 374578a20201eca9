"""Runs an encoder on a ZeroGPU Space, where a GPU is lent for seconds to a forked process. Nothing else knows `spaces`.

Everywhere else the package is not even imported, and encoders pass through unchanged. On ZeroGPU a model must be on
`cuda` before the first call and CUDA works only inside a call: so it is loaded in float32, without the passes that
check a cheaper arithmetic, and never warmed up. Only arrays come back from a call; caches lie outside of it.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from koe5_demo.records import Encoded, Encoder, FloatArray, IntArray, ModelInfo, OnProgress, Role, RoleTexts

ACTIVE: Final = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
LOAD_WAIT_S: Final = 1_200.0 if ACTIVE else 0.0
"""How long the page waits for its model: a ZeroGPU Space packs what is on cuda when the page starts."""
LONGEST_S: Final = 10
START_S: Final = 2.0
TOKENS_PER_S: Final = 20_000
"""Reckoned with on ZeroGPU, and not measured there; a call that needs more seconds than it asked for is broken off."""
TOKENS_PER_CALL: Final = int((LONGEST_S - START_S) * TOKENS_PER_S)

spaces: Any = importlib.import_module("spaces") if ACTIVE else None  # before CUDA starts


def placement(device: str, dtype: str, *, small: bool) -> tuple[str, str]:
    """Return the device and dtype to load a model with.

    Args:
        device, dtype: What the operator asked for; it holds everywhere but on ZeroGPU.
        small: Whether a lent GPU is not worth asking for; the model then stays on the CPU.
    """
    if not ACTIVE:
        return device, dtype
    return ("cpu", dtype) if small else ("cuda", "fp32")


def lend_gpu(encoder: Encoder) -> Encoder:
    """Return an encoder whose `encode` runs on the lent GPU; the same one where none is lent or none is needed."""
    return ZeroGpuEncoder(encoder, spaces.GPU) if ACTIVE and encoder.info.device.startswith("cuda") else encoder


def duration_s(n_tokens: int) -> int:
    """Return the seconds of GPU to ask for: enough for the tokens, at most `LONGEST_S` for those of one call."""
    return min(LONGEST_S, math.ceil(START_S + n_tokens / TOKENS_PER_S))


def calls(n_tokens: IntArray, most: int = TOKENS_PER_CALL) -> Iterator[slice]:
    """Part texts, in order, into calls of at most `most` tokens; a text that has more is a call of its own."""
    start = in_call = 0
    for place, count in enumerate(n_tokens.tolist()):
        if place > start and in_call + count > most:
            yield slice(start, place)
            start, in_call = place, 0
        in_call += count
    if start < len(n_tokens):
        yield slice(start, len(n_tokens))


class ZeroGpuEncoder:
    """An `Encoder` that asks for a GPU anew for each call.

    Args:
        inner: The encoder, its model on cuda.
        gpu: `spaces.GPU`, or what stands for it: a decorator with a `duration` computed from the call's arguments.
    """

    def __init__(self, inner: Encoder, gpu: Callable[..., Any]) -> None:
        self._inner = inner

        def duration(_parts: Sequence[RoleTexts], n_tokens: int) -> int:
            return duration_s(n_tokens)

        # A closure and no method: arguments travel to the other process, and the model must not.
        @gpu(duration=duration)  # type: ignore[untyped-decorator]
        def forward(parts: Sequence[RoleTexts], _n_tokens: int) -> FloatArray:
            return np.concatenate([inner.encode(*part).vectors for part in parts])

        self._forward = forward

    @property
    def info(self) -> ModelInfo:
        """Return what the inner encoder is."""
        return self._inner.info

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts."""
        n_tokens = self._inner.count_tokens(texts, role)
        used = np.minimum(n_tokens, self.info.max_tokens)
        vectors = np.zeros((len(texts), self.info.dimensions), dtype=np.float32)
        for part in calls(used):
            vectors[part] = self._forward([(list(texts[part]), role)], int(used[part].sum()))
            if on_progress is not None:
                on_progress(part.stop, len(texts))
        return Encoded(vectors, n_tokens, self.info.max_tokens)

    def encode_both(
        self, queries: RoleTexts, passages: RoleTexts, *, on_progress: OnProgress | None = None
    ) -> tuple[Encoded, Encoded]:
        """Encode queries and passages in one call where they fit; see `koe5_demo.records.PairEncoder`."""
        counts = self.count_tokens(*queries), self.count_tokens(*passages)
        n_tokens = np.concatenate(counts)
        used = int(np.minimum(n_tokens, self.info.max_tokens).sum())
        if used > TOKENS_PER_CALL:
            return self.encode(*queries), self.encode(*passages, on_progress=on_progress)
        vectors = self._forward([(list(texts), role) for texts, role in (queries, passages)], used)
        if on_progress is not None:
            on_progress(len(n_tokens), len(n_tokens))
        return Encoded(vectors, n_tokens, self.info.max_tokens).parted(len(counts[0]))

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Count through the inner encoder: its tokenizer needs no GPU."""
        return self._inner.count_tokens(texts, role)
