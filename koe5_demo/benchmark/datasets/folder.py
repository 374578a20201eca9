"""A data set from a folder or zip: BEIR layout, or MTEB-style tables with or without a data card.

Which files hold a table's split: a data card's `configs` decide where there is one, as for the `datasets` package;
otherwise names do: `corpus.jsonl`, `corpus/…`, `queries/test-00000-of-00001.parquet`, `qrels/test.tsv`.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

from koe5_demo.benchmark.datasets.assembly import Row, Tables, assemble
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.errors import DataError
from koe5_demo.settings import Limits
from koe5_demo.tables import KINDS, file_kind, folded, read_cells, read_pieces, read_table
from koe5_demo.tables.delimited import Record
from koe5_demo.tables.typed import require_unpacked

Files = Mapping[str, Path | bytes]
"""Name, as a slash-separated path -> the file on this machine, or its content out of a zip."""
Splits = dict[str, list[str]]
"""Split name -> files, in order."""

_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}.*$|-[0-9a-f]{16}$")
_PREFERRED_SPLITS: Final = ("test", "dev", "validation", "valid", "val", "train")
_QRELS_FOLDERS: Final = ("qrels", "data", "default")
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
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    split, parts = choose_files(files, read_card(folder / "README.md"), subset, split, folder.name)
    name = name or folder.resolve().name
    return assemble(*read_tables(files, parts), name=name, subset=subset, split=split, source=name, licence=licence)


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
    split, chosen = choose_files(files, {}, "default", None, name)
    path = PurePosixPath(name)
    return assemble(*read_tables(files, chosen, limits), name=path.stem, split=split, source=path.name)


def choose_files(
    files: Iterable[str], card: Mapping[str, Any], subset: str, split: str | None, name: str
) -> tuple[str, dict[str, list[str]]]:
    """Return which split is read, and the files of `corpus`, `queries` and `qrels` that hold it.

    Args:
        files: Every file, as slash-separated paths.
        card: Metadata of the data card; empty where there is none.
        subset: MTEB's subset; "default" tables have no prefix.
        split: Which judgements; None as in `read_folder`.
        name: Of the set, for the message.

    Raises:
        DataError: If a table or the split is missing.
    """
    present = sorted(files)
    split, judgements = choose_split(table_files(present, card, "qrels", subset), split, name)
    corpus, queries = (
        choose_split(table_files(present, card, table, subset), split, name)[1] for table in ("corpus", "queries")
    )
    return split, {"corpus": corpus, "queries": queries, "qrels": judgements}


def read_tables(files: Files, parts: Mapping[str, list[str]], limits: Limits | None = None) -> Tables:
    """Return the rows of the three tables, each read when it is asked for.

    Args:
        files: Where they lie.
        parts: The names of each table's files, as `choose_files` gives them.
        limits: None for any size.
    """
    corpus, queries = (rows_of(files, parts[table], limits) for table in ("corpus", "queries"))
    return corpus, queries, _judgements(files, parts["qrels"], limits)


def rows_of(files: Files, names: Iterable[str], limits: Limits | None = None) -> Iterator[Row]:
    """Yield the rows of several files, in order, their columns named as `koe5_demo.tables.folded` writes them.

    Raises:
        DataError: If a file is broken; the message says where.
    """
    for name in names:
        file = files[name]
        for table in read_pieces(file) if isinstance(file, Path) else (read_table(file, name, limits),):
            yield from table.records()


def table_files(files: Sequence[str], card: Mapping[str, Any], table: str, subset: str) -> Splits:
    """Return the files of one table of a retrieval set by split.

    Args:
        files: Every file, as slash-separated paths.
        card: Metadata of the data card; empty where there is none.
        table: "corpus", "queries" or "qrels".
        subset: MTEB's subset; "default" tables have no prefix.

    Raises:
        DataError: If no file fits.
    """
    for config in _config_names(table, subset):
        splits = config_files(files, card, config)
        if splits:
            return splits
    raise DataError("data_no_table", table=table, subset=subset, found=", ".join(sorted(files)[:8]) or "-")


def config_files(files: Sequence[str], card: Mapping[str, Any], config: str) -> Splits:
    """Return the files of one configuration by split; empty if there is none."""
    return _declared(files, card, config) or _conventional(files, config)


def choose_split(splits: Splits, wanted: str | None, name: str) -> tuple[str, list[str]]:
    """Return the wanted split, or the only one, as MTEB does; without a wish the first of `_PREFERRED_SPLITS`.

    Raises:
        DataError: If the wanted split is not there and there are several others.
    """
    if wanted is None:
        wanted = next((split for split in _PREFERRED_SPLITS if split in splits), None)
    if wanted is not None and wanted in splits:
        return wanted, splits[wanted]
    if len(splits) == 1:
        return next(iter(splits.items()))
    raise DataError("data_no_split", name=name, split=wanted, valid=", ".join(sorted(splits)))


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


def _config_names(table: str, subset: str) -> list[str]:
    prefix = "" if subset == "default" else f"{subset}-"
    if table == "queries":
        return [f"{prefix}queries", *([] if prefix else ["query"])]
    if table == "qrels":
        return [f"{prefix}qrels"] if prefix else ["default", "qrels"]
    return [f"{prefix}{table}"]


def _declared(files: Sequence[str], card: Mapping[str, Any], config: str) -> Splits:
    entries = card.get("configs")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("config_name", "default") == config:
            splits = {
                split: sorted(file for file in files if any(fnmatchcase(file, glob) for glob in globs))
                for split, globs in _patterns(entry.get("data_files")).items()
            }
            return {split: found for split, found in splits.items() if found}
    return {}


def _patterns(data_files: Any) -> dict[str, list[str]]:
    """Read the three ways a card writes `data_files`: a path, a list of paths, a list of splits with paths."""
    patterns: dict[str, list[str]] = {}
    for item in data_files if isinstance(data_files, list) else [data_files]:
        split, path = (item.get("split", "train"), item.get("path")) if isinstance(item, dict) else ("train", item)
        found = path if isinstance(path, list) else [path]
        patterns.setdefault(str(split), []).extend(glob for glob in found if isinstance(glob, str))
    return patterns


def _conventional(files: Sequence[str], config: str) -> Splits:
    folders = _QRELS_FOLDERS if config in ("default", "qrels") else (config,)
    splits: Splits = {}
    for file in sorted(files):
        path = PurePosixPath(file)
        kind = file_kind(path.name)
        if kind not in KINDS:
            continue
        stem = _SHARD.sub("", path.name[: path.name.lower().rindex(f".{kind}")])
        inside = len(path.parts) > 1 and path.parts[0] in folders
        if inside or (len(path.parts) == 1 and stem in folders):
            splits.setdefault(stem, []).append(file)
    return {split: _one_kind(found) for split, found in splits.items()}


def _one_kind(files: list[str]) -> list[str]:
    """Keep one file kind where the same table is stored twice (`qrels/dev.tsv` beside `qrels/dev.jsonl`)."""
    kind = next(kind for kind in KINDS if any(file_kind(file) == kind for file in files))
    return [file for file in files if file_kind(file) == kind]


def _judgements(files: Files, names: Iterable[str], limits: Limits | None) -> Iterator[Row]:
    """Yield judgements with or without a header: BEIR's three columns, or TREC's four (query, 0, document, grade).

    Columns are taken by name where the header has MTEB's names, and by place, as BEIR takes them, where it has others.

    Raises:
        DataError: If a file is broken, or a row has more or fewer cells than the first one.
    """
    for name in names:
        if file_kind(name) in _DELIMITED:
            yield from _delimited_judgements(PurePosixPath(name).name, read_cells(files[name], name, limits))
        else:
            yield from rows_of(files, [name], limits)


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
