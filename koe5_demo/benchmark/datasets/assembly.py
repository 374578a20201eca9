"""Rows as they are stored -> `RetrievalData`, with every check. Knows no files of a data set.

Texts of a corpus that is too large to lie in memory are kept in a file of their own and read one by one, as they are
needed. The file has no name and goes when its last user does, also after a kill.
"""

from __future__ import annotations

import math
import mmap
import tempfile
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import IO, Any, Final, overload

from koe5_demo.benchmark.datasets.records import Problems, RetrievalData
from koe5_demo.errors import DataError
from koe5_demo.tables import compared, text_of

Row = Mapping[str, Any]
Tables = tuple[Iterable[Row], Iterable[Row], Iterable[Row]]
"""Corpus, queries, judgements."""
MOST_IN_MEMORY: Final = 64_000_000
"""Bytes of UTF-8 up to which the texts of a corpus stay in memory, as a tuple."""
SHOWN_IDS: Final = 3
LARGEST_GRADE: Final = 1_000_000
"""Of a judgement, and its negative the least: pytrec_eval counts in integers of a fixed size."""


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
        DataError: If a column or an id is missing, a grade is no whole number, no judged query is left, or none of
            the relevant documents is in the corpus.
    """
    documents, n_documents, n_blank = _texts(corpus, f"{name}: corpus", titled=True)
    query_texts, n_queries, n_blank_queries = _texts(queries, f"{name}: queries", titled=False)
    qrels, n_rows = _qrels(judgements, f"{name}: qrels", _known(query_texts.ids), _known(documents.ids))
    kept = {
        query_id: text for query_id, text in zip(query_texts.ids, query_texts.texts(), strict=True) if query_id in qrels
    }
    if not kept:
        raise DataError("data_no_judged_query", name=name, n=len(query_texts.ids))
    if not documents.ids:
        raise DataError("data_no_document", name=name)
    used = {query_id: qrels[query_id] for query_id in kept}
    _require_answers(name, used, documents.ids)
    problems = Problems(
        duplicate_documents=n_documents - len(documents.ids),
        duplicate_queries=n_queries - len(query_texts.ids),
        duplicate_judgements=n_rows - sum(len(grades) for grades in qrels.values()),
        missing_documents=sum(document_id not in documents.ids for grades in used.values() for document_id in grades),
        missing_queries=sum(query_id not in query_texts.ids for query_id in qrels),
        unjudged_queries=len(query_texts.ids) - len(kept),
        unanswerable_queries=sum(all(grade < 1 for grade in grades.values()) for grades in used.values()),
        blank_rows=n_blank + n_blank_queries,
        empty_documents=documents.n_empty,
        empty_queries=sum(not text.strip() for text in kept.values()),
    )
    return RetrievalData(
        name=name,
        task=task or name,
        subset=subset,
        split=split,
        revision=revision,
        document_ids=tuple(documents.ids),
        documents=documents.texts(),
        query_ids=tuple(kept),
        queries=tuple(kept.values()),
        qrels=used,
        problems=problems,
        source=source,
        licence=licence,
    )


def _texts(rows: Iterable[Row], where: str, *, titled: bool) -> tuple[_TextsById, int, int]:
    """Return texts by id, the last one of equal ids, the number of rows with an id, and that of blank rows."""
    texts = _TextsById()
    n = n_blank = 0
    for row in rows:
        if ("_id" not in row and "id" not in row) or "text" not in row:
            raise DataError("data_no_column", name=where, column="_id, text", valid=", ".join(map(str, row)))
        id_, text, title = (text_of(row.get(name)) for name in ("_id" if "_id" in row else "id", "text", "title"))
        if not id_.strip():
            if text.strip() or title.strip():
                raise DataError("data_blank_id", name=where, n=n + n_blank + 1)
            n_blank += 1
            continue
        texts.add(id_, document_text(title, text) if titled else text)
        n += 1
    return texts, n, n_blank


def _known(ids: Mapping[str, object]) -> Callable[[str], str]:
    """Return what finds the id that is meant: as it is written, else as it is compared, else the id itself."""

    @lru_cache(maxsize=1)  # most sets need it for no id, and it holds every id a second time
    def alike() -> dict[str, str]:
        return {_alike(id_): id_ for id_ in ids}

    return lambda id_: id_ if id_ in ids else alike().get(_alike(id_), id_)


def _alike(id_: str) -> str:
    return compared(id_).strip()


def _qrels(
    rows: Iterable[Row], where: str, query_of: Callable[[str], str], document_of: Callable[[str], str]
) -> tuple[dict[str, dict[str, int]], int]:
    """Return grades by query and document, the last one of equal pairs, and the number of rows."""
    qrels: dict[str, dict[str, int]] = {}
    n = 0
    for row in rows:
        missing = [name for name in ("query-id", "corpus-id", "score") if name not in row]
        if missing:
            raise DataError("data_no_column", name=where, column=missing[0], valid=", ".join(map(str, row)))
        query_id, document_id, grade = (text_of(row[name]) for name in ("query-id", "corpus-id", "score"))
        if not (query_id + document_id + grade).strip():
            continue
        qrels.setdefault(query_of(query_id), {})[document_of(document_id)] = _grade(grade, where)
        n += 1
    return qrels, n


def _grade(text: str, where: str) -> int:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not abs(score) <= LARGEST_GRADE or score != int(score):
        raise DataError("data_bad_grade", name=where, value=text[:40], limit=LARGEST_GRADE)
    return int(score)


def _require_answers(name: str, qrels: Mapping[str, Mapping[str, int]], documents: Mapping[str, object]) -> None:
    """Refuse a set that can only score 0.00 because its ids do not meet."""
    relevant = [document for grades in qrels.values() for document, grade in grades.items() if grade >= 1]
    if relevant and not any(document in documents for document in relevant):
        valid = ", ".join(repr(id_) for id_ in list(documents)[:SHOWN_IDS])
        raise DataError("data_no_judged_document", name=name, n=len(relevant), value=relevant[0], valid=valid)


class StoredTexts(Sequence[str]):
    """Texts in one block of UTF-8; each is decoded anew whenever it is asked for.

    Args:
        block: Of all texts, in any order.
        starts, stops: Bytes of each text, in the order of the sequence.
    """

    def __init__(self, block: mmap.mmap, starts: array[int], stops: array[int]) -> None:
        self._block = block
        self._starts = starts
        self._stops = stops

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self._starts)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...
    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        """Return one text, or some."""
        if isinstance(place, slice):
            return tuple(self[n] for n in range(*place.indices(len(self))))
        return self._block[self._starts[place] : self._stops[place]].decode("utf-8", "surrogatepass")


class _TextsById:
    """Takes texts by id, the last one of equal ids at the place of the first, as a dictionary would."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}  # in order, each with its place
        self._held: list[bytes] = []
        self._starts = array("q")
        self._stops = array("q")
        self._written = 0
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self.n_empty = 0

    def add(self, id_: str, text: str) -> None:
        """Take a text."""
        raw = text.encode("utf-8", "surrogatepass")
        start, self._bytes = self._bytes, self._bytes + len(raw)
        place = self.ids.setdefault(id_, len(self._starts))
        if place == len(self._starts):
            self._starts.append(start)
            self._stops.append(self._bytes)
            self.n_empty += not raw
        else:
            self.n_empty += (not raw) - (self._starts[place] == self._stops[place])
            self._starts[place], self._stops[place] = start, self._bytes
        self._held.append(raw)
        if self._bytes - self._written > MOST_IN_MEMORY:
            self._write()

    def texts(self) -> Sequence[str]:
        """Return the texts in the order of their ids: a tuple, or `StoredTexts` where they are many."""
        if self._file is None:
            block = b"".join(self._held)
            spans = zip(self._starts, self._stops, strict=True)
            return tuple(block[start:stop].decode("utf-8", "surrogatepass") for start, stop in spans)
        self._write()
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return StoredTexts(mapped, self._starts, self._stops)

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="koe5-texts-")  # noqa: SIM115 lives as long as this object
        self._file.write(b"".join(self._held))
        self._file.flush()
        self._held.clear()
        self._written = self._bytes
