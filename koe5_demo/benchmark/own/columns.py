"""Which column of a spreadsheet is what: as it was said, else by its name in Korean or English, else by its cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from koe5_demo.errors import InputError, TableError
from koe5_demo.tables import Table, folded

_GRADE: Final = re.compile(r"[+-]?\d{1,3}(\.0*)?")
_YES: Final = frozenset({"true", "yes", "y", "o", "○", "예", "네", "맞음", "정답", "관련"})
_NO: Final = frozenset({"false", "no", "n", "x", "×", "아니오", "아니요", "틀림", "오답", "무관"})
_QUERY: Final = ("query", "question", "q", "질문", "질의", "물음", "문의", "검색어", "querytext", "questiontext")
_PASSAGE: Final = (
    *("passage", "rightpassage", "positive", "positives", "document", "context", "paragraph", "chunk"),
    *("문단", "정답문단", "맞는문단", "근거문단", "근거문서", "정답문서", "관련문단", "관련문서"),
    *("지문", "근거", "문맥"),
    *("answer", "text", "content", "doc", "정답", "답변", "답", "본문", "내용", "문서"),
)
"""Where an answer and the passage that it stands in are both there, the passage is what is searched for."""
_WRONG: Final = re.compile(r"(?:hard)?negatives?\d*|(?:오답|틀린)(?:문단|문서)?\d*")
_LABEL: Final = (
    *("label", "score", "relevance", "relevant", "grade", "rel", "라벨", "레이블", "점수", "관련도", "등급"),
    *("정답여부", "정오", "적합도", "관련여부"),
)
_PASSAGE_ID: Final = (
    *("passageid", "passageids", "documentid", "documentids", "docid", "docids", "corpusid", "corpusids", "pid"),
    *("문단id", "문단번호", "문서id", "문서번호", "정답id", "정답번호", "정답문단id", "정답문단번호"),
)
_QUESTION_ID: Final = ("queryid", "questionid", "qid", "질문id", "질문번호", "질의id", "질의번호")
_ANY_ID: Final = ("id", "_id", "번호", "아이디", "no", "key", "키")
TEXT_LENGTH: Final = 8
"""Names of columns that end like a sentence are shorter than this."""


@dataclass(frozen=True)
class Columns:
    """Which column is what; None where there is none, or where it is to be recognised. An empty name says: none.

    Attributes:
        query: Of questions.
        passage: Of passages: in the file of questions, or in that of passages where there is one.
        id: Of ids of passages: in the file of questions, and in that of passages where it has the column.
        label: Of labels or grades; 1 or more is right.
    """

    query: str | None = None
    passage: str | None = None
    id: str | None = None
    label: str | None = None


def recognise(questions: Table, columns: Columns | None = None, passages: Table | None = None) -> Columns:
    """Return which column is what: as it was said, else by its name, else by what it holds.

    Raises:
        InputError: If a column that was named is not there, or no column of questions and answers can be told.
    """
    said = columns or Columns()
    query, label, id_ = (column_named(questions, name) if name else None for name in (said.query, said.label, said.id))
    free = [column for column in questions.columns if column not in (query, label, id_)]
    query = query or _first(_QUERY, free)
    if said.label is None:
        label = _first(_LABEL, [c for c in free if c != query and _is_grades(questions, c, at_least=1)])
    if said.id is None:
        id_ = _first(_PASSAGE_ID, free)
    free = [column for column in free if column not in (query, label, id_)]
    if passages is not None:
        id_ = id_ or _first(_PASSAGE, free) or _first(_ANY_ID, free)
        query = query or _longest(questions, [c for c in free if c != id_ and not _is_id(c)])
        if id_ is None or query is None:
            raise _unclear(questions)
        return Columns(query, text_column(passages, said.passage), id_, label)
    passage = column_named(questions, said.passage) if said.passage else None
    texts = [column for column in free if not (_is_grades(questions, column) or _is_id(column))]
    passage = passage or _first(_PASSAGE, texts) or _longest(questions, texts)
    query = query or _longest(questions, [column for column in texts if column != passage])
    if passage is None or query is None:
        raise _unclear(questions)
    rest = [column for column in free if column not in (passage, query)]
    if said.label is None and label is None:
        # 정답 is an answer in one sheet and a label in another: what it holds decides.
        label = next((c for c in rest if _plain(c) in _PASSAGE and _is_grades(questions, c)), None)
    if said.id is None and id_ is None:
        id_ = _first((*_QUESTION_ID, *_ANY_ID), rest)
    return Columns(query, passage, id_, label)


def text_column(table: Table, wanted: str | None) -> str:
    """Return the column of a file of passages that holds them: the wanted one where it is there, else recognised."""
    if wanted is not None and (place := table.find(wanted)) is not None:
        return table.columns[place]
    texts = [column for column in table.columns if not _is_id(column)]
    return _first(_PASSAGE, texts) or _longest(table, texts) or table.columns[-1]


def id_column(table: Table, wanted: str | None) -> str | None:
    """Return the column of a file of passages that names them: the wanted one where it is there, else recognised."""
    if wanted is not None and (place := table.find(wanted)) is not None:
        return table.columns[place]
    return _first((*_PASSAGE_ID, *_ANY_ID), table.columns)


def wrong_columns(questions: Table, used: Columns) -> list[str]:
    """Return the columns that hold passages known to be wrong: `negative`, `hard_negative_2`, 오답."""
    free = [column for column in questions.columns if column not in (used.query, used.passage, used.id, used.label)]
    return [c for c in free if _WRONG.fullmatch(_plain(c)) and not _is_grades(questions, c)]


def may_be_a_text(header: str) -> bool:
    """Whether the name of a column reads like the first text of a table without names.

    >>> [may_be_a_text(name) for name in ("환불은 며칠 안에 하나요?", "배송은 이틀 걸립니다.", "질문")]
    [True, True, False]
    """
    return header.rstrip().endswith(("?", ".", "다", "요", "까")) and len(header) >= TEXT_LENGTH


def grade_of(label: str) -> int | None:
    """Return what a label says, 1 or more for right; None where it is none.

    >>> grade_of("정답"), grade_of("N"), grade_of("2.0"), grade_of("maybe")
    (1, 0, 2, None)
    """
    word = label.casefold()
    if word in _YES or word in _NO:
        return int(word in _YES)
    return int(float(label)) if _GRADE.fullmatch(label) else None


def column_named(table: Table, wanted: str) -> str:
    """Return a column of a table, as its head writes it.

    Raises:
        InputError: If there is none of that name; the message lists those that there are.
    """
    place = table.find(wanted)
    if place is None:
        raise TableError("file_no_column", name=table.name, column=wanted, valid=", ".join(table.columns))
    return table.columns[place]


def _plain(column: str) -> str:
    return re.sub(r"[\s_-]", "", folded(column)) or folded(column)


def _first(names: Iterable[str], columns: Sequence[str]) -> str | None:
    """Return the column whose name comes first among some names."""
    plain = {_plain(column): column for column in reversed(columns)}
    return next((plain[name] for name in names if name in plain), None)


def _is_id(column: str) -> bool:
    return _plain(column) in (*_ANY_ID, *_QUESTION_ID, *_PASSAGE_ID)


def _is_grades(table: Table, column: str, at_least: int | None = None) -> bool:
    """Whether a column holds labels or grades: nothing else, or at least some."""
    place = table.columns.index(column)
    cells = [row[place].strip() for row in table.rows if row[place].strip()]
    n_grades = sum(grade_of(cell) is not None for cell in cells)
    return bool(cells) and n_grades >= (len(cells) if at_least is None else at_least)


def _longest(table: Table, columns: Sequence[str]) -> str | None:
    places = {column: table.columns.index(column) for column in columns}
    lengths = {column: sum(len(row[place]) for row in table.rows[:200]) for column, place in places.items()}
    return max(lengths, key=lambda column: lengths[column], default=None)


def _unclear(table: Table) -> InputError:
    return TableError("own_unclear", name=table.name, valid=", ".join(table.columns))
