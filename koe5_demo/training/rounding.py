"""Training through the rounding: the network computes with the few-bit weights that will be stored.

Each matrix keeps its float32 weights, which the optimizer moves; what is multiplied is their rounding by
`koe5_demo.encoding.few_bits`, and its gradient goes to the float32 weights as if nothing had been rounded
(straight-through estimator, Bengio et al. 2013, arXiv:1308.3432). The rounding is made once a step, not once a
mini-batch. In bfloat16 the products, too, are as fast as the processor's own units make them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

from koe5_demo.encoding.few_bits import BLOCK, CODES, SCALES, pack, unpack
from koe5_demo.records import FloatArray
from koe5_demo.training.wheel_base import WORDS

FILE: Final = "few-bits-{:02}.safetensors"
FILE_BYTES: Final = 15_000_000
"""Git hosts and the hub take files of this size without further ado."""
MATRIX: Final = 2


class _Through(torch.autograd.Function):
    """Gives the second tensor; hands its gradient to the first."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rounded: Tensor) -> Tensor:
        del ctx, weight
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        del ctx
        return gradient.float(), None


def round_weight(weight: Tensor, bits: int) -> Tensor:
    """Return a matrix as `few_bits.pack` and `unpack` would give it back, float32."""
    half = 1 << (bits - 1)
    blocks = weight.float().reshape(len(weight), -1, BLOCK)
    largest = blocks.gather(2, blocks.abs().argmax(dim=2, keepdim=True))
    scales = (largest / -half).half().float()
    steps = torch.where(scales == 0, 0, blocks / scales).round_().clamp_(-half, half - 1)
    return steps.mul_(scales).reshape(weight.shape)


class _Rounded(nn.Module):
    """What the two kinds of matrices share: the rounding of the weights as they are now."""

    weight: nn.Parameter
    bits: int | None
    dtype: torch.dtype
    _made: Tensor | None

    def through(self) -> Tensor:
        """Return the weights to compute with; made anew only after `forget_rounding`."""
        if self._made is None:
            # Made under no inference mode, which an evaluation may be in: training goes on with the same tensor.
            with torch.inference_mode(mode=False), torch.no_grad():
                whole = self.weight if self.bits is None else round_weight(self.weight, self.bits)
                self._made = whole.to(self.dtype, copy=True)
        made: Tensor = _Through.apply(self.weight, self._made)  # type: ignore[no-untyped-call]
        return made


class _RoundedLinear(_Rounded, nn.Linear):  # type: ignore[misc]
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the parent's name
        return functional.linear(input, self.through(), None if self.bias is None else self.bias.to(self.dtype))


class _RoundedEmbedding(_Rounded, nn.Embedding):  # type: ignore[misc]
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the parent's name
        return functional.embedding(input, self.through(), self.padding_idx)


def train_through_rounding(
    model: SentenceTransformer, *, bits: int | None, word_bits: int | None = None, dtype: torch.dtype
) -> None:
    """Let a model's matrices compute with rounded weights from now on; its parameters keep names and values.

    Args:
        model: A BERT-like model; biases, norms, positions and token types are not rounded.
        bits: 4 or 8; None rounds nothing.
        word_bits: The same for the word vectors; None takes `bits`.
        dtype: What is computed in: float32, or bfloat16 where the processor multiplies it itself.
    """
    for name, module in model[0].named_modules():
        kind = {nn.Linear: _RoundedLinear, nn.Embedding: _RoundedEmbedding}.get(type(module))
        if kind is not None:
            # The class is changed in place, so that optimizer, checkpoints and saving know the same parameters.
            module.__class__ = kind
            own = bits if kind is _RoundedLinear else None
            if name.endswith("word_embeddings"):
                own = word_bits or bits
            module.__dict__.update(bits=own, dtype=dtype, _made=None)
    model[1].register_forward_pre_hook(_in_float32)


def forget_rounding(model: SentenceTransformer) -> None:
    """Have the rounding made anew: the weights have moved.

    A weight does not tell that by itself: torch's fused optimizers leave the count of its changes as it was.
    """
    for module in model.modules():
        if isinstance(module, _Rounded):
            module._made = None  # noqa: SLF001 - this module's own


def store_rounding(model: SentenceTransformer) -> None:
    """Write the rounding into the weights: what is saved is then what was computed with."""
    for module in model.modules():
        if isinstance(module, _Rounded) and module.bits is not None:
            module.weight.data = round_weight(module.weight.data, module.bits)
    forget_rounding(model)


def _in_float32(_module: nn.Module, arguments: tuple[dict[str, Tensor]]) -> None:
    features = arguments[0]
    features["token_embeddings"] = features["token_embeddings"].float()


def save_few_bits(
    model: SentenceTransformer, base: Path, folder: Path, bits: int, word_bits: int | None = None
) -> None:
    """Write a model whose matrices are rounded already: in files of some 15 MB beside the small ones of its base.

    Raises:
        ValueError: If a matrix would not come back as it is.
    """
    for file in base.rglob("*.json"):
        copy = folder / file.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    registered = {"prompts": model.prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(registered, indent=1) + "\n", "utf-8")
    files: list[dict[str, Any]] = [{}]
    network: Any = model[0]
    for name, tensor in network.model.state_dict().items():
        if name.startswith("pooler."):
            continue  # BERT's own pooler is not used, and not trained
        weight: FloatArray = tensor.float().numpy()
        stored: dict[str, Any] = {name: weight}
        # The small tables, positions and token types, stay float32.
        if weight.ndim == MATRIX and (name == WORDS or not name.startswith("embeddings.")):
            codes, scales = pack(weight, (word_bits or bits) if name == WORDS else bits)
            if not np.array_equal(unpack(codes, scales), weight):
                raise ValueError(f"{name} is not rounded to the bits it is stored in")
            stored = {name + CODES: codes, name + SCALES: scales}
        if sum(array.nbytes for array in (*files[-1].values(), *stored.values())) > FILE_BYTES:
            files.append({})
        files[-1].update(stored)
    for number, tensors in enumerate(files, start=1):
        save_file(tensors, folder / FILE.format(number), metadata={"format": "pt"})
