"""Evaluation sets, read as the benchmark reads them, to score a model before, while and after it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koe5_demo.benchmark.datasets.folder import read_folder
from koe5_demo.errors import DataError


@dataclass(frozen=True)
class RetrievalSet:
    """An evaluation set as the library's evaluator wants it.

    Attributes:
        name: Name of its folder.
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
