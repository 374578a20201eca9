"""From somebody's spreadsheet to a retrieval set: what was counted, what was left out and where.

Three forms are recognised: question and right passage (a row a pair), question and passage with a label, and questions
with ids of passages that lie in a second file. A folder or zip in BEIR layout is read as everywhere else.

What is read is made alike: NFC, without what nobody sees, equal passages as one. Ids are text and keep their zeros.
A question without a right answer can be found by no model: it is told and left out, so that shares are of questions
that have one. A set in BEIR layout stays as MTEB reads it, and such a question counts 0 there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.datasets.folder import read_folder, read_zip
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.own.columns import (
    Columns,
    column_named,
    grade_of,
    id_column,
    may_be_a_text,
    recognise,
    text_column,
    wrong_columns,
)
from koe5_demo.errors import DataError, InputError, TableError
from koe5_demo.records import Encoder, Notice, Role
from koe5_demo.settings import Limits
from koe5_demo.tables import Table, clean, compared, file_kind, read_file

ZIP: Final = "zip"
SHOWN_ROWS: Final = 10
_ID_LISTS: Final = re.compile(r"\s*[,;|]\s*")


class Form(str, Enum):
    """How a set is written down."""

    PAIRS = "pairs"
    LABELS = "labels"
    IDS = "ids"
    BEIR = "beir"
    MARKS = "marks"


@dataclass(frozen=True)
class Counted:
    """What was found in the files, told before anything runs. Rows are those of the first file, as its lines count.

    Attributes:
        questions: Questions with a right answer: those that are asked.
        passages: Distinct passages that are searched.
        judgements: Pairs of a question and a right passage.
        distractors: Passages that came from the file of distractors.
        duplicate_rows: Rows that say what another row says.
        duplicate_passages: Passages given again: equal texts are one.
        unanswered: Questions without a right answer; they are left out.
        unanswered_rows: Where they stand.
        blank_rows: Rows without anything.
        half_rows: Rows with an answer and no question, or without a label; they are left out.
        missing_ids: Ids of passages that no file has, with their rows.
        repeated_ids: Ids that a second, different passage has too; they name the first.
    """

    questions: int
    passages: int
    judgements: int
    distractors: int = 0
    duplicate_rows: int = 0
    duplicate_passages: int = 0
    unanswered: int = 0
    unanswered_rows: tuple[int, ...] = ()
    blank_rows: tuple[int, ...] = ()
    half_rows: tuple[int, ...] = ()
    missing_ids: tuple[tuple[int, str], ...] = ()
    repeated_ids: tuple[str, ...] = ()

    def notices(self) -> list[Notice]:
        """Return what to tell, sizes first."""
        told = [Notice("own_counted", {"questions": self.questions, "passages": self.passages, "n": self.judgements})]
        rows = (
            ("own_unanswered", self.unanswered, self.unanswered_rows),
            ("own_blank_rows", len(self.blank_rows), self.blank_rows),
            ("own_half_rows", len(self.half_rows), self.half_rows),
            ("own_missing_ids", len(self.missing_ids), tuple(f"{row}: {id_}" for row, id_ in self.missing_ids)),
            ("own_repeated_ids", len(self.repeated_ids), self.repeated_ids),
        )
        told += [Notice(key, {"n": n, "rows": _listed(places)}) for key, n, places in rows if places]
        numbers = (
            ("own_duplicate_rows", self.duplicate_rows),
            ("own_duplicate_passages", self.duplicate_passages),
            ("own_distractors", self.distractors),
        )
        return told + [Notice(key, {"n": n}) for key, n in numbers if n]


@dataclass(frozen=True)
class OwnSet:
    """A set that is ready to run.

    Attributes:
        data: Texts and judgements.
        form: How it was written down.
        columns: Which column was what; all None for BEIR.
        counted: What was found and left out.
        notices: What a reader should know of the reading beside the counts.
    """

    data: RetrievalData
    form: Form
    columns: Columns
    counted: Counted
    notices: tuple[Notice, ...] = ()

    def told(self) -> list[Notice]:
        """Return everything to tell before a run."""
        return [Notice(f"own_form_{self.form.value}"), *self.counted.notices(), *self.notices]


def too_long(data: RetrievalData, encoder: Encoder) -> Notice | None:
    """Return how many questions and passages are longer than a model reads; None where all fit."""
    limit = encoder.info.max_tokens
    queries = int((encoder.count_tokens(data.queries, Role.QUERY) > limit).sum())
    documents = int((encoder.count_tokens(data.documents, Role.PASSAGE) > limit).sum())
    values = {"model": encoder.info.id, "limit": limit, "queries": queries, "documents": documents}
    return Notice("own_too_long", values) if queries or documents else None


def read_own(
    path: Path,
    columns: Columns | None = None,
    *,
    passages: Path | None = None,
    distractors: Path | None = None,
    sheet: str | None = None,
    limits: Limits | None = None,
) -> OwnSet:
    """Read a set from files of this machine.

    Args:
        path: A table, or a folder or zip in BEIR layout.
        columns: What is known of the columns; the rest is recognised.
        passages: A table of passages whose ids the first file names.
        distractors: A table of passages that answer nothing.
        sheet: Of workbooks.
        limits: None for any size.

    Raises:
        DataError: If a file cannot be read, or holds no set.
        InputError: If a column is not there, or an option means nothing for a folder or zip.
    """
    if path.is_dir() or file_kind(path.name) == ZIP:
        if columns not in (None, Columns()) or any(given is not None for given in (passages, distractors, sheet)):
            raise InputError("own_beir_options", name=path.name)
        if path.is_dir():
            return from_beir(read_folder(path))
        return from_beir(read_zip(path.read_bytes() if path.is_file() else b"", path.name, limits))
    questions = read_file(path, limits, sheet=sheet)
    others = {
        name: read_file(file, limits) if file is not None else None
        for name, file in (("passages", passages), ("distractors", distractors))
    }
    return from_tables(questions, columns, **others, limits=limits)


def from_beir(data: RetrievalData) -> OwnSet:
    """Tell what a set in BEIR layout holds. It stays as it is, so that its numbers are those of MTEB.

    Raises:
        DataError: If no question has a right answer.
    """
    right = [sum(grade >= 1 for grade in grades.values()) for grades in data.qrels.values()]
    if not any(right):
        raise DataError("own_nothing", name=data.name)
    found = data.problems
    counted = Counted(
        questions=len(data.queries),
        passages=len(data.documents),
        judgements=sum(right),
        duplicate_rows=found.duplicate_judgements + found.duplicate_queries,
        duplicate_passages=found.duplicate_documents,
        unanswered=found.unjudged_queries,
    )
    counted_above = ("data_duplicate_judgements", "data_duplicate_queries", "data_duplicate_documents")
    told = tuple(notice for notice in found.notices() if notice.key not in counted_above)
    return OwnSet(data, Form.BEIR, Columns(), counted, told)


def from_tables(
    questions: Table,
    columns: Columns | None = None,
    *,
    passages: Table | None = None,
    distractors: Table | None = None,
    limits: Limits | None = None,
) -> OwnSet:
    """Make a set of tables.

    Args:
        questions: The first file.
        columns: What is known of the columns; the rest is recognised.
        passages: Passages whose ids or texts the first file names.
        distractors: Passages that answer nothing.
        limits: Bounds on rows.

    Raises:
        DataError: If there are too many rows, a label is none, or no question has an answer.
        InputError: If a column is not there or cannot be recognised.
    """
    tables = [table for table in (questions, passages, distractors) if table is not None]
    for table in tables:
        if limits is not None and len(table.rows) > limits.rows:
            raise TableError("own_too_many_rows", name=table.name, n=len(table.rows), limit=limits.rows)
    used = recognise(questions, columns, passages)
    corpus = _Corpus()
    if passages is None:
        form = Form.LABELS if used.label else Form.PAIRS
    else:
        form = Form.IDS
        ids = id_column(passages, used.id)
        numbers = [str(place) for place in range(1, len(passages.rows) + 1)]
        corpus.add_table(passages, used.passage or "", _cells(passages, ids) if ids else numbers)
    rows = _Rows(questions, used, corpus, by_id=passages is not None)
    rows.read()
    told = [notice for table in tables for notice in table.notices]
    header = next((name for name in (used.query, used.passage) if name and may_be_a_text(name)), None)
    if questions.headed and header is not None:
        told.append(Notice("own_header_is_text", {"name": questions.name, "header": header[:40]}))
    n_before = len(corpus.texts)
    if wrong := wrong_columns(questions, used):
        for column in wrong:
            corpus.add_table(questions, column)
        n_wrong = len(corpus.texts) - n_before
        told.append(Notice("own_wrong_columns", {"columns": ", ".join(wrong), "n": n_wrong}))
    n_before = len(corpus.texts)
    if distractors is not None:
        corpus.add_table(distractors, text_column(distractors, None))
    return rows.assembled(form, len(corpus.texts) - n_before, tuple(told))


def from_marks(queries: Sequence[str], passages: Sequence[str], marks: Mapping[int, Collection[int]]) -> OwnSet:
    """Make a set of what a visitor marked as correct in a ranking.

    Args:
        queries, passages: As they were ranked.
        marks: Position of a query -> positions of the passages that answer it.

    Raises:
        DataError: If nothing is marked.
    """
    rows = [(queries[q], passages[p]) for q, chosen in sorted(marks.items()) for p in sorted(chosen)]
    if not rows:
        raise DataError("own_nothing", name="marks")
    table = Table("marks", "", ("query", "passage"), tuple(rows), tuple(range(1, len(rows) + 1)))
    others = Table("marks", "", ("passage",), tuple((text,) for text in passages), tuple(range(1, len(passages) + 1)))
    found = from_tables(table, Columns("query", "passage"), distractors=others)
    return replace(found, form=Form.MARKS, counted=replace(found.counted, duplicate_passages=0))


@dataclass
class _Corpus:
    """Distinct passages in the order of their first coming, with the ids that they are named by."""

    texts: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    repeated_ids: list[str] = field(default_factory=list)
    n_again: int = 0

    def add_table(self, table: Table, column: str, ids: Sequence[str] | None = None) -> None:
        """Take the passages of a table in; a blank one is none, and a list of several has no id."""
        cells = _cells(table, column)
        for id_, cell in zip(ids or [""] * len(cells), cells, strict=True):
            texts = _listed_texts(table, column, cell)
            for text in texts:
                self.n_again += text in self.texts
                self.add(text, id_ if len(texts) == 1 else "")

    def add(self, text: str, id_: str = "") -> None:
        """Take a passage in. An id that names another passage already stays with that one, and is told."""
        if id_ and self.ids.setdefault(id_, text) != text:
            self.repeated_ids.append(id_)
            id_ = ""
        self.texts.setdefault(text, id_)

    def named(self) -> dict[str, str]:
        """Return text -> id: the id that was given first, else the next number that is free."""
        taken, found, n = set(self.ids), {}, 0
        for text, given in self.texts.items():
            id_ = given
            while not id_:
                n += 1
                id_ = f"D{n}" if f"D{n}" not in taken else ""
            found[text] = id_
        return found


class _Rows:
    """Reads the file of questions row by row and counts what it leaves out."""

    def __init__(self, table: Table, columns: Columns, corpus: _Corpus, *, by_id: bool) -> None:
        self._table = table
        self._corpus = corpus
        self._by_id = by_id
        self._queries = _cells(table, columns.query or "")
        self._answers = _cells(table, (columns.id if by_id else columns.passage) or "")
        self._labels = _cells(table, columns.label) if columns.label else None
        ids = _cells(table, columns.id) if columns.id and not by_id else [""] * len(table.rows)
        self._passage_ids = ids if _names_one(ids, self._answers) else None
        self._question_ids = ids if self._passage_ids is None and _names_one(ids, self._queries) else None
        self._ids_column = columns.id if any(ids) and self._passage_ids is self._question_ids else None
        self._columns = columns
        self._grades: dict[str, dict[str, int]] = {}
        self._first_row: dict[str, int] = {}
        self._ids: dict[str, str] = {}
        self._blank: list[int] = []
        self._half: list[int] = []
        self._missing: list[tuple[int, str]] = []
        self._n_again = 0

    def read(self) -> None:
        """Go through all rows.

        Raises:
            DataError: If a label is none.
        """
        for place, line in enumerate(self._table.lines):
            query, answer = self._queries[place], self._answers[place]
            label = self._labels[place] if self._labels is not None else "1"
            if not (query or answer):
                self._blank.append(line)
                continue
            if not query or (answer and not label):
                self._half.append(line)
                if answer and not self._by_id:
                    self._corpus.add(answer)
                continue
            if query not in self._grades:
                self._grades[query], self._first_row[query] = {}, line
                given = self._question_ids[place] if self._question_ids is not None else ""
                self._ids[query] = given or f"Q{len(self._ids) + 1}"
            known = self._grades[query]
            for text in self._texts_of(place, answer, line) if answer else ():
                grade = grade_of(label)
                if grade is None:
                    raise DataError("own_bad_label", name=self._table.name, row=line, value=label[:40])
                self._n_again += known.get(text) == grade
                known[text] = max(grade, known.get(text, grade))

    def assembled(self, form: Form, n_distractors: int, notices: tuple[Notice, ...]) -> OwnSet:
        """Return the set.

        Raises:
            DataError: If no question has an answer.
        """
        answered = {q: g for q, g in self._grades.items() if any(grade >= 1 for grade in g.values())}
        name = re.sub(r"\.\w+(\.gz)?$", "", self._table.name) or self._table.name
        if not answered:
            raise DataError("own_nothing", name=self._table.name)
        ids = self._corpus.named()
        data = assemble(
            [{"_id": id_, "text": text} for text, id_ in ids.items()],
            [{"_id": self._ids[query], "text": query} for query in answered],
            [
                {"query-id": self._ids[query], "corpus-id": ids[text], "score": grade}
                for query, grades in answered.items()
                for text, grade in grades.items()
            ],
            name=name,
            source=self._table.name,
        )
        unanswered = [query for query in self._grades if query not in answered]
        counted = Counted(
            questions=len(answered),
            passages=len(ids),
            judgements=sum(grade >= 1 for grades in answered.values() for grade in grades.values()),
            distractors=n_distractors,
            duplicate_rows=self._n_again,
            duplicate_passages=self._corpus.n_again,
            unanswered=len(unanswered),
            unanswered_rows=tuple(self._first_row[query] for query in unanswered),
            blank_rows=tuple(self._blank),
            half_rows=tuple(self._half),
            missing_ids=tuple(self._missing),
            repeated_ids=tuple(self._corpus.repeated_ids),
        )
        unused = (Notice("own_ids_unused", {"column": self._ids_column}),) if self._ids_column else ()
        return OwnSet(data, form, self._columns, counted, (*notices, *unused))

    def _texts_of(self, place: int, answer: str, line: int) -> list[str]:
        """Return the passages that a cell gives: itself, those of its list, or those that it names."""
        if not self._by_id:
            texts = _listed_texts(self._table, self._columns.passage or "", answer)
            id_ = self._passage_ids[place] if self._passage_ids is not None and texts == [answer] else ""
            for each in texts:
                self._corpus.add(each, id_)
            return texts
        found = []
        for id_ in self._split(answer):
            text = self._corpus.ids.get(id_, id_ if id_ in self._corpus.texts else None)
            if text is None:
                self._missing.append((line, id_))
            else:
                found.append(text)
        return found

    def _split(self, answer: str) -> list[str]:
        """Return the ids of a cell: one, several parted by commas, or a JSON list."""
        if answer in self._corpus.ids or answer in self._corpus.texts:
            return [answer]
        if answer.startswith("["):
            try:
                listed = json.loads(answer, parse_int=str, parse_float=str)
            except ValueError:
                listed = None
            if isinstance(listed, list):
                return [compared(str(id_)).strip() for id_ in listed]
        return [id_ for id_ in _ID_LISTS.split(answer) if id_]


def _cells(table: Table, column: str) -> list[str]:
    """Return a column as texts are compared and sent: NFC, cleaned, blank where nothing is seen."""
    place = table.columns.index(column_named(table, column))
    parsed = clean(row[place] for row in table.rows)
    cells = [""] * len(table.rows)
    for index, text in enumerate(parsed.texts):
        cells[parsed.place(index)] = compared(text)
    return cells


def _listed_texts(table: Table, column: str, cell: str) -> list[str]:
    """Return the texts of a cell: several where the file has lists there, as JSON and parquet may."""
    if not cell:
        return []
    if not table.kinds.get(column, (0, ""))[1].startswith(("list", "large_list")):
        return [cell]
    try:
        listed = json.loads(cell)
    except ValueError:
        return [cell]
    return [compared(text) for text in clean(map(str, listed)).texts] if isinstance(listed, list) else [cell]


def _names_one(ids: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether each id stands for one text only, and there are ids."""
    meant: dict[str, str] = {}
    given = [(id_, text) for id_, text in zip(ids, texts, strict=True) if id_ and text]
    return bool(given) and all(meant.setdefault(id_, text) == text for id_, text in given)


def _listed(rows: Sequence[object]) -> str:
    return ", ".join(map(str, rows[:SHOWN_ROWS])) + (", …" if len(rows) > SHOWN_ROWS else "")
