"""Weights straight from a model's files, one at a time: no second copy, no float32 copy of what will be smaller.

Three forms are read: safetensors, torch's pickles as plain tensors, and `few_bits`, made float32 as it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from torch import Tensor

from koe5_demo.encoding.fast.model_folder import OtherShapeError
from koe5_demo.encoding.fast.packed import WORDS, WeightSource
from koe5_demo.encoding.few_bits import CODES, SCALES, unpack

SAFETENSORS: Final = "model.safetensors"
TORCH: Final = "pytorch_model.bin"
FEW_BITS: Final = "few-bits-*.safetensors"
ROWS_AT_ONCE: Final = 16_384

Rows = Callable[[int, int], Tensor]


class Checkpoint:
    """A weight file that is open for as long as one weight is read: memory mapped longer would count as the process's.

    Args:
        path: A safetensors file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Return the names of all weights."""
        with safe_open(self._path, framework="pt") as file:
            names: list[str] = file.keys()
            return names

    def weight(self, name: str) -> Tensor:
        """Return a copy of one weight, in the dtype it is stored in."""
        with safe_open(self._path, framework="pt") as file:
            weight: Tensor = file.get_tensor(name)
            return weight.clone()

    def n_rows(self, name: str) -> int:
        """Return the rows of one weight."""
        with safe_open(self._path, framework="pt") as file:
            return int(file.get_slice(name).get_shape()[0])

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Return a copy of some rows of one weight."""
        with safe_open(self._path, framework="pt") as file:
            part: Tensor = file.get_slice(name)[start:stop]
            return part.clone()


class TorchCheckpoint:
    """The same for a file that torch has pickled; its pages stay mapped as long as this object is there.

    Args:
        path: A file with a dictionary of weights; anything else in it is refused.
    """

    def __init__(self, path: Path) -> None:
        self._weights: dict[str, Tensor] = torch.load(path, map_location="cpu", mmap=True, weights_only=True)

    def names(self) -> list[str]:
        """Return the names of all weights."""
        return list(self._weights)

    def weight(self, name: str) -> Tensor:
        """Return a copy of one weight, in the dtype it is stored in."""
        return self._weights[name].clone()

    def n_rows(self, name: str) -> int:
        """Return the rows of one weight."""
        return len(self._weights[name])

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Return a copy of some rows of one weight."""
        return self._weights[name][start:stop].clone()


class FewBitsCheckpoint:
    """The same for the files of a model in few bits.

    They are small and stay open. Read through numpy: torch would wake its threads for every little copy.

    Args:
        paths: Files in the form of `koe5_demo.encoding.few_bits`; a weight lies in one of them.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        files = [safe_open(path, framework="np") for path in paths]
        self._files: dict[str, Any] = {name: file for file in files for name in file.keys()}  # type: ignore[no-untyped-call] # noqa: SIM118

    def names(self) -> list[str]:
        """Return the names of all weights."""
        return [name.removesuffix(CODES) for name in self._files if not name.endswith(SCALES)]

    def weight(self, name: str) -> Tensor:
        """Return one weight; float32 if it is in few bits, else in the dtype it is stored in."""
        if name + CODES in self._files:
            return torch.from_numpy(
                unpack(*(self._files[name + kind].get_tensor(name + kind) for kind in (CODES, SCALES)))
            )
        return torch.from_numpy(self._files[name].get_tensor(name))

    def n_rows(self, name: str) -> int:
        """Return the rows of one weight."""
        stored = name + CODES if name + CODES in self._files else name
        return int(self._files[stored].get_slice(stored).get_shape()[0])

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Return some rows of one weight, as `weight` does."""
        kinds = (CODES, SCALES) if name + CODES in self._files else ("",)
        parts = [self._files[name + kind].get_slice(name + kind)[start:stop] for kind in kinds]
        return torch.from_numpy(unpack(*parts) if len(parts) > 1 else parts[0])


class FileWeights:
    """The weights of a BERT-like model in a folder, named as `packed` names them.

    Args:
        checkpoint: The file.
        prefix: What stands before each name in it.
        device: Where weights are wanted.
    """

    def __init__(
        self, checkpoint: Checkpoint | TorchCheckpoint | FewBitsCheckpoint, prefix: str, device: torch.device
    ) -> None:
        self._checkpoint = checkpoint
        self._prefix = prefix
        self._device = device

    @classmethod
    def find(cls, folder: Path, device: torch.device) -> FileWeights:
        """Open a model's weights.

        Raises:
            OtherShapeError: If they are cut in several files, or have no word vectors.
        """
        checkpoint: Checkpoint | TorchCheckpoint | FewBitsCheckpoint
        few_bits = sorted(folder.glob(FEW_BITS))
        if few_bits:
            checkpoint = FewBitsCheckpoint(few_bits)
        elif (folder / SAFETENSORS).is_file():
            checkpoint = Checkpoint(folder / SAFETENSORS)
        elif (folder / TORCH).is_file():
            checkpoint = TorchCheckpoint(folder / TORCH)
        else:
            raise OtherShapeError("weights in several files")
        prefix = next((name.removesuffix(WORDS) for name in checkpoint.names() if name.endswith(WORDS)), None)
        if prefix is None:
            raise OtherShapeError("weights without word vectors")
        return cls(checkpoint, prefix, device)

    def all(self, words_dtype: torch.dtype) -> WeightSource:
        """Return a source of all weights; the word vectors come in `words_dtype`, the others as stored."""

        def words() -> Tensor:
            name = self._prefix + WORDS
            n_rows = self._checkpoint.n_rows(name)
            width = self._checkpoint.rows(name, 0, 1).shape[1]
            table = torch.empty(n_rows, width, dtype=words_dtype, device=self._device)
            for start in range(0, n_rows, ROWS_AT_ONCE):
                stop = min(n_rows, start + ROWS_AT_ONCE)
                table[start:stop] = self._checkpoint.rows(name, start, stop).to(self._device)
            return table

        return self._source(words)

    def with_words(self, ids: Any) -> WeightSource:
        """Return a source whose table of word vectors has only the rows `ids`, a sorted sequence of numbers."""

        def words() -> Tensor:
            name = self._prefix + WORDS
            return torch.cat([self._checkpoint.rows(name, int(row), int(row) + 1) for row in ids]).to(self._device)

        return self._source(words)

    def names(self) -> list[str]:
        """Return the names of all weights, as `packed` has them."""
        return [name.removeprefix(self._prefix) for name in self._checkpoint.names()]

    def _source(self, words: Callable[[], Tensor]) -> WeightSource:
        def source(name: str) -> Tensor:
            return words() if name == WORDS else self._checkpoint.weight(self._prefix + name).to(self._device)

        return source
