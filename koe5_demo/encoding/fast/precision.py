"""In which arithmetic a model should run here, and the guard that a cheaper one must pass.

`auto` tries what the hardware computes natively and what `speeds` measured to be faster than float32 here, fastest
first. A cheaper arithmetic is taken only if the 16 probe texts of `probes_ko.txt` come out as in float32: no cosine
between two of them may move by more than 0.01, and no query may rank the passages differently.

What an arithmetic costs on whole data sets is measured by `python -m bench.peers` (NDCG@10 and Spearman beside speed);
`python -m bench.guard` holds the probes' verdict beside it. The bounds: bench/RESULTS.md, "The guard".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from koe5_demo.encoding.fast.dense import INT8_LARGEST, int8_works, largest_weight
from koe5_demo.records import FloatArray, Notice

LARGEST_MOVE: Final = 0.01
TIE: Final = 0.001
"""Two passages whose float32 cosines to a query are closer than this count as tied: the page shows three digits."""
NARROW_FOR_7_BITS: Final = 512
"""Up to this width `auto` does not try int8 with weights of 7 bits: at 384 it moves a cosine by 0.096, and the guard
would say so after seconds of work."""
LEAST_SAVING: Final = 0.9
"""A cheaper arithmetic must take at most this share of float32's time, or it is not worth a rounding."""
BF16_CAPABILITY: Final = (8, 0)
FP16_CAPABILITY: Final = (7, 0)


class Precision(str, Enum):
    """An arithmetic of the dense layers, as `--dtype` names it."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    INT8 = "int8"

    @property
    def label(self) -> str:
        """Return the name shown beside results."""
        return {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "int8": "int8"}[self.value]


STORED_AS: Final = {
    Precision.FP32: torch.float32,
    Precision.BF16: torch.bfloat16,
    Precision.FP16: torch.float16,
    # Word vectors are looked up, not multiplied: int8 leaves them in bf16.
    Precision.INT8: torch.bfloat16,
}
"""The dtype that a model's weights, or only its word vectors, are held in."""


@dataclass(frozen=True)
class Hardware:
    """What a device computes natively, as torch tells it.

    Attributes:
        device: Kind of device: cpu, cuda, mps.
        bf16, fp16, int8: Whether dense layers gain by it.
        weights_of_7_bits: Whether int8 has a bit less for weights.
    """

    device: str
    bf16: bool = False
    fp16: bool = False
    int8: bool = False
    weights_of_7_bits: bool = False


@dataclass(frozen=True)
class Verdict:
    """How far an arithmetic is from float32 on the probes.

    Attributes:
        largest_move: Largest change of a cosine between two probes.
        n_changed: Queries whose ranking of the passages changed.
    """

    largest_move: float
    n_changed: int

    @property
    def passed(self) -> bool:
        """Return whether the arithmetic may be used."""
        # Written so that NaN fails.
        return self.largest_move <= LARGEST_MOVE and self.n_changed == 0


def detect(device: torch.device) -> Hardware:
    """Ask torch what `device` computes natively."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        return Hardware("cuda", bf16=capability >= BF16_CAPABILITY, fp16=capability >= FP16_CAPABILITY)
    if device.type == "cpu":
        # What torch uses of a processor can be bounded from outside: then 16 bits are emulated whatever it could do.
        wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        bf16 = wide and (_cpu_has("_is_avx512_bf16_supported") or _cpu_has("_is_amx_tile_supported"))
        fp16 = wide and _cpu_has("_is_amx_fp16_supported")
        int8 = _cpu_has("_is_avx2_supported") and int8_works()
        return Hardware("cpu", bf16, fp16, int8, weights_of_7_bits=int8 and largest_weight() < INT8_LARGEST)
    return Hardware(device.type)


def attention_dtype(precision: Precision, hardware: Hardware) -> torch.dtype:
    """Return the dtype of queries, keys and values, which int8 does not round any further."""
    if precision is Precision.INT8 and not hardware.bf16:
        return torch.float32
    return STORED_AS[precision]


def candidates(
    asked: str, hardware: Hardware, width: int, costs: Mapping[Precision, float] | None = None
) -> tuple[Precision, ...]:
    """Return the precisions to try, in order; the last is always fp32, which needs no guard.

    Args:
        asked: auto, fp32, bf16, fp16 or int8. One that is asked for by name is tried even where it is slow, except
            int8, which cannot run without its instructions.
        hardware: Of the device.
        width: Of the network.
        costs: Measured time of the same work in each, any unit. `auto` leaves out what does not save a tenth; without
            a measurement it trusts the hardware.
    """
    native = {Precision.INT8: hardware.int8, Precision.BF16: hardware.bf16}
    if hardware.device == "cuda":
        native[Precision.FP16] = hardware.fp16 and not hardware.bf16
    cheaper = [precision for precision, has in native.items() if has]
    if asked == "auto":
        if hardware.weights_of_7_bits and width <= NARROW_FOR_7_BITS:
            cheaper.remove(Precision.INT8)
        if costs:
            pays = [p for p in cheaper if costs[p] <= LEAST_SAVING * costs[Precision.FP32]]
            cheaper = sorted(pays, key=lambda precision: costs[precision])
        return (*cheaper, Precision.FP32)
    wanted = Precision(asked)
    if wanted is Precision.FP32 or (wanted is Precision.INT8 and not hardware.int8):
        return (Precision.FP32,)
    return (wanted, Precision.FP32)


def judge(reference: FloatArray, cheaper: FloatArray, queries: npt.NDArray[np.bool_]) -> Verdict:
    """Compare the probes' vectors in a cheaper arithmetic with those in float32.

    Args:
        reference: (n, D) unit rows in float32.
        cheaper: (n, D) unit rows of the same texts.
        queries: (n,) which of the texts are queries; the others are what they rank.

    Returns:
        The verdict. A ranking has changed if two passages that float32 holds apart by `TIE` or more have swapped.
    """
    expected, got = reference @ reference.T, cheaper @ cheaper.T
    largest_move = float(np.max(np.abs(expected - got), initial=0.0))
    rows = np.ix_(queries, ~queries)
    changed = [_ranking_changed(old, new) for old, new in zip(expected[rows], got[rows], strict=True)]
    return Verdict(largest_move, sum(changed))


def notice_of(precision: Precision, verdict: Verdict) -> Notice:
    """Say why a precision was refused."""
    values: dict[str, object] = {"dtype": precision.value, "move": verdict.largest_move, "limit": LARGEST_MOVE}
    return Notice("notice_dtype_refused", {**values, "n": verdict.n_changed})


def _ranking_changed(expected: FloatArray, got: FloatArray) -> bool:
    held_apart = expected[:, None] - expected[None, :] >= TIE
    swapped = got[:, None] < got[None, :]
    return bool(np.any(held_apart & swapped))


def _cpu_has(query: str) -> bool:
    # torch has no public name for these yet; where one is missing, the answer is no.
    ask = getattr(torch.cpu, query, None)
    return bool(ask is not None and ask())
