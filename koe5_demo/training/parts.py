"""Training rows by part of a recipe, and the rows that are set aside to measure on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from koe5_demo.errors import DataError
from koe5_demo.training.evaluation import RetrievalSet
from koe5_demo.training.recipe import NEGATIVE, POSITIVE, QUERY, SOURCE, HeldOut, Recipe, Run
from koe5_demo.training.sources import listed, open_source
from koe5_demo.training.triplets import Triplets

HELD_OUT_SEED: Final = 7
"""The same whatever seed a model is trained with, so that models can be compared."""
LEAST_TO_HOLD: Final = 4
"""A source is held out in part only where at least so many times the rows remain."""


def fit_parts(run: Run) -> Run:
    """Return the run with its recipe's parts; without them where the data names no source that they know.

    Rows of an own data set, triplets mined from it say, are then trained all alike, with the same loss and prefixes.

    Raises:
        DataError: If there is no such data, or it cannot be read.
    """
    if not run.recipe.parts:
        return run
    known = {source for part in run.recipe.parts for source in part.sources}
    opened = open_source(run.recipe.data)
    if SOURCE in opened.names and known & set(pc.unique(opened.read([SOURCE])[SOURCE]).to_pylist()):
        return run
    return replace(run, recipe=replace(run.recipe, parts=(), held_out=()))


def split_parts(triplets: Triplets, recipe: Recipe) -> dict[str, pa.Table]:
    """Return the rows of each part of a recipe, drawn by its seed; a part of less than a batch is left out.

    Raises:
        DataError: If the data does not say where its rows come from (see `fit_parts`), or no part has as many rows.
    """
    if triplets.sources is None:
        raise DataError("train_no_column", name=recipe.data, column=SOURCE, valid=listed(triplets.table.column_names))
    random = np.random.default_rng(recipe.seed)
    found = {}
    for part in recipe.parts:
        rows = np.flatnonzero(pc.is_in(triplets.sources, pa.array(part.sources, triplets.sources.type)))
        if part.rows is not None and len(rows) > part.rows:
            rows = np.sort(random.choice(rows, part.rows, replace=False))
        table = triplets.table.take(rows)
        has_negatives = part.negatives and NEGATIVE in table.column_names
        if has_negatives:
            table = table.filter(pc.not_equal(pc.fill_null(table[NEGATIVE], ""), ""))
        elif NEGATIVE in table.column_names:
            table = table.drop_columns([NEGATIVE])
        if table.num_rows >= recipe.batch_size:
            found[part.name] = table.combine_chunks()
    if not found:
        lost = dict.fromkeys(("blank", "without_negative", "contradictions", "duplicates"), 0)
        raise DataError("train_nothing_left", name=recipe.data, of=triplets.table.num_rows, **lost)
    return found


def hold_out(triplets: Triplets, held: tuple[HeldOut, ...]) -> tuple[Triplets, list[RetrievalSet]]:
    """Set rows aside, together with every other row of the same passage.

    Returns:
        The rows to train on, and a retrieval set for each source: its queries are searched among its passages.
    """
    if triplets.sources is None or not held:
        return triplets, []
    random = np.random.default_rng(HELD_OUT_SEED)
    sources = np.array(triplets.sources.to_pylist())
    sets = []
    for item in held:
        rows = np.flatnonzero(sources == item.source)
        if len(rows) < LEAST_TO_HOLD * item.n:
            continue
        chosen = triplets.table.take(np.sort(random.choice(rows, item.n, replace=False)))
        queries, texts = chosen[QUERY].to_pylist(), chosen[POSITIVE].to_pylist()
        ids = {text: f"d{place}" for place, text in enumerate(dict.fromkeys(texts))}
        found = RetrievalSet(
            item.source,
            "held out",
            queries={f"q{place}": text for place, text in enumerate(queries)},
            corpus={number: text for text, number in ids.items()},
            relevant={f"q{place}": {ids[text]} for place, text in enumerate(texts)},
        )
        sets.append(found)
    aside = pa.array({text for found in sets for text in found.corpus.values()}, triplets.table[POSITIVE].type)
    kept = pc.invert(pc.is_in(triplets.table[POSITIVE], aside))
    return replace(triplets, table=triplets.table.filter(kept), sources=triplets.sources.filter(kept)), sets
