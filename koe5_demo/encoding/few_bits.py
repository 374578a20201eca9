"""Weights in few bits: blocks of 32 along a row share one float16 scale, each weight is a small whole number times it.

The file of such a model is an ordinary safetensors file in which a matrix NAME stands as two tensors, `NAME.codes`
(uint8) and `NAME.scales` (float16); everything else is float32 or float16. How many bits a weight has follows from
the two widths. Knows no torch: the engine turns the rows into tensors itself.

The scale of a block is its weight of largest magnitude (with its sign) divided by -2**(bits - 1), so that this weight
is met exactly and rounding what is rounded already changes nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from koe5_demo.records import FloatArray

BLOCK: Final = 32
CODES: Final = ".codes"
SCALES: Final = ".scales"
HALF_BYTE: Final = 4
BYTE: Final = 8


def pack(weight: FloatArray, bits: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]]:
    """Round a matrix to few bits.

    Args:
        weight: (rows, columns) float32, columns a multiple of 32.
        bits: 4 or 8.

    Returns:
        Codes, (rows, columns * bits / 8) uint8, and scales, (rows, columns / 32) float16. Of a byte with two codes the
        low half is the earlier column.

    Raises:
        ValueError: If the width or the number of bits does not fit.
    """
    if bits not in (HALF_BYTE, BYTE) or weight.shape[1] % BLOCK:
        raise ValueError(f"bits must be 4 or 8 and columns a multiple of {BLOCK}, got {bits} and {weight.shape}")
    half = 1 << (bits - 1)
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    places = np.abs(blocks).argmax(axis=2)[..., None]
    scales = (np.take_along_axis(blocks, places, axis=2)[..., 0] / -half).astype(np.float16)
    wide = scales.astype(np.float32)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(wide == 0, 0, np.rint(blocks / wide))
    codes: npt.NDArray[np.uint8] = (np.clip(steps, -half, half - 1) + half).astype(np.uint8).reshape(weight.shape)
    if bits == HALF_BYTE:
        codes = codes[:, 0::2] | np.left_shift(codes[:, 1::2], HALF_BYTE)
    return codes, scales


def unpack(codes: npt.NDArray[np.uint8], scales: npt.NDArray[np.float16]) -> FloatArray:
    """Return the weights, (rows, columns) float32, that `pack` stored.

    Raises:
        ValueError: If the widths of codes and scales do not belong together.
    """
    rows, columns = len(codes), scales.shape[1] * BLOCK
    bits = codes.shape[1] * BYTE // max(columns, 1)
    if bits not in (HALF_BYTE, BYTE) or codes.shape != (rows, columns * bits // BYTE) or len(scales) != rows:
        raise ValueError(f"codes of shape {codes.shape} do not fit scales of shape {scales.shape}")
    whole = np.empty((rows, columns), np.float32)
    if bits == HALF_BYTE:
        whole[:, 0::2] = codes & (1 << HALF_BYTE) - 1
        whole[:, 1::2] = codes >> HALF_BYTE
    else:
        whole[:] = codes
    whole -= 1 << (bits - 1)
    blocks = whole.reshape(rows, -1, BLOCK)
    blocks *= scales.astype(np.float32)[..., None]
    return whole
