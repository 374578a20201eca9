"""A data set from the hub: the needed files of one commit, through `HF_ENDPOINT`, kept in the hub's own cache."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.datasets.folder import judgements_of, read_card, rows_of
from koe5_demo.benchmark.datasets.layout import choose_split, config_files, table_files
from koe5_demo.benchmark.datasets.question_answer import from_belebele, from_question_answer
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.errors import DataError

_TIMEOUT_S: Final = 15.0
_HTTP_PACKAGES: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"})
"""What `huggingface_hub` has used, by version; their errors share no base class."""


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
    return spec.hub_id is not None and _cached_commit(spec) is not None


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
        info = HfApi(endpoint=_endpoint()).dataset_info(_hub_id(spec), revision=spec.revision, timeout=_TIMEOUT_S)
    except Exception as error:
        if _is_missing(error):
            raise _not_found(spec, error) from error
        if not _is_unreachable(error):
            raise
        commit = _cached_commit(spec)
        if commit is None:
            raise _unreachable(spec, error) from error
        folder = _snapshot_folder(spec, commit)
        return commit, sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    if info.sha is None:
        raise DataError("data_hub_broken", name=spec.id, endpoint=_endpoint())
    _remember(spec, info.sha)
    return info.sha, [sibling.rfilename for sibling in info.siblings or []]


def _fetch(spec: DatasetSpec, commit: str, files: Sequence[str]) -> Path:
    """Return the snapshot folder with `files` in it."""
    folder = _snapshot_folder(spec, commit)
    if all((folder / file).is_file() for file in files):
        return folder
    try:
        path = snapshot_download(
            _hub_id(spec), repo_type="dataset", revision=commit, allow_patterns=list(files), endpoint=_endpoint()
        )
    except Exception as error:
        if _is_missing(error):
            raise _not_found(spec, error) from error
        if not _is_unreachable(error):
            raise
        raise _unreachable(spec, error) from error
    missing = [file for file in files if not (Path(path) / file).is_file()]
    if missing:
        raise DataError("data_unreachable", name=spec.id, endpoint=_endpoint(), reason=f"{missing[0]} did not arrive")
    return Path(path)


def _remember(spec: DatasetSpec, commit: str) -> None:
    """Note what a branch was, where `huggingface_hub` notes it too, for the day without a network."""
    if spec.revision == commit:
        return
    ref = _repo_folder(spec) / "refs" / spec.revision
    with contextlib.suppress(OSError):  # a cache that is only to be read serves as well
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)


def _is_missing(error: Exception) -> bool:
    return isinstance(error, (RepositoryNotFoundError, RevisionNotFoundError))


def _is_unreachable(error: Exception) -> bool:
    """Whether an error is the network's or the hub's, and not a bug."""
    if isinstance(error, (HfHubHTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError, OSError)):
        return True
    return type(error).__module__.split(".")[0] in _HTTP_PACKAGES


def _cached_commit(spec: DatasetSpec) -> str | None:
    """Return the commit of a complete-looking earlier download: the pinned one, or what the branch last was."""
    ref = _repo_folder(spec) / "refs" / spec.revision
    commit = ref.read_text().strip() if ref.is_file() else spec.revision
    folder = _snapshot_folder(spec, commit)
    return commit if folder.is_dir() and any(p.name != "README.md" for p in folder.rglob("*") if p.is_file()) else None


def _repo_folder(spec: DatasetSpec) -> Path:
    return Path(constants.HF_HUB_CACHE) / f"datasets--{_hub_id(spec).replace('/', '--')}"


def _snapshot_folder(spec: DatasetSpec, commit: str) -> Path:
    return _repo_folder(spec) / "snapshots" / commit


def _hub_id(spec: DatasetSpec) -> str:
    if spec.hub_id is None:
        raise ValueError(f"{spec.id} is not on the hub")
    return spec.hub_id


def _endpoint() -> str:
    return constants.ENDPOINT


def _not_found(spec: DatasetSpec, error: Exception) -> DataError:
    key = "data_gated" if isinstance(error, GatedRepoError) else "data_not_found"
    return DataError(key, name=spec.hub_id, revision=spec.revision, endpoint=_endpoint())


def _unreachable(spec: DatasetSpec, error: Exception) -> DataError:
    told = error.strerror if isinstance(error, OSError) and error.filename else str(error)  # no path of this machine
    reason = (" ".join(str(told).split()) or type(error).__name__)[:160]
    return DataError("data_unreachable", name=spec.id, endpoint=_endpoint(), reason=reason)
