"""What a visitor has handed in and what was made of it: files, sheets and columns chosen, the set, the results.

Knows no page. All of it lives in the memory of one session; a file's bytes are kept only where another sheet of it can
be chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from koe5_demo.benchmark.datasets.folder import read_zip
from koe5_demo.benchmark.own.columns import Columns, recognise
from koe5_demo.benchmark.own.reading import ZIP, OwnSet, from_beir, from_tables
from koe5_demo.benchmark.results import RunResult
from koe5_demo.errors import DemoError, TableError
from koe5_demo.records import Notice
from koe5_demo.settings import Limits
from koe5_demo.tables import Table, file_kind, read_table, sheet_names

PARTS: Final = ("questions", "passages", "distractors")


@dataclass(frozen=True)
class Workbook:
    """A workbook of several sheets that a visitor sent, kept so that another sheet can be read.

    Its bytes are kept, not its sheets' rows: they are within `Limits.file_mb`, what they unpack to is not.

    Attributes:
        name: Of the file.
        content: Its bytes.
        sheets: Titles, in the workbook's order.
        sheet: The one that is read.
        trouble: Why that one cannot be read; None where it can.
    """

    name: str
    content: bytes = field(repr=False)
    sheets: tuple[str, ...]
    sheet: str
    trouble: Notice | None = None


def open_upload(
    content: bytes, name: str, limits: Limits, sheet: str | None = None
) -> tuple[Table | OwnSet | None, Workbook | None]:
    """Read what a visitor sent: a table, or a zip in BEIR layout as the set that it is.

    Args:
        content, name: Of the file.
        limits: Bounds on its size.
        sheet: Of a workbook; the first when None.

    Returns:
        What was read: None where a workbook's sheet is at fault and others can be chosen. The workbook; None where
        there is nothing to choose.

    Raises:
        DataError: If it cannot be read.
    """
    if file_kind(name) == ZIP:
        return from_beir(read_zip(content, name, limits)), None
    try:
        table = read_table(content, name, limits, sheet=sheet)
    except TableError as error:
        sheets = sheet_names(content, name, limits)
        if len(sheets) <= 1:
            raise
        return None, Workbook(name, content, sheets, sheet or sheets[0], Notice(error.key, error.values))
    return table, Workbook(name, content, table.sheets, table.sheet) if len(table.sheets) > 1 else None


@dataclass(frozen=True)
class OwnState:
    """What one visitor's session holds.

    Attributes:
        files: Tables by what they are, a key of `PARTS`, in that order.
        books: Workbooks of several sheets, whose chosen sheets are among `files`, by the same keys.
        whole: A set that needs no columns: a zip in BEIR layout, or marks of a ranking.
        columns: Which column is what.
        own: The set that the files make; None while they make none.
        trouble: Why they make none.
        results: Of the last run.
    """

    files: Mapping[str, Table] = field(default_factory=dict)
    books: Mapping[str, Workbook] = field(default_factory=dict)
    whole: OwnSet | None = None
    columns: Columns = field(default_factory=Columns)
    own: OwnSet | None = None
    trouble: Notice | None = None
    results: tuple[RunResult, ...] = ()

    def with_file(
        self, part: str, read: Table | OwnSet | None, limits: Limits, book: Workbook | None = None
    ) -> OwnState:
        """Return the state with one more file, its columns recognised anew.

        Args:
            part: A key of `PARTS`.
            read: What was read; None where the chosen sheet of the workbook is at fault.
            limits: Bounds on rows.
            book: The workbook that was read, if it has sheets to choose from.

        Raises:
            TableError: If a zip is not the first file.
        """
        if isinstance(read, OwnSet):
            if part != PARTS[0]:
                raise TableError("own_beir_options", name=read.data.name)
            return of_set(read)
        files, books = {**self.files, part: read}, {**self.books, part: book}
        state = OwnState(
            {name: table for name in PARTS if (table := files.get(name)) is not None},
            {name: book for name in PARTS if (book := books.get(name)) is not None},
        )
        first = state.files.get("questions")
        if first is None:
            return state.counted(limits)
        try:
            return replace(state, columns=recognise(first, None, state.files.get("passages"))).counted(limits)
        except DemoError as error:  # the menus are there to say which column is what
            return replace(state, trouble=Notice(error.key, error.values))

    def counted(self, limits: Limits) -> OwnState:
        """Return the state with the set that its files make, or with the reason why they make none."""
        at_fault = next((book.trouble for book in self.books.values() if book.trouble is not None), None)
        if at_fault is not None:
            return replace(self, own=None, trouble=at_fault, results=())
        first = self.files.get("questions")
        if first is None:
            return self
        others = {part: self.files.get(part) for part in PARTS[1:]}
        try:
            own = from_tables(first, self.columns, **others, limits=limits)
        except DemoError as error:
            return replace(self, own=None, trouble=Notice(error.key, error.values), results=())
        return replace(self, own=own, trouble=None, results=())


def of_set(own: OwnSet) -> OwnState:
    """Return the state that holds a set which is ready, as marks of the ranking tab make one."""
    return OwnState(whole=own, own=own)
