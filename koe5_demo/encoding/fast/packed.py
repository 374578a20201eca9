"""BERT-like encoders on a packed sequence: the tokens of many texts in one row, dense layers on real tokens only.

Knows tensors, not texts. The residual stream and the layer norms stay in float32 in every precision: they cost little,
and what 16-bit arithmetic loses is lost mostly there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.fast.attention import SCORES_PER_RUN, Attention, Segments, choose_attention
from koe5_demo.encoding.fast.dense import (
    LAYOUTS,
    Dense,
    DenseMaker,
    Int8Dense,
    PlainDense,
    PrepackedDense,
    prepacking_works,
)
from koe5_demo.encoding.token_batches import equal_runs
from koe5_demo.records import IntArray

AddNorm = Callable[[Tensor, Tensor, Tensor, Tensor, float, torch.dtype], tuple[Tensor, Tensor]]
WeightSource = Callable[[str], Tensor]
"""Returns a weight by the name it has in a Hugging Face checkpoint, without the model's prefix."""

logger = logging.getLogger(__name__)

STEPS: Final = 16
"""Between a number of rows and its double."""
LEAST_STEP: Final = 16
LAYER: Final = "encoder.layer.{}."
WORDS: Final = "embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class Shape:
    """What a configuration tells about the network.

    Attributes:
        n_layers, n_heads, width: Size.
        epsilon: Of the layer norms.
        pad_id: Token that XLM-RoBERTa leaves out of its count of positions; None where positions simply count.
    """

    n_layers: int
    n_heads: int
    width: int
    epsilon: float
    pad_id: int | None


@dataclass(frozen=True)
class Arithmetic:
    """In which dtype each part is computed.

    Attributes:
        dense: Of the inputs of dense layers; float32 with `int8`, where the layers round by themselves.
        attention: Of queries, keys and values.
        int8: Whether dense layers are `Int8Dense`.
        layout: How dense layers keep their weights, one of `LAYOUTS`; empty where nothing was measured.
        attend: One of `ON_CPU`; empty where nothing was measured.
    """

    dense: torch.dtype = torch.float32
    attention: torch.dtype = torch.float32
    int8: bool = False
    layout: str = ""
    attend: str = ""

    @property
    def is_short(self) -> bool:
        """Whether dense layers are not in float32."""
        return self.int8 or self.dense != torch.float32

    def makers(self, device: torch.device) -> tuple[DenseMaker, DenseMaker]:
        """Return the maker of dense layers that feed attention, and that of the others."""
        if self.int8:
            return partial(Int8Dense, out_dtype=self.attention), Int8Dense
        if self.layout:
            return LAYOUTS[self.layout], LAYOUTS[self.layout]
        if device.type == "cpu" and prepacking_works(self.dense):
            return PrepackedDense, PrepackedDense
        return PlainDense, PlainDense


@dataclass(frozen=True)
class Norm:
    """A layer norm in float32."""

    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        """Normalise the rows of `(T, D)`."""
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


@dataclass(frozen=True)
class Layer:
    """One transformer layer."""

    to_qkv: Dense
    from_heads: Dense
    after_attention: Norm
    up: Dense
    down: Dense
    after_mlp: Norm


