"""What a training run will take, before it starts: steps, tokens, memory, hours; for `--dry-run`.

Nothing is downloaded and no weight is touched. Formulas, with P the weights of the matrix products (embedding tables
are looked up, not multiplied):

- FLOP of a forward pass per token: 2 P + 4 x layers x hidden x length, the second term for attention
  (scores and weighted sum, 2 x 2 x hidden multiplications and additions per pair of tokens and layer).
- A plain step is one forward pass and a backward pass of twice its cost: 6 P per token. The cached loss embeds every
  text once more without gradients, to know the whole batch before it goes back: 8 P per token in all.
- Tokens are counted with their padding, as the device computes them.
- Hours = FLOP / rate. The rate is what was measured (`--rate`, see bench/train.py) or `ASSUMED_SHARE` of the maker's
  figure.
- Memory: see `device`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from transformers import AutoTokenizer

from koe5_demo.training.base import files_at_hand
from koe5_demo.training.device import (
    ASSUMED_SHARE,
    GIB,
    MAKERS_TFLOPS,
    Architecture,
    Device,
    find_device,
    memory_bytes,
    read_architecture,
    settle_mini_batch,
)
from koe5_demo.training.parts import fit_parts
from koe5_demo.training.recipe import KOE5_RECIPE, WHEEL_BASE, Run
from koe5_demo.training.sources import is_hub_id
from koe5_demo.training.triplets import Triplets, load_run_data
from koe5_demo.words import Language, message

WHEEL_SHAPE: Final = Architecture(layers=12, hidden=384, intermediate=1_536, vocabulary=250_037, positions=512)
"""multilingual-e5-small's (its config.json), where the wheel has not been fetched."""
MILLION: Final = 1_000_000
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

    def text(self, language: Language) -> str:
        """Return the plan for people."""
        shown = {
            "rows_origin": self.rows_origin.text(language),
            "tokens_origin": self.tokens_origin.text(language),
            "rate_origin": self.rate_origin.text(language),
            "tokens": _count(self.tokens),
            "padded_tokens": _count(self.padded_tokens),
            "have": "-" if self.device_memory_gb is None else f"{self.device_memory_gb:.1f}",
            "rate": "-" if self.rate_tflops is None else f"{self.rate_tflops:,.4g}",
            "hours": "-" if self.hours is None else f"{self.hours:,.2f}",
            "elsewhere": ", ".join(f"{name} {hours:,.2f}" for name, hours in self.hours_elsewhere.items()),
        }
        return message("train_plan", language, **{**asdict(self), **shown})


def plan_run(run: Run, *, rate_tflops: float | None = None) -> Plan:
    """Reckon what a run will take.

    Args:
        run: What would be done.
        rate_tflops: Measured rate of training in 10^12 operations a second; None takes an assumed one.

    Raises:
        DataError: If local training data cannot be used.
        InputError: If the device is not there or too small.
    """
    device = find_device(run.device)
    files = files_at_hand(run.recipe)
    folder = None if files is None else files.folder
    if folder is None and run.recipe.base == WHEEL_BASE:
        shape = WHEEL_SHAPE
    else:
        shape = read_architecture(folder)
        if folder is None and run.recipe.base != KOE5_RECIPE.base:
            run = replace(run, recipe=replace(run.recipe, base=f"{run.recipe.base} (shape of {KOE5_RECIPE.base})"))
    if run.recipe.vocabulary is not None:
        shape = replace(shape, vocabulary=min(shape.vocabulary, run.recipe.vocabulary))
    if is_hub_id(run.recipe.data):
        run = settle_mini_batch(run, shape, device)
        profile = TokenProfile(ASSUMED_TOKENS, ASSUMED_FILL, Origin.ASSUMED)
        rows, rows_origin = run.recipe.n_triplets, Origin.PUBLISHED
    else:
        fitted = fit_parts(run)
        triplets = load_run_data(fitted)
        run = settle_mini_batch(fitted, shape, device)
        profile, rows, rows_origin = _profile(triplets, run, folder), triplets.report.n_kept, Origin.CHECKED
    return _reckon(run, shape, device, profile, rows=rows, rows_origin=rows_origin, rate_tflops=rate_tflops)


def guess_tokens(texts: Iterable[str], max_tokens: int) -> list[int]:
    """Estimate tokens from characters, where the model's tokenizer is not at hand."""
    return [min(max_tokens, SPECIAL_AND_PREFIX_TOKENS + round(len(text) / CHARS_PER_TOKEN)) for text in texts]


