"""Sets stored as questions beside answers or passages, turned into corpus, queries and judgements as MTEB does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from koe5_demo.benchmark.datasets.assembly import Row

Tables = tuple[list[Row], list[Row], list[Row]]
"""Corpus, queries, judgements."""


def from_question_answer(rows: Iterable[Row]) -> Tables:
    """Read rows with `question` and `answer`: equal texts share an id (`Q0`, `Q1`, ... and `D0`, ...).

    Ids count the distinct texts of the whole table; a row with either missing gives no judgement.
    """
    pairs = [(row.get("question"), row.get("answer")) for row in rows]
    question_ids = _numbered("Q", [question for question, _ in pairs if question is not None])
    answer_ids = _numbered("D", [answer for _, answer in pairs if answer is not None])
    complete = [(question, answer) for question, answer in pairs if question is not None and answer is not None]
    corpus: list[Row] = [{"_id": answer_ids[text], "text": text} for text in dict.fromkeys(a for _, a in complete)]
    queries: list[Row] = [{"_id": question_ids[text], "text": text} for text in dict.fromkeys(q for q, _ in complete)]
    return corpus, queries, _judgements([(question_ids[q], answer_ids[a]) for q, a in complete])


def from_belebele(rows: Iterable[Row]) -> Tables:
    """Read Belebele: one document a `link` (its first `flores_passage`), one query a distinct `question`."""
    table = list(rows)
    passages: dict[str, str] = {}
    for row in table:
        passages.setdefault(row["link"], row["flores_passage"])
    link_ids = _numbered("C", list(passages))
    question_ids = _numbered("Q", [row["question"] for row in table])
    corpus: list[Row] = [{"_id": link_ids[link], "text": text} for link, text in passages.items()]
    queries: list[Row] = [{"_id": id_, "text": text} for text, id_ in question_ids.items()]
    return corpus, queries, _judgements([(question_ids[row["question"]], link_ids[row["link"]]) for row in table])


def _numbered(letter: str, texts: Sequence[str]) -> dict[str, str]:
    return {text: f"{letter}{n}" for n, text in enumerate(dict.fromkeys(texts))}


def _judgements(pairs: Iterable[tuple[str, str]]) -> list[Row]:
    return [
        {"query-id": query_id, "corpus-id": document_id, "score": 1} for query_id, document_id in dict.fromkeys(pairs)
    ]
