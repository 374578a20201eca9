"""Evaluation sets in BEIR layout, to score a model before, while and after it is trained."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koe5_demo.errors import DataError
from koe5_demo.training.data.files import json_object


@dataclass(frozen=True)
class RetrievalSet:
    """An evaluation set in BEIR layout.

    Attributes:
        name: Name of its folder.
        split: Stem of the qrels file.
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
    """Read an evaluation set: corpus.jsonl, queries.jsonl and one file in qrels (test.tsv where there are several).

    Raises:
        DataError: If a file is missing or broken, or no query has a relevant document in the corpus.
    """
    corpus = {row["_id"]: _titled(row) for row in _jsonl(folder / "corpus.jsonl")}
    queries = {row["_id"]: str(row.get("text") or "") for row in _jsonl(folder / "queries.jsonl")}
    qrels = _qrels_file(folder)
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for query, document, score in _judgements(qrels):
        if score > 0 and query in queries and document in corpus:
            relevant[query].add(document)
    if not relevant:
        raise DataError("train_no_judgements", name=str(qrels))
    return RetrievalSet(
        folder.resolve().name,
        qrels.stem,
        {key: queries[key] for key in queries if key in relevant},
        corpus,
        dict(relevant),
    )


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = json_object(line)
                if not isinstance(row.get("_id"), str):
                    raise DataError("file_broken_jsonl", name=path.name, line=number)
                yield row
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("file_missing", name=str(path), reason=str(error)) from error


def _titled(row: dict[str, Any]) -> str:
    return f"{row.get('title') or ''} {row.get('text') or ''}".strip()


def _qrels_file(folder: Path) -> Path:
    files = sorted((folder / "qrels").glob("*.tsv"))
    if not files:
        raise DataError("file_missing", name=str(folder / "qrels"), reason="*.tsv")
    return next((path for path in files if path.stem == "test"), files[0])


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    """Yield (query id, document id, score); a header line, whose score is no number, is skipped.

    Raises:
        DataError: If a later line is no judgement.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            judgement = _judgement(row)
            if judgement is not None:
                yield judgement
            elif number > 1 and row:
                raise DataError("file_broken_csv", name=path.name, line=number, reason="query-id, corpus-id, score")


def _judgement(row: list[str]) -> tuple[str, str, float] | None:
    try:
        return row[0], row[1], float(row[2])
    except (IndexError, ValueError):
        return None
