"""Rows as they are stored -> `RetrievalData`, with every check. Knows no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from koe5_demo.benchmark.datasets.records import Problems, RetrievalData
from koe5_demo.errors import DataError

Row = Mapping[str, Any]


def document_text(title: str | None, text: str | None) -> str:
    """Join title and text as MTEB does: title, a blank, text, stripped; the text alone where there is no title."""
    return f"{title} {text or ''}".strip() if title else (text or "").strip()


def assemble(
    corpus: Iterable[Row],
    queries: Iterable[Row],
    judgements: Iterable[Row],
    *,
    name: str,
    task: str = "",
    subset: str = "default",
    split: str = "test",
    revision: str = "",
    source: str = "",
    licence: str = "",
) -> RetrievalData:
    """Build a data set from its three tables and count what is wrong with it.

    Args:
        corpus: Rows with `_id` or `id`, `text`, and perhaps `title`.
        queries: Rows with `_id` or `id`, and `text`.
        judgements: Rows with `query-id`, `corpus-id`, `score` (a whole number; 1 or more is relevant).
        name, task, subset, split, revision, source, licence: See `RetrievalData`.

    Raises:
        DataError: If a column is missing, a grade is no whole number, or no judged query is left.
    """
    documents, n_documents = _texts(corpus, f"{name}: corpus", titled=True)
    query_texts, n_queries = _texts(queries, f"{name}: queries", titled=False)
    qrels, n_rows = _qrels(judgements, f"{name}: qrels")
    kept = {query_id: text for query_id, text in query_texts.items() if query_id in qrels}
    if not kept:
        raise DataError("data_no_judged_query", name=name, n=len(query_texts))
    if not documents:
        raise DataError("data_no_document", name=name)
    used = {query_id: qrels[query_id] for query_id in kept}
    problems = Problems(
        duplicate_documents=n_documents - len(documents),
        duplicate_queries=n_queries - len(query_texts),
        duplicate_judgements=n_rows - sum(len(grades) for grades in qrels.values()),
        missing_documents=sum(document_id not in documents for grades in used.values() for document_id in grades),
        missing_queries=sum(query_id not in query_texts for query_id in qrels),
        unjudged_queries=len(query_texts) - len(kept),
        unanswerable_queries=sum(all(grade < 1 for grade in grades.values()) for grades in used.values()),
        empty_documents=sum(not text for text in documents.values()),
        empty_queries=sum(not text.strip() for text in kept.values()),
    )
    return RetrievalData(
        name=name,
        task=task or name,
        subset=subset,
        split=split,
        revision=revision,
        document_ids=tuple(documents),
        documents=tuple(documents.values()),
        query_ids=tuple(kept),
        queries=tuple(kept.values()),
        qrels=used,
        problems=problems,
        source=source,
        licence=licence,
    )


def _texts(rows: Iterable[Row], where: str, *, titled: bool) -> tuple[dict[str, str], int]:
    """Return texts by id, the last one of equal ids, and the number of rows."""
    texts: dict[str, str] = {}
    n = 0
    for row in rows:
        id_ = row.get("_id", row.get("id"))
        if id_ is None or "text" not in row:
            raise DataError("data_no_column", name=where, column="_id, text", valid=", ".join(map(str, row)))
        text = row["text"]
        texts[str(id_)] = document_text(row.get("title"), text) if titled else str(text or "")
        n += 1
    return texts, n


def _qrels(rows: Iterable[Row], where: str) -> tuple[dict[str, dict[str, int]], int]:
    """Return grades by query and document, the last one of equal pairs, and the number of rows."""
    qrels: dict[str, dict[str, int]] = {}
    n = 0
    for row in rows:
        try:
            query_id, document_id = str(row["query-id"]), str(row["corpus-id"])
            score = float(row["score"])
        except KeyError as error:
            valid = ", ".join(map(str, row))
            raise DataError("data_no_column", name=where, column=error.args[0], valid=valid) from error
        except (TypeError, ValueError) as error:
            raise DataError("data_bad_grade", name=where, value=row["score"]) from error
        if score != int(score):
            raise DataError("data_bad_grade", name=where, value=row["score"])
        qrels.setdefault(query_id, {})[document_id] = int(score)
        n += 1
    return qrels, n
