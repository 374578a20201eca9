"""What a training run will take, before it starts: steps, tokens, memory, hours. Arithmetic only; no torch.

Formulas, with P the weights of the matrix products (embedding tables are looked up, not multiplied):

- FLOP of a forward pass per token: 2 P + 4 x layers x hidden x length, the second term for attention
  (scores and weighted sum, 2 x 2 x hidden multiplications and additions per pair of tokens and layer).
- A plain step is one forward pass and a backward pass of twice its cost: 6 P per token. The cached loss embeds every
  text once more without gradients, to know the whole batch before it goes back: 8 P per token in all.
- Tokens are counted with their padding, as the device computes them.
- Hours = FLOP / rate. The rate is what was measured (`--rate`, see bench/train.py) or `ASSUMED_SHARE` of the maker's
  figure.
- Memory: weights, gradients and AdamW's two moments in fp32 (16 bytes a parameter), bf16 copies of the matrices, and
  the activations of one mini-batch, all its texts at the longest length.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from koe5_demo.errors import DataError, InputError
from koe5_demo.training.recipe import Run
from koe5_demo.words import Language, message

GIB: Final = 1 << 30
MILLION: Final = 1_000_000
ASSUMED_SHARE: Final = 0.4
"""Share of the maker's bf16 figure that training of this size commonly reaches; replace it by a measurement."""
CPU_TFLOPS: Final = 0.1
"""fp32 rate of a few laptop cores: to show that a CPU is no place for the full recipe."""
ACTIVATION_BYTES_FP32: Final = 96
ACTIVATION_BYTES_BF16: Final = 86
"""Bytes kept for the backward pass per token, layer and unit of width; measured with saved-tensor hooks on an
XLM-RoBERTa layer with dropout on a CPU. GPU kernels keep less (masks of one byte), so this is on the safe side."""
OVERHEAD_BYTES: Final = int(1.5 * GIB)
"""Context, workspaces and the allocator's gaps."""
USABLE_SHARE: Final = 0.9
LARGEST_MINI_BATCH: Final = 128
"""More texts at once bring no speed on any device at hand, only memory and padding."""
CPU_MINI_BATCH: Final = 16
ASSUMED_TOKENS: Final = (24, 260, 260)
"""Tokens of query, positive and negative where no row is at hand: short questions and paragraphs."""
ASSUMED_FILL: Final = 0.9
"""Text among the tokens computed, with mini-batches of like length."""
CHARS_PER_TOKEN: Final = 1.8
"""Korean text under the tokenizer of XLM-RoBERTa, roughly."""
SPECIAL_AND_PREFIX_TOKENS: Final = 5
SAMPLED_ROWS: Final = 1_000


class Origin(str, Enum):
    """Where a number of the plan comes from; the value ends the key of its text, `train_origin_...`."""

    PUBLISHED = "published"
    CHECKED = "checked"
    ASSUMED = "assumed"
    GUESSED = "guessed"
    COUNTED = "counted"
    GIVEN = "given"
    RATE = "rate"

    def text(self, language: Language) -> str:
        """Return it in words."""
        return message(f"train_origin_{self.value}", language)


@dataclass(frozen=True)
class Accelerator:
    """A device that people rent: dense bf16 TFLOP/s and memory in GB, as its maker states them."""

    name: str
    tflops: float
    memory_gb: int


ACCELERATORS: Final = (
    Accelerator("H200", 989, 141),
    Accelerator("H100", 989, 80),
    Accelerator("A100", 312, 80),
    Accelerator("L40S", 362, 48),
    Accelerator("L4", 121, 24),
    Accelerator("RTX 4090", 165, 24),
)


