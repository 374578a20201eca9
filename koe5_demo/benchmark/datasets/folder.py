"""A data set from a folder: BEIR layout, or MTEB-style tables with or without a data card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from koe5_demo.benchmark.datasets.assembly import Row, assemble
from koe5_demo.benchmark.datasets.layout import choose_split, table_files
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.datasets.tables import read_rows
from koe5_demo.errors import DataError


def read_folder(
    folder: Path, *, name: str | None = None, split: str | None = None, subset: str = "default", licence: str = ""
) -> RetrievalData:
    """Read a data set from a folder.

    Args:
        folder: With `corpus`, `queries` and `qrels` as files or folders (parquet, JSON lines; judgements also TSV).
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
        rows_of(folder, judgement_files),
        name=name or folder.resolve().name,
        subset=subset,
        split=wanted,
        source=name or folder.resolve().name,
        licence=licence,
    )


def rows_of(folder: Path, files: list[str]) -> Iterator[Row]:
    """Yield the rows of several files, in order."""
    for file in files:
        yield from read_rows(folder / file)


def read_card(path: Path) -> Mapping[str, Any]:
    """Return the YAML block at the head of a data card; empty if there is no card, no block, or a broken one."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---" or "---" not in (rest := [line.strip() for line in lines[1:]]):
        return {}
    try:
        card = yaml.safe_load("\n".join(lines[1 : 1 + rest.index("---")]))
    except yaml.YAMLError:
        return {}
    return card if isinstance(card, dict) else {}