def _profile(triplets: Triplets, run: Run, folder: Path | None) -> TokenProfile:
    """Count the tokens of a sample of rows, with the base's tokenizer where it is at hand."""
    recipe, n_rows = run.recipe, triplets.table.num_rows
    places = random.Random(recipe.seed).sample(range(n_rows), min(SAMPLED_ROWS, n_rows))  # noqa: S311
    sample = triplets.table.take(sorted(places))
    tokenizer = None if folder is None else AutoTokenizer.from_pretrained(folder)
    columns: list[list[int]] = []
    for name, prompt in recipe.prompts.by_column().items():
        if name in sample.column_names:
            texts = [prompt + text for text in sample[name].to_pylist()]
            if tokenizer is None:
                columns.append(guess_tokens(texts, recipe.max_tokens))
            else:
                ids = tokenizer(texts, truncation=True, max_length=recipe.max_tokens)["input_ids"]
                columns.append(list(map(len, ids)))
    fill = sum(map(sum, columns)) / max(sum(_padded(column, run) for column in columns), 1)
    origin = Origin.GUESSED if tokenizer is None else Origin.COUNTED
    return TokenProfile(tuple(sum(column) / len(column) for column in columns), fill, origin)


def _padded(lengths: list[int], run: Run) -> int:
    """Return the tokens computed for one column: each mini-batch is as long as its longest text."""
    shuffled = random.Random(0).sample(lengths, len(lengths))  # noqa: S311 - a sample of lengths, nothing secret
    batch_size, mini_batch_size = run.recipe.batch_size, run.mini_batch_size or 1
    total = 0
    for start in range(0, len(shuffled), batch_size):
        batch = shuffled[start : start + batch_size]
        if run.sort_by_length:
            batch.sort(reverse=True)
        chunks = (batch[i : i + mini_batch_size] for i in range(0, len(batch), mini_batch_size))
        total += sum(max(chunk) * len(chunk) for chunk in chunks)
    return total


def _reckon(
    run: Run,
    shape: Architecture,
    device: Device,
    profile: TokenProfile,
    *,
    rows: int,
    rows_origin: Origin,
    rate_tflops: float | None,
) -> Plan:
    """Do the arithmetic of the formulas at the head of this module."""
    recipe, mini_batch_size = run.recipe, run.mini_batch_size or 1
    # A last short batch counts. Rows set aside as duplicates can make it fewer.
    steps = run.max_steps or -(-rows // recipe.batch_size) * recipe.epochs
    if run.max_steps is None:
        trained_rows = min(steps * recipe.batch_size, rows * recipe.epochs)
    else:
        trained_rows = steps * min(recipe.batch_size, rows)
    tokens = trained_rows * sum(profile.means)
    padded = tokens / profile.fill
    flop = 4 * shape.forward_flop(padded, padded / (trained_rows * len(profile.means)))
    rate = device.tflops if rate_tflops is None else rate_tflops
    return Plan(
        base=recipe.base,
        data=recipe.data,
        rows=rows,
        rows_origin=rows_origin,
        columns=len(profile.means),
        batch_size=recipe.batch_size,
        steps=steps,
        mini_batch_size=mini_batch_size,
        parameters=shape.parameters,
        tokens=round(tokens),
        padded_tokens=round(padded),
        tokens_origin=profile.origin,
        petaflop=flop / 1e15,
        memory_gb=memory_bytes(shape, mini_batch_size, recipe.max_tokens, bf16=device.bf16) / GIB,
        device=f"{device.world} x {device.name}" if device.world > 1 else device.name,
        device_memory_gb=None if device.memory_bytes is None else device.memory_bytes / GIB,
        rate_tflops=rate,
        rate_origin=Origin.RATE if rate_tflops is None else Origin.GIVEN,
        hours=None if rate is None else flop / (rate * 1e12 * device.world) / 3600,
        hours_elsewhere={
            name: round(flop / (ASSUMED_SHARE * tflops * 1e12) / 3600, 3) for name, tflops in MAKERS_TFLOPS.items()
        },
        learning_rate=recipe.learning_rate,
    )


def _count(number: float) -> str:
    return f"{number / MILLION:,.1f} M" if number >= MILLION else f"{number:,.0f}"
