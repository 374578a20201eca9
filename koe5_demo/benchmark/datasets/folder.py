"""A data set from a folder: BEIR layout, or MTEB-style tables with or without a data card."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from koe5_demo.benchmark.datasets.assembly import Row, assemble
from koe5_demo.benchmark.datasets.layout import choose_split, table_files
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.errors import DataError
from koe5_demo.settings import Limits
from koe5_demo.tables import file_kind, folded, read_cells, read_file, read_table
from koe5_demo.tables.delimited import Record
from koe5_demo.tables.typed import require_unpacked

_BEIR: Final = ("query-id", "corpus-id", "score")
_COLUMNS: Final = {3: _BEIR, 4: ("query-id", "iteration", "corpus-id", "score")}
"""Columns of judgements by their number: BEIR's and TREC's."""
_GRADE: Final = re.compile("score|rel|grade|label|judg", re.IGNORECASE)
"""Names that the last column goes by; any other word there is a broken grade."""
_NUMBER: Final = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")
_DELIMITED: Final = ("tsv", "txt", "csv")
_CARD_CHARS: Final = 200_000
_CARD_DEPTH: Final = 50
"""Brackets in brackets that a card may have: reading deeper ones takes the cube of their number."""


def read_folder(
    folder: Path, *, name: str | None = None, split: str | None = None, subset: str = "default", licence: str = ""
) -> RetrievalData:
    """Read a data set from a folder.

    Args:
        folder: With `corpus`, `queries` and `qrels` as files or folders of any kind that `koe5_demo.tables` reads.
        name: What to call it; the folder's name when None.
        split: Which judgements; test, dev, validation or train, whichever comes first, when None.
        subset: Prefix of MTEB-style multilingual tables.
        licence: As stated.

    Raises:
        DataError: If there is no such folder, a table is missing, or a file is broken.
    """
    if not folder.is_dir():
        raise DataError("data_no_folder", name=str(folder))
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    card = read_card(folder / "README.md")
    wanted, judgement_files = choose_split(table_files(files, card, "qrels", subset), split, folder.name)
    parts = {}
    for table in ("corpus", "queries"):
        _, parts[table] = choose_split(table_files(files, card, table, subset), wanted, folder.name)
    return assemble(
        rows_of(folder, parts["corpus"]),
        rows_of(folder, parts["queries"]),
        judgements_of(folder, judgement_files),
        name=name or folder.resolve().name,
        subset=subset,
        split=wanted,
        source=name or folder.resolve().name,
        licence=licence,
    )


def read_zip(content: bytes, name: str, limits: Limits | None = None) -> RetrievalData:
    """Read a data set from a zip of such a folder, in memory; what lies beside it in the zip is passed over.

    Raises:
        DataError: If it is no zip, would unpack to too much, lacks a table, or a file in it is broken.
    """
    require_unpacked(content, name, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [PurePosixPath(part) for part in archive.namelist() if not part.endswith("/")]
            corpus = next((p for p in sorted(parts) if "__MACOSX" not in p.parts and p.name.startswith("corpus")), None)
            root = corpus.parent if corpus is not None else PurePosixPath()
            root = root.parent if root.name == "corpus" else root
            files = {p.relative_to(root).as_posix(): archive.read(str(p)) for p in parts if p.is_relative_to(root)}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = str(error)[:200] or type(error).__name__
        raise DataError("data_broken_file", name=name, reason=reason) from error
    split, judgements = choose_split(table_files(sorted(files), {}, "qrels", "default"), None, name)

    def rows(table: str) -> Iterator[Row]:
        for file in choose_split(table_files(sorted(files), {}, table, "default"), split, name)[1]:
            yield from read_table(files[file], file, limits).records()

    def judged() -> Iterator[Row]:
        for file in judgements:
            if file_kind(file) in _DELIMITED:
                yield from _delimited_judgements(PurePosixPath(file).name, read_cells(files[file], file, limits))
            else:
                yield from read_table(files[file], file, limits).records()

    stem = PurePosixPath(name).stem
    return assemble(rows("corpus"), rows("queries"), judged(), name=stem, split=split, source=PurePosixPath(name).name)


def rows_of(folder: Path, files: list[str]) -> Iterator[Row]:
    """Yield the rows of several files, in order, their columns named as `koe5_demo.tables.folded` writes them.

    Raises:
        DataError: If a file is broken; the message says where.
    """
    for file in files:
        yield from read_file(folder / file).records()


def judgements_of(folder: Path, files: list[str]) -> Iterator[Row]:
    """Yield judgements with or without a header: BEIR's three columns, or TREC's four (query, 0, document, grade).

    Columns are taken by name where the header has MTEB's names, and by place, as BEIR takes them, where it has others.

    Raises:
        DataError: If a file is broken, or a row has more or fewer cells than the first one.
    """
    for file in files:
        if file_kind(file) in _DELIMITED:
            yield from _delimited_judgements((folder / file).name, read_cells(folder / file))
        else:
            yield from rows_of(folder, [file])


def read_card(path: Path) -> Mapping[str, Any]:
    """Return the YAML block at the head of a data card; empty if there is no card, no block, or a broken one."""
    try:
        head = path.read_text(encoding="utf-8-sig", errors="replace")[:_CARD_CHARS]
    except OSError:
        return {}
    lines = head.splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (rest := [line.strip() for line in lines[1:]]):
        return {}
    block = "\n".join(lines[1 : 1 + rest.index("---")])
    if _depth(block) > _CARD_DEPTH:
        return {}
    try:
        card = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):  # ValueError: a date that no calendar has
        return {}
    return card if isinstance(card, dict) else {}


def _depth(block: str) -> int:
    """Return how many brackets are open at once, at most."""
    depth = deepest = 0
    for char in block:
        depth = depth + 1 if char in "[{" else max(depth - 1, 0) if char in "]}" else depth
        deepest = max(deepest, depth)
    return deepest


def _delimited_judgements(name: str, records: list[Record]) -> Iterator[Row]:
    columns: tuple[str, ...] | None = None
    for line, cells in records:
        if columns is None:
            columns = _judgement_columns([folded(cell) for cell in cells])
            if _NUMBER.fullmatch(cells[-1]) is None:
                continue
        if len(cells) != len(columns):
            raise DataError("data_broken_file", name=name, reason=f"line {line}: {len(cells)} columns")
        yield dict(zip(columns, cells, strict=True))


def _judgement_columns(first: list[str]) -> tuple[str, ...]:
    """Return the names of the columns, given the first line."""
    by_place = _NUMBER.fullmatch(first[-1]) or _GRADE.search(first[-1])
    named = set(_BEIR) <= set(first)
    return tuple(first) if named or not by_place else _COLUMNS.get(len(first), tuple(first))