@dataclass(frozen=True)
class Architecture:
    """Shape of a BERT-like encoder. The defaults are multilingual-e5-large's (XLM-RoBERTa-large)."""

    layers: int = 24
    hidden: int = 1024
    intermediate: int = 4096
    vocabulary: int = 250_002
    positions: int = 514

    @property
    def matrix_parameters(self) -> int:
        """Return the weights of the matrix products: four projections and two of the feed-forward block a layer."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)

    @property
    def parameters(self) -> int:
        """Return all weights: matrices, biases, norms, embeddings (one token type) and the pooler."""
        biases_and_norms = self.layers * (9 * self.hidden + self.intermediate)
        embeddings = (self.vocabulary + self.positions + 1) * self.hidden + 2 * self.hidden
        return self.matrix_parameters + biases_and_norms + embeddings + self.hidden**2 + self.hidden

    def forward_flop(self, tokens: float, length: float) -> float:
        """Return the FLOP of a forward pass over `tokens` in texts of `length` tokens."""
        return tokens * (2 * self.matrix_parameters + 4 * self.layers * self.hidden * length)


@dataclass(frozen=True)
class Device:
    """What is known of the device before training.

    Attributes:
        name: For people.
        memory_bytes: All of it, or None where it does not matter.
        bf16: Whether matrix products run in bf16.
        tflops: Rate to reckon with, or None when unknown.
        rate_origin: Where the rate comes from.
        world: Number of devices.
    """

    name: str
    memory_bytes: int | None = None
    bf16: bool = False
    tflops: float | None = None
    rate_origin: Origin = Origin.RATE
    world: int = 1


@dataclass(frozen=True)
class TokenProfile:
    """Tokens of a training row, prefixes and special tokens included, after the cut.

    Attributes:
        means: Mean tokens by column.
        fill: Tokens that are text among those computed with padding, in (0, 1].
        origin: How it was found.
    """

    means: tuple[float, ...]
    fill: float
    origin: Origin


@dataclass(frozen=True)
class Plan:
    """What a run will take; see the head of this module for the formulas."""

    base: str
    data: str
    rows: int
    rows_origin: Origin
    columns: int
    batch_size: int
    steps: int
    mini_batch_size: int
    parameters: int
    tokens: int
    padded_tokens: int
    tokens_origin: Origin
    petaflop: float
    memory_gb: float
    device: str
    device_memory_gb: float | None
    rate_tflops: float | None
    rate_origin: Origin
    hours: float | None
    hours_elsewhere: dict[str, float]
    learning_rate: float

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return asdict(self)

    def text(self, language: Language) -> str:
        """Return the plan for people."""
        unknown = "-"
        return message(
            "train_plan",
            language,
            **{
                **asdict(self),
                "rows_origin": self.rows_origin.text(language),
                "tokens_origin": self.tokens_origin.text(language),
                "rate_origin": self.rate_origin.text(language),
                "tokens": _count(self.tokens),
                "padded_tokens": _count(self.padded_tokens),
                "have": unknown if self.device_memory_gb is None else f"{self.device_memory_gb:.1f}",
                "rate": unknown if self.rate_tflops is None else f"{self.rate_tflops:,.4g}",
                "hours": unknown if self.hours is None else f"{self.hours:,.2f}",
                "elsewhere": ", ".join(f"{name} {hours:,.2f}" for name, hours in self.hours_elsewhere.items()),
            },
        )


def read_architecture(folder: Path | None) -> Architecture:
    """Read the shape of a model from its config.json; without a folder, that of the published base.

    Raises:
        DataError: If the configuration is missing, broken or not that of a BERT-like encoder.
    """
    if folder is None:
        return Architecture()
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        return Architecture(
            int(config["num_hidden_layers"]),
            int(config["hidden_size"]),
            int(config["intermediate_size"]),
            int(config["vocab_size"]),
            int(config["max_position_embeddings"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("file_missing", name=str(folder / "config.json"), reason=str(error)) from error


def memory_bytes(shape: Architecture, mini_batch_size: int, max_tokens: int, *, bf16: bool) -> int:
    """Return the memory that training needs, by the formula at the head of this module."""
    fixed = 16 * shape.parameters + (2 * shape.matrix_parameters if bf16 else 0) + OVERHEAD_BYTES
    per_token = (ACTIVATION_BYTES_BF16 if bf16 else ACTIVATION_BYTES_FP32) * shape.hidden * shape.layers
    return fixed + mini_batch_size * max_tokens * per_token


def fit_mini_batch(shape: Architecture, device: Device, batch_per_device: int, max_tokens: int) -> int:
    """Return the largest power of two of texts whose training fits the device, at most the batch.

    Raises:
        InputError: If not even one text fits.
    """
    if device.memory_bytes is None:
        return min(CPU_MINI_BATCH, batch_per_device)
    room = USABLE_SHARE * device.memory_bytes
    size = 1
    if memory_bytes(shape, size, max_tokens, bf16=device.bf16) > room:
        need = memory_bytes(shape, size, max_tokens, bf16=device.bf16) / USABLE_SHARE / GIB
        raise InputError("train_too_little_memory", need=need, have=device.memory_bytes / GIB)
    largest = min(LARGEST_MINI_BATCH, batch_per_device)
    while 2 * size <= largest and memory_bytes(shape, 2 * size, max_tokens, bf16=device.bf16) <= room:
        size *= 2
    return size


def profile_lengths(
    rows: Sequence[Sequence[int]], *, mini_batch_size: int, batch_size: int, sorted_by_length: bool, origin: Origin
) -> TokenProfile:
    """Turn the token counts of sampled rows into means and padding.

    Args:
        rows: Tokens by row and column, cut at the model's limit.
        mini_batch_size: Texts that are padded together.
        batch_size: Rows among which texts may be sorted by length.
        sorted_by_length: Whether they are.
        origin: How the counts were found.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    padded = sum(_padded(column, mini_batch_size, batch_size, sorted_by_length) for column in columns)
    real = sum(map(sum, columns))
    return TokenProfile(tuple(sum(column) / len(column) for column in columns), real / max(padded, 1), origin)


