"""Pairs that the embedded model is not trained on, so that the recipe's choices can be measured where they are made.

For each of a few sources some rows are set aside, together with every other row of the same passage. Their queries are
searched among their passages and a few thousand more of their source (those others may be trained on: what is not known
is which passage answers which query).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from koe5_demo.training.mini_data import Pairs
from koe5_demo.training.mini_recipe import HeldOut

_SEED: Final = 7
"""Of the choice of rows: the same whatever seed a model is trained with, so that models can be compared."""
_MORE_PASSAGES: Final = 4_000
_LEAST_TO_HOLD: Final = 4
"""A source is held out in part only where at least so many times the rows remain."""


@dataclass(frozen=True)
class DevSet:
    """Queries of one source; query i is answered by passage `answers[i]`."""

    name: str
    queries: list[str]
    answers: list[int]
    passages: list[str]


def hold_out(pairs: Pairs, sources: tuple[HeldOut, ...]) -> tuple[Pairs, list[DevSet]]:
    """Set rows aside.

    Args:
        pairs: All the data.
        sources: How many rows of which sources; one with too few rows to spare them is left whole.

    Returns:
        The pairs to train on, and what was set aside, a set for each source.
    """
    rng = np.random.default_rng(_SEED)
    source = np.array(pairs.source)
    rows_of = {held.source: np.flatnonzero(source == held.source) for held in sources}
    chosen = {
        held.source: rng.choice(rows_of[held.source], held.n, replace=False).tolist()
        for held in sources
        if len(rows_of[held.source]) >= _LEAST_TO_HOLD * held.n
    }
    aside = {pairs.passage[i] for rows in chosen.values() for i in rows}
    kept = [i for i, passage in enumerate(pairs.passage) if passage not in aside]
    sets = []
    for name, rows in chosen.items():
        others = [i for i in rows_of[name] if pairs.passage[i] not in aside]
        more = rng.choice(others, min(_MORE_PASSAGES, len(others)), replace=False).tolist()
        places: dict[str, int] = {}
        for i in rows + more:
            places.setdefault(pairs.passage[i], len(places))
        answers = [places[pairs.passage[i]] for i in rows]
        sets.append(DevSet(name, [pairs.query[i] for i in rows], answers, list(places)))
    return pairs.take(kept), sets


def measure(model: SentenceTransformer, sets: list[DevSet]) -> dict[str, dict[str, float]]:
    """Return NDCG@10 and NDCG@1 by set."""
    return {dev.name: _measure(model, dev) for dev in sets}


def _measure(model: SentenceTransformer, dev: DevSet) -> dict[str, float]:
    evaluator = InformationRetrievalEvaluator(
        {str(i): query for i, query in enumerate(dev.queries)},
        {str(i): passage for i, passage in enumerate(dev.passages)},
        {str(i): {str(answer)} for i, answer in enumerate(dev.answers)},
        name=dev.name,
        ndcg_at_k=[1, 10],
        write_csv=False,
        query_prompt_name="query",
        corpus_prompt_name="passage",
        batch_size=128,
    )
    scores = evaluator(model)
    return {f"ndcg@{k}": round(float(scores[f"{dev.name}_cosine_ndcg@{k}"]), 4) for k in (10, 1)}