@dataclass(frozen=True)
class Embeddings:
    """Word vectors, and position vectors with the vector of token type 0 already added."""

    words: Tensor
    positions: Tensor
    norm: Norm

    def __call__(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Map token ids and positions, both (T,), to `(T, D)` float32."""
        words = functional.embedding(ids, self.words).float()
        return self.norm(words + functional.embedding(positions, self.positions))


@dataclass(frozen=True)
class PackedTokens:
    """The tokens of a batch, texts one after the other.

    Attributes:
        ids, positions: (T,) int64 on the network's device.
        lengths: (n,) tokens of each text.
        segments: Where the texts lie.
    """

    ids: Tensor
    positions: Tensor
    lengths: IntArray
    segments: Segments


class PackedNetwork:
    """Embeddings and layers ready to run.

    Args:
        embeddings: The first step.
        layers: Iterated anew for each batch, so they may also come from a file one by one.
        shape: Size.
        arithmetic: Precision.
        device: Where the weights are.
        cls: Whether a text's vector is that of its first token; else the mean of all.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        layers: Iterable[Layer],
        shape: Shape,
        arithmetic: Arithmetic,
        device: torch.device,
        *,
        cls: bool,
    ) -> None:
        self._embeddings = embeddings
        self._layers = layers
        self._shape = shape
        self.arithmetic = arithmetic
        head_width = shape.width // shape.n_heads
        self._attend: Attention = choose_attention(device, arithmetic.attention, head_width, arithmetic.attend)
        self._add_norm = fused_add_norm(device)
        self._cls = cls
        self.device = device

    @property
    def takes_mean(self) -> bool:
        """Whether a text's vector is the mean of its tokens' vectors, at length 1."""
        return not self._cls

    def pack(self, ids: Sequence[Sequence[int]]) -> PackedTokens:
        """Put the tokens of texts in one row; give texts of equal length side by side."""
        lengths = np.fromiter((len(text) for text in ids), dtype=np.int64, count=len(ids))
        flat = np.concatenate([np.asarray(text, dtype=np.int64) for text in ids])
        bounds = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        segments = Segments(tuple(equal_runs(lengths, SCORES_PER_RUN)), self._to_device(bounds), int(lengths.max()))
        positions = token_positions(flat, lengths, self._shape.pad_id)
        return PackedTokens(self._to_device(flat), self._to_device(positions), lengths, segments)

    @torch.inference_mode()
    def hidden(self, tokens: PackedTokens) -> Tensor:
        """Return the last layer's vectors of all tokens, `(T, D)` float32."""
        n = len(tokens.ids)
        n_more = usual_rows(n) - n if self.device.type == "cpu" else 0
        x = self._embeddings(functional.pad(tokens.ids, (0, n_more)), functional.pad(tokens.positions, (0, n_more)))
        rounded = x.to(self.arithmetic.dense)
        for layer in self._layers:
            mixed = self._attend(layer.to_qkv(rounded), tokens.segments, self._shape.n_heads)
            x, rounded = self._join(x, layer.from_heads(mixed), layer.after_attention)
            x, rounded = self._join(x, layer.down(layer.up(rounded)), layer.after_mlp)
        return x[:n]

    @torch.inference_mode()
    def pooled(self, tokens: PackedTokens) -> Tensor:
        """Return one unit vector a text, `(n, D)` float32."""
        hidden = self.hidden(tokens)
        if self._cls:
            vectors = hidden[tokens.segments.bounds[:-1].long()]
        elif hidden.is_cuda:
            # The bounds are right by construction; checking them would make the processor wait for the GPU.
            vectors = torch.segment_reduce(hidden, "mean", offsets=tokens.segments.bounds.long(), axis=0, unsafe=True)
        else:
            runs = tokens.segments.runs
            vectors = torch.cat([hidden[r.start : r.stop].view(r.n_texts, r.length, -1).mean(dim=1) for r in runs])
        return functional.normalize(vectors, dim=1)

    def _join(self, x: Tensor, y: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
        return self._add_norm(x, y, norm.weight, norm.bias, norm.epsilon, self.arithmetic.dense)

    def _to_device(self, array: np.ndarray[Any, Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type != "cuda":
            return tensor.to(self.device)
        # Pinned memory lets the copy run while the GPU still computes the batch before.
        return tensor.pin_memory().to(self.device, non_blocking=True)


def add_norm(
    x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return the layer norm of `x + y`, both `(T, D)`, in float32 and as the input of the next dense layer."""
    normed = functional.layer_norm(x + y, weight.shape, weight, bias, epsilon)
    return normed, normed.to(dtype)


def add_norm_in_place(
    x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Do the same and spoil `y`, the fresh result of a dense layer: its memory is in the cache, a new one's is not."""
    total = y.to(x.dtype).add_(x)  # `x + y` of two dtypes would make a copy of y first, and then another for the sum
    normed = functional.layer_norm(total, weight.shape, weight, bias, epsilon)
    return normed, normed.to(dtype)


@lru_cache
def fused_add_norm(device: torch.device) -> AddNorm:
    """Return `add_norm`, on a GPU as one kernel: there these passes over memory cost as much as a dense layer.

    ZeroGPU has no compiler, and where compiling fails nothing is lost but speed.
    """
    if device.type != "cuda" or zero_gpu.ACTIVE:
        return add_norm_in_place if device.type == "cpu" else add_norm
    fused: AddNorm = torch.compile(add_norm, dynamic=True)
    x, y = torch.ones(3, 64, device=device), torch.ones(3, 64, device=device, dtype=torch.bfloat16)
    try:
        with torch.inference_mode():
            fused(x, y, x[0], x[1], 1e-5, torch.bfloat16)
    except (RuntimeError, ImportError, OSError) as error:
        logger.warning("no compiled kernels: %s", error)
        return add_norm
    return fused


def usual_rows(n_tokens: int) -> int:
    """Return with how many rows a batch of so many tokens runs on a CPU: at most a sixteenth more, and 16 at least.

    oneDNN makes a kernel for every number of rows, and keeps few. With matrix units that takes several times as long
    as the product itself, for each of a layer's four: a batch should find one that is there.
    """
    step = max(LEAST_STEP, 1 << max(0, n_tokens.bit_length() - STEPS.bit_length()))
    return -(-n_tokens // step) * step


def token_positions(flat: IntArray, lengths: IntArray, pad_id: int | None) -> IntArray:
    """Return the position of each token of a packed sequence, (T,).

    BERT counts from 0. (XLM-)RoBERTa counts from `pad_id + 1` and skips tokens that are the padding token: a text in
    which somebody wrote `<pad>` has such tokens.
    """
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    if pad_id is None:
        return np.arange(len(flat)) - starts
    counted = flat != pad_id
    total = np.cumsum(counted)
    before = total[starts] - counted[starts]
    return np.where(counted, total - before, 0) + pad_id


def build_network(
    source: WeightSource, shape: Shape, arithmetic: Arithmetic, device: torch.device, *, cls: bool
) -> PackedNetwork:
    """Make a network whose layers stay in memory.

    Args:
        source: Where the weights come from; each is asked for once.
        shape: Size.
        arithmetic: Precision.
        device: Where it runs.
        cls: Pooling, see `PackedNetwork`.
    """
    layers = [build_layer(source, index, shape, arithmetic, device) for index in range(shape.n_layers)]
    return PackedNetwork(build_embeddings(source, shape), layers, shape, arithmetic, device, cls=cls)


def build_embeddings(source: WeightSource, shape: Shape) -> Embeddings:
    """Make the embeddings; the word vectors stay in the dtype they were loaded in, as they are most of the model."""
    positions = source("embeddings.position_embeddings.weight").float()
    kind = source("embeddings.token_type_embeddings.weight")[0].float()
    norm = _norm(source, "embeddings.LayerNorm", shape.epsilon)
    return Embeddings(source(WORDS), positions + kind, norm)


def build_layer(source: WeightSource, index: int, shape: Shape, arithmetic: Arithmetic, device: torch.device) -> Layer:
    """Make one layer; queries, keys and values become one product."""
    name = LAYER.format(index)
    for_attention, other = arithmetic.makers(device)

    def dense(make: DenseMaker, *parts: str, gelu: bool = False) -> Dense:
        weights = [source(f"{name}{part}.weight") for part in parts]
        biases = [source(f"{name}{part}.bias") for part in parts]
        joined = (weights[0], biases[0]) if len(parts) == 1 else (torch.cat(weights), torch.cat(biases))
        return make(joined[0].to(arithmetic.dense), joined[1].to(arithmetic.dense), gelu)

    return Layer(
        to_qkv=dense(for_attention, "attention.self.query", "attention.self.key", "attention.self.value"),
        from_heads=dense(other, "attention.output.dense"),
        after_attention=_norm(source, f"{name}attention.output.LayerNorm", shape.epsilon),
        up=dense(other, "intermediate.dense", gelu=True),
        down=dense(other, "output.dense"),
        after_mlp=_norm(source, f"{name}output.LayerNorm", shape.epsilon),
    )


@dataclass(frozen=True)
class StreamedLayers:
    """Layers that are made anew each time they are iterated, one in memory at a time."""

    source: WeightSource
    shape: Shape
    arithmetic: Arithmetic
    device: torch.device

    def __iter__(self) -> Iterator[Layer]:
        """Make one layer after the other."""
        for index in range(self.shape.n_layers):
            yield build_layer(self.source, index, self.shape, self.arithmetic, self.device)


def _norm(source: WeightSource, name: str, epsilon: float) -> Norm:
    return Norm(source(f"{name}.weight").float(), source(f"{name}.bias").float(), epsilon)