def guess_tokens(texts: Iterable[str], max_tokens: int) -> list[int]:
    """Estimate tokens from characters, where the model's tokenizer is not at hand."""
    return [min(max_tokens, SPECIAL_AND_PREFIX_TOKENS + round(len(text) / CHARS_PER_TOKEN)) for text in texts]


def assumed_profile(n_columns: int) -> TokenProfile:
    """Return the profile to reckon with where no row is at hand."""
    return TokenProfile(tuple(map(float, ASSUMED_TOKENS[:n_columns])), ASSUMED_FILL, Origin.ASSUMED)


def count_steps(rows: int, run: Run) -> int:
    """Return the optimizer's steps; a last short batch counts. Rows set aside as duplicates can make it fewer."""
    per_epoch = -(-rows // run.recipe.batch_size)
    return run.max_steps or per_epoch * run.recipe.epochs


def accelerator_named(name: str) -> Accelerator | None:
    """Return the record of a device whose full name contains a known one, or None."""
    return next((known for known in ACCELERATORS if known.name.lower() in name.lower()), None)


def make_plan(
    run: Run, shape: Architecture, profile: TokenProfile, device: Device, *, rows: int, rows_origin: Origin
) -> Plan:
    """Reckon what a run will take; see the head of this module for the formulas."""
    recipe = run.recipe
    steps = count_steps(rows, run)
    trained_rows = (
        min(steps * recipe.batch_size, rows * recipe.epochs)
        if run.max_steps is None
        else (steps * min(recipe.batch_size, rows))
    )
    tokens = trained_rows * sum(profile.means)
    padded = tokens / profile.fill
    length = padded / (trained_rows * len(profile.means))
    flop = 4 * shape.forward_flop(padded, length)
    mini_batch = run.mini_batch_size or fit_mini_batch(
        shape, device, recipe.batch_size // device.world, recipe.max_tokens
    )
    return Plan(
        base=recipe.base,
        data=recipe.data,
        rows=rows,
        rows_origin=rows_origin,
        columns=len(profile.means),
        batch_size=recipe.batch_size,
        steps=steps,
        mini_batch_size=mini_batch,
        parameters=shape.parameters,
        tokens=round(tokens),
        padded_tokens=round(padded),
        tokens_origin=profile.origin,
        petaflop=flop / 1e15,
        memory_gb=memory_bytes(shape, mini_batch, recipe.max_tokens, bf16=device.bf16) / GIB,
        device=f"{device.world} x {device.name}" if device.world > 1 else device.name,
        device_memory_gb=None if device.memory_bytes is None else device.memory_bytes / GIB,
        rate_tflops=device.tflops,
        rate_origin=device.rate_origin,
        hours=None if device.tflops is None else flop / (device.tflops * 1e12 * device.world) / 3600,
        hours_elsewhere={
            known.name: round(flop / (ASSUMED_SHARE * known.tflops * 1e12) / 3600, 3) for known in ACCELERATORS
        },
        learning_rate=recipe.learning_rate,
    )


def _padded(lengths: list[int], mini_batch_size: int, batch_size: int, sorted_by_length: bool) -> int:
    """Return the tokens computed for one column: each mini-batch is as long as its longest text."""
    shuffled = random.Random(0).sample(lengths, len(lengths))  # noqa: S311 - a sample of lengths, nothing secret
    total = 0
    for start in range(0, len(shuffled), batch_size):
        batch = shuffled[start : start + batch_size]
        if sorted_by_length:
            batch.sort(reverse=True)
        chunks = (batch[i : i + mini_batch_size] for i in range(0, len(batch), mini_batch_size))
        total += sum(max(chunk) * len(chunk) for chunk in chunks)
    return total


def _count(number: float) -> str:
    return f"{number / MILLION:,.1f} M" if number >= MILLION else f"{number:,.0f}"
