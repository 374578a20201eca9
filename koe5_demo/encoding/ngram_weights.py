"""The embedded model's numbers: how they are packed into bytes and read back. NumPy and safetensors only.

The learned table is kept as small integers with one scale a row: 4 or 8 bits a weight. The weights of the lexical half
are positive and span three orders of magnitude, so they are kept as 8-bit steps of their logarithm. Arithmetic is
never done on the packed form: everything is float32 again before it is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

FloatArray = npt.NDArray[np.float32]
Int8Array = npt.NDArray[np.int8]
UInt8Array = npt.NDArray[np.uint8]

WEIGHTS_FILE = "model.safetensors"
NIBBLE, BYTE = 4, 8
_CLIPS = {BYTE: (1.0,), NIBBLE: (1.0, 0.9, 0.8, 0.7, 0.6)}
_SMALLEST_WEIGHT = 1e-3
_SMALLEST_STEP = 1e-6


def quantise_rows(rows: FloatArray, bits: int) -> tuple[Int8Array, FloatArray]:
    """Round every row to signed integers of `bits` bits with a scale of its own.

    For 4 bits the scale is the one, of a few clipping points, that loses least of the row.

    Args:
        rows: (n, dim) float32.
        bits: 4 or 8.

    Returns:
        Codes, (n, dim) int8 in [-limit, limit], and scales, (n,) float32; `codes * scales[:, None]` is close to `rows`.
    """
    if bits not in _CLIPS:
        raise ValueError(f"bits must be 4 or 8, got {bits}")
    limit = 2 ** (bits - 1) - 1
    peak = np.abs(rows).max(axis=1, initial=0.0)
    best_codes = np.zeros(rows.shape, dtype=np.int8)
    best_scale = np.ones(len(rows), dtype=np.float32)
    best_error = np.full(len(rows), np.inf, dtype=np.float32)
    for clip in _CLIPS[bits]:
        scale = np.where(peak > 0, peak * clip / limit, 1.0).astype(np.float16).astype(np.float32)
        codes = np.clip(np.rint(rows / np.maximum(scale, 1e-8)[:, None]), -limit, limit)
        error = np.square(codes * scale[:, None] - rows).sum(axis=1)
        better = error < best_error
        best_codes[better] = codes[better].astype(np.int8)
        best_scale[better], best_error[better] = scale[better], error[better]
    return best_codes, best_scale


def pack_nibbles(codes: Int8Array) -> UInt8Array:
    """Store two 4-bit codes in a byte: (n, dim) int8 in [-8, 7] to (n, dim / 2) uint8, even columns in the low half."""
    shifted = (codes + 8).astype(np.uint8)
    packed: UInt8Array = shifted[:, 0::2] | (shifted[:, 1::2] << np.uint8(4))
    return packed


def unpack_nibbles(packed: UInt8Array) -> Int8Array:
    """Undo `pack_nibbles`: (n, dim / 2) uint8 to (n, dim) int8."""
    codes = np.empty((packed.shape[0], packed.shape[1] * 2), dtype=np.int8)
    codes[:, 0::2] = (packed & 15).view(np.int8) - 8
    codes[:, 1::2] = (packed >> 4).view(np.int8) - 8
    return codes


def _pack_logs(weights: FloatArray) -> tuple[UInt8Array, FloatArray]:
    logs = np.log(np.maximum(weights, _SMALLEST_WEIGHT))
    low, high = float(logs.min()), float(logs.max())
    step = max((high - low) / 255, _SMALLEST_STEP)
    return np.rint((logs - low) / step).astype(np.uint8), np.array([low, step], dtype=np.float32)


def _unpack_logs(codes: UInt8Array, line: FloatArray) -> FloatArray:
    levels = np.exp(line[0] + line[1] * np.arange(256, dtype=np.float32)).astype(np.float32)
    unpacked: FloatArray = levels[codes]
    return unpacked


@dataclass(frozen=True)
class NgramWeights:
    """Everything that training decides.

    Attributes:
        stored: Learned table as it is saved: (n_grams, semantic_dim / 2) uint8 for 4 bits, else (n_grams,
            semantic_dim) int8.
        scales: What a row's integers are multiplied by, (n_grams,) float32.
        lexical: Weight of every hash bucket in a passage and in a query, (2, n_buckets) float32, positive.
        bits: How many bits an integer is stored in: 4 or 8.
    """

    stored: UInt8Array | Int8Array
    scales: FloatArray
    lexical: FloatArray
    bits: int

    @classmethod
    def from_floats(cls, table: FloatArray, lexical: FloatArray, *, bits: int) -> NgramWeights:
        """Round trained weights to what is stored, so that what is measured is what is shipped.

        Args:
            table: (n_grams, semantic_dim) float32.
            lexical: (2, n_buckets) float32, positive.
            bits: 4 or 8.
        """
        codes, scales = quantise_rows(table, bits)
        stored = pack_nibbles(codes) if bits == NIBBLE else codes
        return cls(stored, scales, _unpack_logs(*_pack_logs(lexical)), bits)

    @property
    def semantic_dim(self) -> int:
        """Return the width of a row of the learned table."""
        return int(self.stored.shape[1]) * BYTE // self.bits

    @property
    def codes(self) -> Int8Array:
        """Return the integers of the learned table, (n_grams, semantic_dim) int8."""
        return unpack_nibbles(self.stored.view(np.uint8)) if self.bits == NIBBLE else self.stored.view(np.int8)

    def table(self) -> FloatArray:
        """Return the learned table in full, (n_grams, semantic_dim) float32."""
        read: FloatArray = self.codes.astype(np.float32) * self.scales[:, None]
        return read

    def save(self, folder: Path) -> None:
        """Write `model.safetensors`, byte for byte the same for the same weights."""
        lexical, line = _pack_logs(self.lexical)
        tensors = {
            "semantic.codes": self.stored,
            "semantic.scales": self.scales.astype(np.float16),
            "lexical.codes": lexical,
            "lexical.line": line,
        }
        save_file(tensors, folder / WEIGHTS_FILE)

    @classmethod
    def load(cls, file: Path) -> NgramWeights:
        """Read what `save` wrote."""
        tensors = load_file(file)
        stored = tensors["semantic.codes"]
        return cls(
            stored=stored,
            scales=tensors["semantic.scales"].astype(np.float32),
            lexical=_unpack_logs(tensors["lexical.codes"], tensors["lexical.line"]),
            bits=NIBBLE if stored.dtype == np.uint8 else BYTE,
        )
