"""Sets stored as questions beside answers or passages, turned into corpus, queries and judgements as MTEB does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from koe5_demo.benchmark.datasets.assembly import Row
from koe5_demo.errors import DataError
from koe5_demo.tables import text_of

Tables = tuple[list[Row], list[Row], list[Row]]
"""Corpus, queries, judgements."""


def from_question_answer(rows: Iterable[Row]) -> Tables:
    """Read rows with `question` and `answer`: equal texts share an id (`Q0`, `Q1`, ... and `D0`, ...).

    Ids count the distinct texts of the whole table; a row with either blank gives no judgement.

    Raises:
        DataError: If a column is missing.
    """
    pairs = _columns(rows, ("question", "answer"))
    question_ids = _numbered("Q", [question for question, _ in pairs if question])
    answer_ids = _numbered("D", [answer for _, answer in pairs if answer])
    complete = [(question, answer) for question, answer in pairs if question and answer]
    corpus: list[Row] = [{"_id": answer_ids[text], "text": text} for text in dict.fromkeys(a for _, a in complete)]
    queries: list[Row] = [{"_id": question_ids[text], "text": text} for text in dict.fromkeys(q for q, _ in complete)]
    return corpus, queries, _judgements([(question_ids[q], answer_ids[a]) for q, a in complete])


def from_belebele(rows: Iterable[Row]) -> Tables:
    """Read Belebele: one document a `link` (its first `flores_passage`), one query a distinct `question`.

    Raises:
        DataError: If a column is missing.
    """
    table = _columns(rows, ("link", "flores_passage", "question"))
    passages: dict[str, str] = {}
    for link, passage, _ in table:
        passages.setdefault(link, passage)
    link_ids = _numbered("C", list(passages))
    question_ids = _numbered("Q", [question for _, _, question in table])
    corpus: list[Row] = [{"_id": link_ids[link], "text": text} for link, text in passages.items()]
    queries: list[Row] = [{"_id": id_, "text": text} for text, id_ in question_ids.items()]
    return corpus, queries, _judgements([(question_ids[question], link_ids[link]) for link, _, question in table])


def _columns(rows: Iterable[Row], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return some columns of all rows as text.

    Raises:
        DataError: If one is missing.
    """
    table: list[tuple[str, ...]] = []
    for row in rows:
        missing = [name for name in names if name not in row]
        if missing:
            raise DataError("data_no_column", name="-", column=missing[0], valid=", ".join(map(str, row)))
        table.append(tuple(text_of(row[name]) for name in names))
    return table


def _numbered(letter: str, texts: Sequence[str]) -> dict[str, str]:
    return {text: f"{letter}{n}" for n, text in enumerate(dict.fromkeys(texts))}


def _judgements(pairs: Iterable[tuple[str, str]]) -> list[Row]:
    return [
        {"query-id": query_id, "corpus-id": document_id, "score": 1} for query_id, document_id in dict.fromkeys(pairs)
    ]
