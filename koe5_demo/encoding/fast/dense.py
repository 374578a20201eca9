"""Dense layers of the packed network: plain torch, weights laid out beforehand in three ways, and int8.

Each takes `(T, n_in)` and returns `(T, n_out)`. The oneDNN forms are operators that torch registers for its own
compiler; `prepacking_works` and `int8_works` try them once and compare, so that a torch without them, or another
processor, gets the plain form. Which layout is the fastest differs by processor and size: `speeds` measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

INT8_LARGEST, INT7_LARGEST = 127, 63
ZERO_POINT: Final = 128
NOTHING_AFTER: Final[tuple[str, list[float], str]] = ("none", [], "")
EXACT_GELU_AFTER: Final[tuple[str, list[float], str]] = ("gelu", [], "none")
SIGN_BIT: Final = 0x80


class Dense(Protocol):
    """One matrix product with its bias, and GELU where the layer has one."""

    def __call__(self, x: Tensor) -> Tensor:
        """Map `(T, n_in)` to `(T, n_out)`."""


DenseMaker = Callable[[Tensor, Tensor, bool], Dense]
"""Makes a layer of (weight, bias, gelu)."""


class PlainDense:
    """torch's own product: every device, every dtype.

    Args:
        weight: (n_out, n_in), kept as it is.
        bias: (n_out,).
        gelu: Whether GELU follows.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gelu: bool) -> None:
        self._weight = weight
        self._bias = bias
        self._gelu = gelu

    def __call__(self, x: Tensor) -> Tensor:
        """Map `(T, n_in)` to `(T, n_out)`."""
        y = functional.linear(x, self._weight, self._bias)
        return functional.gelu(y) if self._gelu else y


class PrepackedDense:
    """The same product with the weight laid out in oneDNN's blocks once, and GELU done while a block is in registers.

    On the processors measured this is 1.2 to 1.5 times as fast as `PlainDense` in fp32 and 1.1 to 1.2 in bf16: see
    bench/RESULTS.md. Arguments as there.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gelu: bool) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None)  # noqa: SLF001
        self._bias = bias
        self._after = EXACT_GELU_AFTER if gelu else NOTHING_AFTER

    def __call__(self, x: Tensor) -> Tensor:
        """Map `(T, n_in)` to `(T, n_out)`."""
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, *self._after)  # noqa: SLF001
        return y


class PrepackedDenseThenGelu:
    """The same, but torch's own GELU afterwards: with AVX2 alone oneDNN's is three times as slow as a pass of its own.

    Arguments as there.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gelu: bool) -> None:
        self._product = PrepackedDense(weight, bias, gelu=False)
        self._gelu = gelu

    def __call__(self, x: Tensor) -> Tensor:
        """Map `(T, n_in)` to `(T, n_out)`."""
        y = self._product(x)
        return functional.gelu(y) if self._gelu else y


class TransposedDense:
    """torch's own product with the weight kept as (n_in, n_out): the fastest for the few rows of a single query.

    Arguments as there.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gelu: bool) -> None:
        self._weight = weight.t().contiguous()
        self._bias = bias
        self._gelu = gelu

    def __call__(self, x: Tensor) -> Tensor:
        """Map `(T, n_in)` to `(T, n_out)`."""
        y = torch.addmm(self._bias, x, self._weight)
        return functional.gelu(y) if self._gelu else y


LAYOUTS: Final[dict[str, DenseMaker]] = {
    "prepacked": PrepackedDense,
    "prepacked, then GELU": PrepackedDenseThenGelu,
    "transposed": TransposedDense,
    "plain": PlainDense,
}
"""Ways to keep a weight, by the names under which their speed is remembered; the prepacked ones need oneDNN. In 16
bits the first is the most exact one: its GELU sees sums that were not rounded."""


class Int8Dense:
    """Both sides in int8, sums in int32: weights with a scale for each output, activations with one for each token.

    A scale for each token, not one for all: activations of a transformer have a few tokens many times larger than the
    rest, and texts that happen to share a batch must not change each other's vectors. Weights have 7 bits where 8 are
    not added up rightly: see `largest_weight`.

    Args:
        weight: (n_out, n_in), floating point; not kept.
        bias: (n_out,).
        gelu: Whether GELU follows.
        out_dtype: Of the result.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gelu: bool, *, out_dtype: torch.dtype = torch.float32) -> None:
        scales = weight.float().abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / largest_weight()
        self._product = Int8Product((weight.float() / scales[:, None]).round_().to(torch.int8), scales)
        self._bias = bias.to(out_dtype)
        self._gelu = gelu
        self._out_dtype = out_dtype

    def __call__(self, x: Tensor) -> Tensor:
        """Map `(T, n_in)` to `(T, n_out)`."""
        quantized, scales = quantize_rows(x)
        y = torch.addcmul(self._bias, self.product(quantized), scales.to(self._out_dtype))
        return functional.gelu(y) if self._gelu else y

    def product(self, quantized: Tensor) -> Tensor:
        """Map `(T, n_in)` uint8, zero at 128, to `(T, n_out)`: the bare product, in units of the rows' scales."""
        return self._product(quantized, self._out_dtype)


