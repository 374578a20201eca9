"""The run that trains nothing: what the recipe would take on this machine, for `--dry-run`.

`plan` does the arithmetic; here are found the numbers that go into it, without a download and without weights.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from koe5_demo.encoding.opening import local_files
from koe5_demo.training.base import base_source
from koe5_demo.training.parts import fit_parts
from koe5_demo.training.place import find_place, settle_mini_batch
from koe5_demo.training.plan import (
    SAMPLED_ROWS,
    Origin,
    Plan,
    TokenProfile,
    assumed_profile,
    guess_tokens,
    make_plan,
    profile_lengths,
    read_architecture,
)
from koe5_demo.training.recipe import KOE5_RECIPE, Run
from koe5_demo.training.sources import is_hub_id
from koe5_demo.training.triplets import Triplets, load_run_data


def plan_run(run: Run, *, rate_tflops: float | None = None) -> Plan:
    """Reckon what a run will take, without downloading anything and without touching a weight.

    Args:
        run: What would be done.
        rate_tflops: Measured rate of training in 10^12 operations a second; None takes an assumed one.

    Raises:
        DataError: If local training data cannot be used.
        InputError: If the device is not there or too small.
    """
    place = find_place(run.device, rate_tflops=rate_tflops)
    files = local_files(base_source(run.recipe))
    folder = None if files is None else files.folder
    if folder is None and run.recipe.base != KOE5_RECIPE.base:
        run = replace(run, recipe=replace(run.recipe, base=f"{run.recipe.base} (shape of {KOE5_RECIPE.base})"))
    shape = read_architecture(folder)
    if is_hub_id(run.recipe.data):
        profile, rows, origin = assumed_profile(3), run.recipe.n_triplets, Origin.PUBLISHED
    else:
        run = fit_parts(run)
        triplets = load_run_data(run)
        sized = settle_mini_batch(run, shape, place)
        profile, rows, origin = _profile(triplets, sized, folder), triplets.report.n_kept, Origin.CHECKED
    return make_plan(run, shape, profile, place.device, rows=rows, rows_origin=origin)


def _profile(triplets: Triplets, run: Run, folder: Path | None) -> TokenProfile:
    """Count the tokens of a sample of rows, with the base's tokenizer where it is at hand."""
    count: Callable[[list[str]], list[int]] = partial(guess_tokens, max_tokens=run.recipe.max_tokens)
    origin = Origin.GUESSED
    if folder is not None:
        count, origin = (
            partial(_count_tokens, AutoTokenizer.from_pretrained(folder), run.recipe.max_tokens),
            Origin.COUNTED,
        )
    n_rows = triplets.table.num_rows
    places = random.Random(run.recipe.seed).sample(range(n_rows), min(SAMPLED_ROWS, n_rows))  # noqa: S311
    sample = triplets.table.take(sorted(places))
    prompts = run.recipe.prompts.by_column()
    columns = [count([prompts[name] + text for text in sample[name].to_pylist()]) for name in sample.column_names]
    return profile_lengths(
        list(zip(*columns, strict=True)),
        mini_batch_size=run.mini_batch_size or 1,
        batch_size=run.recipe.batch_size,
        sorted_by_length=run.sort_by_length,
        origin=origin,
    )


def _count_tokens(tokenizer: Any, max_tokens: int, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]]
