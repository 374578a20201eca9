"""Evaluation sets, and the scores of a model on them before, while and after it is trained.

They are read as the benchmark reads them, and scored by the library's evaluator with the prompts of inference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from koe5_demo.benchmark.datasets.folder import read_folder
from koe5_demo.errors import DataError
from koe5_demo.training.device import Device
from koe5_demo.training.recipe import TripletPrompts

EVALUATION_BATCH: Final = 64


@dataclass(frozen=True)
class RetrievalSet:
    """An evaluation set as the library's evaluator wants it.

    Attributes:
        name: Name of its folder, or of the source whose rows were held out.
        split: Which judgements.
        queries: Query text by id, only those with a relevant document.
        corpus: Document text by id, the title before the text as MTEB does it.
        relevant: Ids of the relevant documents by query id.
    """

    name: str
    split: str
    queries: dict[str, str]
    corpus: dict[str, str]
    relevant: dict[str, set[str]]


def load_retrieval_set(folder: Path) -> RetrievalSet:
    """Read an evaluation set from a folder; see `koe5_demo.benchmark.datasets.folder.read_folder`.

    Raises:
        DataError: If a table is missing or broken, or no query has a relevant document in the corpus.
    """
    data = read_folder(folder)
    corpus = dict(zip(data.document_ids, data.documents, strict=True))
    found = {
        query: {document for document, grade in grades.items() if grade >= 1 and document in corpus}
        for query, grades in data.qrels.items()
    }
    queries = {query: text for query, text in zip(data.query_ids, data.queries, strict=True) if found[query]}
    if not queries:
        raise DataError("train_no_judgements", name=data.name)
    return RetrievalSet(data.name, data.split, queries, corpus, {query: found[query] for query in queries})


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


def score(evaluator: InformationRetrievalEvaluator, model: SentenceTransformer, device: Device) -> dict[str, float]:
    """Return the scores of a model, in the arithmetic that it is trained in."""
    with torch.autocast(device.kind, dtype=torch.bfloat16, enabled=device.bf16 and device.kind != "cpu"):
        scores = evaluator(model)
    return {key.removeprefix(f"{evaluator.name}_"): round(float(value), 6) for key, value in scores.items()}
