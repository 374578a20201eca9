"""A data set from the hub: the needed files of one commit, through `HF_ENDPOINT`, kept in the hub's own cache.

Sets that are stored as questions beside answers or passages become corpus, queries and judgements as MTEB makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.assembly import Row, Tables, assemble
from koe5_demo.benchmark.datasets.folder import (
    choose_files,
    choose_split,
    config_files,
    read_card,
    read_tables,
    rows_of,
)
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.encoding.hub import RemoteFile, Repository, endpoint
from koe5_demo.errors import DataError, HubError
from koe5_demo.tables import text_of

_TIMEOUT_S: Final = 15.0


def read_hub(spec: DatasetSpec) -> RetrievalData:
    """Download what is missing and read a data set of the hub.

    A branch (`main`) is resolved to a commit first, and that commit is recorded in the data. With the hub out of reach
    the files of an earlier download are used.

    Raises:
        DataError: If the set cannot be had (the message says why and what to do) or is broken.
    """
    commit, files = _listing(spec)
    card = read_card(_fetch(spec, commit, ["README.md"]) / "README.md") if "README.md" in files else {}
    tables: Tables
    if spec.layout == "mteb":
        _, parts = choose_files(files, card, spec.subset, spec.split, spec.id)
        wanted = [file for part in parts.values() for file in part]
        folder = _fetch(spec, commit, wanted)
        tables = read_tables({file: folder / file for file in wanted}, parts)
    else:
        config = spec.subset.split("-")[0] if spec.layout == "belebele" else spec.subset
        splits = config_files(files, card, config) or _named_file(files, config)
        if not splits:
            raise DataError("data_no_table", table=config, subset=spec.subset, found=", ".join(sorted(files)[:8]))
        _, part = choose_split(splits, spec.split, spec.id)
        folder = _fetch(spec, commit, part)
        rows = rows_of({file: folder / file for file in part}, part)
        tables = from_belebele(rows) if spec.layout == "belebele" else from_question_answer(rows)
    return assemble(
        *tables,
        name=spec.id,
        task=spec.task,
        subset=spec.subset,
        split=spec.split,
        revision=commit,
        source=spec.hub_id or "",
        licence=spec.licence,
    )


def is_cached(spec: DatasetSpec) -> bool:
    """Whether an earlier download of this revision lies in the hub's cache (asks no network)."""
    return spec.hub_id is not None and _cached(spec) is not None


def from_question_answer(rows: Iterable[Row]) -> Tables:
    """Read rows with `question` and `answer`: equal texts share an id (`Q0`, `Q1`, ... and `D0`, ...).

    Ids count the distinct texts of the whole table; a row with either blank gives no judgement.

    Raises:
        DataError: If a column is missing.
    """
    pairs = _columns(rows, ("question", "answer"))
    question_ids = _numbered("Q", [question for question, _ in pairs if question])
    answer_ids = _numbered("D", [answer for _, answer in pairs if answer])
    complete = [(question, answer) for question, answer in pairs if question and answer]
    corpus: list[Row] = [{"_id": answer_ids[text], "text": text} for text in dict.fromkeys(a for _, a in complete)]
    queries: list[Row] = [{"_id": question_ids[text], "text": text} for text in dict.fromkeys(q for q, _ in complete)]
    return corpus, queries, _judgements([(question_ids[q], answer_ids[a]) for q, a in complete])


def from_belebele(rows: Iterable[Row]) -> Tables:
    """Read Belebele: one document a `link` (its first `flores_passage`), one query a distinct `question`.

    Raises:
        DataError: If a column is missing.
    """
    table = _columns(rows, ("link", "flores_passage", "question"))
    passages: dict[str, str] = {}
    for link, passage, _ in table:
        passages.setdefault(link, passage)
    link_ids = _numbered("C", list(passages))
    question_ids = _numbered("Q", [question for _, _, question in table])
    corpus: list[Row] = [{"_id": link_ids[link], "text": text} for link, text in passages.items()]
    queries: list[Row] = [{"_id": id_, "text": text} for text, id_ in question_ids.items()]
    return corpus, queries, _judgements([(question_ids[question], link_ids[link]) for link, _, question in table])


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


def _columns(rows: Iterable[Row], names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return some columns of all rows as text.

    Raises:
        DataError: If one is missing.
    """
    table: list[tuple[str, ...]] = []
    for row in rows:
        missing = [name for name in names if name not in row]
        if missing:
            raise DataError("data_no_column", name="-", column=missing[0], valid=", ".join(map(str, row)))
        table.append(tuple(text_of(row[name]) for name in names))
    return table


def _numbered(letter: str, texts: Sequence[str]) -> dict[str, str]:
    return {text: f"{letter}{n}" for n, text in enumerate(dict.fromkeys(texts))}


def _judgements(pairs: Iterable[tuple[str, str]]) -> list[Row]:
    return [
        {"query-id": query_id, "corpus-id": document_id, "score": 1} for query_id, document_id in dict.fromkeys(pairs)
    ]