class Int8Product:
    """The product of oneDNN that `Int8Dense` stands on.

    Args:
        weight: (n_out, n_in) int8.
        scales: (n_out,) float32, what a step of an output's weights is worth.
    """

    def __init__(self, weight: Tensor, scales: Tensor) -> None:
        self._weight = torch.ops.onednn.qlinear_prepack(weight, None)
        self._scales = scales
        self._zero_points = torch.zeros(len(scales), dtype=torch.int32)

    def __call__(self, x: Tensor, out_dtype: torch.dtype) -> Tensor:
        """Map `(T, n_in)` uint8, zero at 128, to `(T, n_out)`."""
        weight = (self._weight, self._scales, self._zero_points)
        # Input scale 1, no bias, output scale 1: the scale differs by token, so it and the bias come afterwards.
        out = (None, 1.0, 0, out_dtype, *NOTHING_AFTER)
        y: Tensor = torch.ops.onednn.qlinear_pointwise(x, 1.0, ZERO_POINT, *weight, *out)
        return y


@lru_cache
def largest_weight() -> int:
    """Return the largest weight in int8 whose products this processor adds up rightly: 127 or 63.

    Without VNNI two products are added in 16 bits, where 2 * 255 * 127 does not fit and 2 * 255 * 63 does. Tried on a
    product that would overflow, since what oneDNN uses of a processor can be bounded from outside.
    """
    weight, n_in = torch.full((32, 64), INT8_LARGEST, dtype=torch.int8), 64
    x = torch.full((4, n_in), 2 * INT8_LARGEST + 1, dtype=torch.uint8)
    y = Int8Product(weight, torch.ones(32))(x, torch.float32)
    right = (2 * INT8_LARGEST + 1 - ZERO_POINT) * INT8_LARGEST * n_in
    return INT8_LARGEST if bool((y == right).all()) else INT7_LARGEST


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to 255 steps around 128.

    Args:
        x: (T, n) floating point.

    Returns:
        (T, n) uint8 with zero at 128, and (T, 1) float32 scales: `(q - 128) * scale` is about x.
    """
    x = x.float()
    # Four passes that torch vectorises; converting floats to uint8 directly is ten times slower than to int8.
    largest = torch.maximum(x.amax(dim=1, keepdim=True), -x.amin(dim=1, keepdim=True))
    scales = largest.clamp_min(torch.finfo(torch.float32).tiny * INT8_LARGEST) / INT8_LARGEST
    steps = torch.mul(x, scales.reciprocal()).round_().to(torch.int8)
    return steps.view(torch.uint8).bitwise_xor_(SIGN_BIT), scales


@lru_cache
def prepacking_works(dtype: torch.dtype) -> bool:
    """Tell whether this torch and processor can run `PrepackedDense` in `dtype`."""
    return torch.backends.mkldnn.is_available() and _agrees(PrepackedDense, dtype)


@lru_cache
def int8_works() -> bool:
    """Tell whether this torch and processor can run `Int8Dense`."""
    return torch.backends.mkldnn.is_available() and _agrees(Int8Dense, torch.float32)


def _agrees(make: DenseMaker, dtype: torch.dtype) -> bool:
    weight = torch.linspace(-1, 1, 32 * 64, dtype=dtype).reshape(32, 64)
    bias = torch.linspace(-1, 1, 32, dtype=dtype)
    x = torch.linspace(1, -1, 3 * 64, dtype=dtype).reshape(3, 64)
    gelu = True
    try:
        with torch.inference_mode():
            got = make(weight, bias, gelu)(x).float()
            return torch.allclose(got, PlainDense(weight, bias, gelu)(x).float(), atol=0.5, rtol=0.05)
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False  # no such operator in this torch, or none for this processor
