"""Scores of a model on an evaluation set, by the library's evaluator with the prompts of inference."""

from __future__ import annotations

from typing import Final

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from koe5_demo.training.data.retrieval_set import RetrievalSet
from koe5_demo.training.place import Place
from koe5_demo.training.recipe import TripletPrompts

EVALUATION_BATCH: Final = 64


def build_evaluator(benchmark: RetrievalSet, prompts: TripletPrompts) -> InformationRetrievalEvaluator:
    """Build the library's evaluator with the prompts of inference, given explicitly."""
    return InformationRetrievalEvaluator(
        benchmark.queries,
        benchmark.corpus,
        benchmark.relevant,
        name=benchmark.name,
        ndcg_at_k=[1, 3, 10],
        accuracy_at_k=[1, 3, 10],
        precision_recall_at_k=[1, 3, 10],
        batch_size=EVALUATION_BATCH,
        write_csv=False,
        query_prompt=prompts.query,
        corpus_prompt=prompts.positive,
    )


def score(evaluator: InformationRetrievalEvaluator, model: SentenceTransformer, place: Place) -> dict[str, float]:
    """Return the scores of a model, in the arithmetic that it is trained in."""
    with torch.autocast(place.kind, dtype=torch.bfloat16, enabled=place.device.bf16 and place.kind != "cpu"):
        scores = evaluator(model)
    return {key.removeprefix(f"{evaluator.name}_"): round(float(value), 6) for key, value in scores.items()}
