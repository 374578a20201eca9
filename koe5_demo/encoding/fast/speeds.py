"""How fast each arithmetic and each layout of the weights is here: measured on a few products of the model's own size.

A processor's flags do not tell it: some have an arithmetic in name and emulate it, AVX2 alone makes oneDNN's GELU slow,
and which library wins differs by size. Measuring takes some tenths of a second, at KoE5's width one, because each
layout of each arithmetic has to be made once; it is remembered by processor, what torch uses of it, torch's version,
threads and width.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from koe5_demo.encoding.fast.attention import ON_CPU, Segments
from koe5_demo.encoding.fast.dense import LAYOUTS, Dense, DenseMaker, Int8Dense, prepacking_works
from koe5_demo.encoding.fast.precision import STORED_AS, Precision, attention_dtype, detect
from koe5_demo.encoding.fast.remembered import Remembered
from koe5_demo.encoding.token_batches import Run

MLP_FACTOR: Final = 4
FEW_TOKENS, MANY_TOKENS = 32, 256
"""A query and a passage: their seconds together are what is compared, so that the passage counts most."""
ROUNDS, MOST_ROUNDS = 3, 20
STEADY: Final = 0.9
"""A round that leaves every least time above this part of what it was is the last."""
CLEARLY: Final = 0.95
"""A way is taken before the usual ones, in front of it, if it takes at most this share of their time. Else chance would
decide between two that are level, and with it what the guard says."""
HOPELESS: Final = 1.5
"""Ways that take so many times the least after two rounds are not tried again."""
WAYS: Final = 5
"""Counted up when one of them changes: what was measured of the others no longer decides."""
QUIET: Final = 0.9
"""Share of the time that this thread must have had for what it measured to be remembered."""
HELD_BACK: Final = "ONEDNN_MAX_CPU_ISA"
INT8_LAYOUT: Final = ""
MOST_EXACT: Final = "prepacked"


@dataclass(frozen=True)
class Speed:
    """The fastest way found for an arithmetic.

    Attributes:
        layout: One of `LAYOUTS`; empty for int8, which has one only.
        microseconds: For the two products of the feed-forward part, of a query and of a passage.
        attend: One of `ON_CPU`; empty where nothing was measured.
    """

    layout: str
    microseconds: float
    attend: str = ""


UNKNOWN: Final = Speed("", 0.0)
"""Stands where nothing was measured: the usual ways."""

Speeds = Mapping[Precision, Speed]


@dataclass(frozen=True)
class Measured:
    """Speeds, and whether nothing else was going on.

    Attributes:
        speeds: By arithmetic.
        share: Of the time in which this thread computed or, for a moment, waited for its helpers; 1 where nobody else
            wanted the processor, about a half beside one busy program.
    """

    speeds: Speeds
    share: float


Way = tuple[Precision | None, str]
"""An arithmetic and one of its layouts, or one of the ways to attend."""
Runs = Mapping[Way, Sequence[Callable[[], Tensor]]]


def known_speeds(width: int, n_heads: int, precisions: Sequence[Precision], file: Path | None) -> Speeds:
    """Return the speeds of some precisions on this processor, measured where the file does not have them.

    What was measured while other programs took the processor away holds for this time only.

    Args:
        width, n_heads: Of the network.
        precisions: Which; those that this machine computes natively.
        file: Where they are remembered; a file that cannot be read or written is done without.
    """
    place = f"{machine()} / width {width} / {n_heads} heads"
    kept = Remembered(file)
    known = _speeds(kept.get(place))
    missing = [precision for precision in precisions if precision not in known]
    if missing:
        found = measure(width, n_heads, missing)
        known |= found.speeds
        if found.share >= QUIET:
            kept.put(place, {p.value: (speed.layout, speed.microseconds, speed.attend) for p, speed in known.items()})
    return {precision: known[precision] for precision in precisions}


def measure(width: int, n_heads: int, precisions: Sequence[Precision]) -> Measured:
    """Measure the fastest layout of each precision, and the fastest attention for its dtype."""
    start, own = time.perf_counter(), time.thread_time()
    with torch.inference_mode():
        runs: Runs = {(p, layout): _runs(make, p, width) for p in precisions for layout, make in _layouts(p).items()}
        best = _least_seconds(runs)
        hardware = detect(torch.device("cpu"))
        dtypes = {precision: attention_dtype(precision, hardware) for precision in precisions}
        attend = {dtype: _fastest_attention(width, n_heads, dtype) for dtype in set(dtypes.values())}
    fastest = {p: clearly_fastest({way: cost for way, cost in best.items() if way[0] is p}) for p in precisions}
    speeds = {p: Speed(key[1], round(1e6 * best[key], 3), attend[dtypes[p]]) for p, key in fastest.items()}
    return Measured(speeds, (time.thread_time() - own) / (time.perf_counter() - start))


def _fastest_attention(width: int, n_heads: int, dtype: torch.dtype) -> str:
    """Return which attention takes the least time in a dtype, for a text of few and one of many tokens together."""
    inputs = []
    for rows in (FEW_TOKENS, MANY_TOKENS):
        qkv = torch.linspace(-1, 1, rows * 3 * width).view(rows, 3 * width).to(dtype)
        inputs.append((qkv, Segments((Run(0, 1, rows),), torch.tensor([0, rows], dtype=torch.int32), rows)))
    runs = {
        name: [partial(make(), qkv, segments, n_heads) for qkv, segments in inputs] for name, make in ON_CPU.items()
    }
    best = _least_seconds({(None, name): tuple(pair) for name, pair in runs.items()})
    return clearly_fastest(best)[1]


def clearly_fastest(seconds: Mapping[Way, float]) -> Way:
    """Return the first way that no other one beats by more than chance."""
    least = min(seconds.values())
    return next(way for way, cost in seconds.items() if CLEARLY * cost <= least)


def _least_seconds(runs: Runs) -> dict[Way, float]:
    """Return the least seconds of each way, its runs together.

    All take turns, so that a busy moment hurts none alone, until a round makes none much faster: what comes out is
    remembered for good, and other programs may be at work. A way that cannot be its arithmetic's fastest drops out.

    Args:
        runs: The work of each way, a query and a passage.
    """
    best = {key: [float("inf")] * 2 for key in runs}
    for run in chain.from_iterable(runs.values()):
        run()  # kernels are made at the first call
    going = set(runs)
    for n_done in range(1, MOST_ROUNDS + 1):
        latest = {
            key: [min(old, _seconds(run)) for old, run in zip(best[key], runs[key], strict=True)] for key in going
        }
        steady = all(sum(latest[key]) > STEADY * sum(best[key]) for key in going)
        best |= latest
        costs = {key: sum(seconds) for key, seconds in best.items()}
        least = {kind: min(cost for (other, _), cost in costs.items() if other == kind) for kind, _ in costs}
        if n_done >= ROUNDS and steady:
            break
        if n_done > 1:
            going = {key for key in going if costs[key] < HOPELESS * least[key[0]]}
    return costs


def _layouts(precision: Precision) -> dict[str, DenseMaker]:
    if precision is Precision.INT8:
        return {INT8_LAYOUT: Int8Dense}
    packs = prepacking_works(STORED_AS[precision])
    if packs and precision is not Precision.FP32:
        # The others round to 16 bits before GELU: a twentieth faster at best, and the guard refused mini for it.
        return {MOST_EXACT: LAYOUTS[MOST_EXACT]}
    return {name: make for name, make in LAYOUTS.items() if packs or "prepacked" not in name}


def _runs(make: DenseMaker, precision: Precision, width: int) -> tuple[Callable[[], Tensor], ...]:
    """Return the work of a precision in a layout: for a query, and for a passage."""
    dtype = torch.float32 if precision is Precision.INT8 else STORED_AS[precision]

    def dense(n_in: int, n_out: int, *, gelu: bool) -> Dense:
        return make(torch.full((n_out, n_in), 1 / n_in, dtype=dtype), torch.zeros(n_out, dtype=dtype), gelu)

    up, down = dense(width, MLP_FACTOR * width, gelu=True), dense(MLP_FACTOR * width, width, gelu=False)

    def both(x: Tensor) -> Tensor:
        return down(up(x).to(dtype))

    inputs = (torch.linspace(-1, 1, n * width).view(n, width).to(dtype) for n in (FEW_TOKENS, MANY_TOKENS))
    return tuple(partial(both, x) for x in inputs)


def _seconds(run: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def machine() -> str:
    """Return what a speed depends on, and rounding too, in words."""
    parts = (_processor(), torch.backends.cpu.get_cpu_capability(), os.environ.get(HELD_BACK, ""))
    return " / ".join((*parts, f"torch {torch.__version__}", f"{torch.get_num_threads()} threads", f"ways {WAYS}"))


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _speeds(kept: Any) -> dict[Precision, Speed]:
    """Return what is remembered; nothing where it is not as it was written."""
    try:
        return {Precision(name): _speed(*values) for name, values in kept.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _speed(layout: str, microseconds: float, attend: str) -> Speed:
    if layout not in (*LAYOUTS, INT8_LAYOUT) or attend not in (*ON_CPU, ""):
        raise ValueError(f"no such way: {layout}, {attend}")
    return Speed(layout, float(microseconds), attend)
