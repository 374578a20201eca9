"""A data set from the hub: the needed files of one commit, through `HF_ENDPOINT`, kept in the hub's own cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.datasets.folder import judgements_of, read_card, rows_of
from koe5_demo.benchmark.datasets.layout import choose_split, config_files, table_files
from koe5_demo.benchmark.datasets.question_answer import from_belebele, from_question_answer
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.encoding.hub import RemoteFile, Repository, endpoint
from koe5_demo.errors import DataError, HubError

_TIMEOUT_S: Final = 15.0


def read_hub(spec: DatasetSpec) -> RetrievalData:
    """Download what is missing and read a data set of the hub.

    A branch (`main`) is resolved to a commit first, and that commit is recorded in the data. With the hub out of reach
    the files of an earlier download are used.

    Raises:
        DataError: If the set cannot be had (the message says why and what to do) or is broken.
    """
    commit, files = _listing(spec)
    card_folder = _fetch(spec, commit, ["README.md"]) if "README.md" in files else None
    card = read_card(card_folder / "README.md") if card_folder else {}
    if spec.layout == "mteb":
        found = {table: table_files(files, card, table, spec.subset) for table in ("corpus", "queries", "qrels")}
        parts = {table: choose_split(splits, spec.split, spec.id)[1] for table, splits in found.items()}
        folder = _fetch(spec, commit, [file for part in parts.values() for file in part])
        corpus, queries = (rows_of(folder, parts[table]) for table in ("corpus", "queries"))
        return _assembled(spec, commit, (corpus, queries, judgements_of(folder, parts["qrels"])))
    config = spec.subset.split("-")[0] if spec.layout == "belebele" else spec.subset
    splits = config_files(files, card, config) or _named_file(files, config)
    if not splits:
        raise DataError("data_no_table", table=config, subset=spec.subset, found=", ".join(sorted(files)[:8]))
    _, part = choose_split(splits, spec.split, spec.id)
    rows = rows_of(_fetch(spec, commit, part), part)
    return _assembled(spec, commit, from_belebele(rows) if spec.layout == "belebele" else from_question_answer(rows))


def is_cached(spec: DatasetSpec) -> bool:
    """Whether an earlier download of this revision lies in the hub's cache (asks no network)."""
    return spec.hub_id is not None and _cached(spec) is not None


def _assembled(spec: DatasetSpec, commit: str, tables: tuple[object, object, object]) -> RetrievalData:
    corpus, queries, judgements = tables
    return assemble(
        corpus,  # type: ignore[arg-type]  # three iterables of rows, from either layout
        queries,  # type: ignore[arg-type]
        judgements,  # type: ignore[arg-type]
        name=spec.id,
        task=spec.task,
        subset=spec.subset,
        split=spec.split,
        revision=commit,
        source=spec.hub_id or "",
        licence=spec.licence,
    )


def _named_file(files: Sequence[str], config: str) -> dict[str, list[str]]:
    """Find `data/korean.csv` for the configuration `korean` of a repository without a card."""
    found = [file for file in files if Path(file).stem == config]
    return {"train": found[:1]} if found else {}


def _listing(spec: DatasetSpec) -> tuple[str, list[str]]:
    """Return the commit of the wanted revision and its files: from the hub, else from an earlier download."""
    try:
        commit, files = _repository(spec).listing(_TIMEOUT_S)
    except HubError as error:
        folder = _cached(spec)
        if error.key == "hub_not_found" or folder is None:
            raise _told(spec, error) from error
        return folder.name, sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return commit, [file.path for file in files]


def _fetch(spec: DatasetSpec, commit: str, files: Sequence[str]) -> Path:
    """Return the snapshot folder with `files` in it."""
    try:
        return _repository(spec).fetch(commit, [RemoteFile(file, 0) for file in files], timeout=_TIMEOUT_S)
    except HubError as error:
        raise _told(spec, error) from error


def _cached(spec: DatasetSpec) -> Path | None:
    """Return the folder of a complete-looking earlier download: the pinned revision, or what the branch last was."""
    folder = _repository(spec).cached()
    has_data = folder is not None and any(p.name != "README.md" for p in folder.rglob("*") if p.is_file())
    return folder if has_data else None


def _repository(spec: DatasetSpec) -> Repository:
    if spec.hub_id is None:
        raise ValueError(f"{spec.id} is not on the hub")
    return Repository(spec.hub_id, spec.revision, "dataset")


def _told(spec: DatasetSpec, error: HubError) -> DataError:
    """Return the error in words for data sets."""
    if error.key == "hub_not_found":
        gated = type(error.__cause__).__name__ == "GatedRepoError"
        key = "data_gated" if gated else "data_not_found"
        return DataError(key, name=spec.hub_id, revision=spec.revision, endpoint=endpoint())
    return DataError("data_unreachable", name=spec.id, endpoint=endpoint(), reason=error.values.get("reason", ""))
