"""Which files of a repository or folder hold a configuration's split. Knows names only, opens nothing.

A data card's `configs` decide where there is one, as for the `datasets` package; otherwise names do: `corpus.jsonl`,
`corpus/…`, `queries/test-00000-of-00001.parquet`, `qrels/test.tsv`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Final

from koe5_demo.errors import DataError
from koe5_demo.tables import KINDS, file_kind

Splits = dict[str, list[str]]
"""Split name -> files, in order."""

_SHARD: Final = re.compile(r"-\d{5}-of-\d{5}.*$|-[0-9a-f]{16}$")
_PREFERRED_SPLITS: Final = ("test", "dev", "validation", "valid", "val", "train")
_QRELS_FOLDERS: Final = ("qrels", "data", "default")


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
            patterns = _patterns(entry.get("data_files"))
            splits = {split: _matching(files, globs) for split, globs in patterns.items()}
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


def _matching(files: Sequence[str], globs: Sequence[str]) -> list[str]:
    return sorted(file for file in files if any(fnmatchcase(file, glob) for glob in globs))


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
