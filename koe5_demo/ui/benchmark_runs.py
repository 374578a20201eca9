"""Benchmark runs on disk: the shipped one and those made on this machine. No gradio.

A run is a folder as `run_suite` writes it. A result is named by a key, `RUN/MODEL/DATASET`; keys and run ids come back
from browsers, so a path is only ever taken from a listing of what is there.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.results import RunResult, find_results, load_result
from koe5_demo.catalog import ASSETS
from koe5_demo.errors import DataError

logger = logging.getLogger(__name__)

SHIPPED: Final = "shipped"
_RUNS_KEPT: Final = 50
_RESULTS_IN_MEMORY: Final = 64
_STAMP: Final = "%Y%m%d-%H%M%S"
_ORDER: Final = {name: place for place, name in enumerate(DATASETS)}


@dataclass(frozen=True)
class SavedRun:
    """A run on disk.

    Attributes:
        id: `SHIPPED`, or the name of its folder.
        started: When it began, UTC; None for the shipped one.
        models, datasets: What it holds, as files name it.
        paths: Its result files.
    """

    id: str
    started: datetime | None
    models: tuple[str, ...]
    datasets: tuple[str, ...]
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class StoredResult:
    """A result and where it lies."""

    key: str
    path: Path
    result: RunResult

    @property
    def run_id(self) -> str:
        """Return the run that it belongs to."""
        return self.key.split("/", 1)[0]


class RunStore:
    """The runs that the page can show.

    Args:
        folder: Where runs of this machine are kept; made when needed.
        shipped: The run that comes with the project.
    """

    def __init__(self, folder: Path, shipped: Path = ASSETS / "runs") -> None:
        self._folder = folder
        self._shipped = shipped

    def new_run(self) -> str:
        """Return an id for a run that begins now; the oldest runs beyond fifty are deleted."""
        for run in [run for run in self.runs() if run.id != SHIPPED][_RUNS_KEPT - 1 :]:
            shutil.rmtree(self._folder / run.id, ignore_errors=True)
        return f"{datetime.now(timezone.utc).strftime(_STAMP)}-{secrets.token_hex(2)}"

    def folder_of(self, run_id: str) -> Path:
        """Return where the results of a new run go."""
        return self._folder / run_id

    def runs(self) -> list[SavedRun]:
        """Return every run that has a result, newest first, the shipped one last."""
        folders = sorted((path for path in _folders(self._folder) if _started(path.name)), reverse=True)
        found = [(path.name, path) for path in folders]
        if self._shipped.is_dir():
            found.append((SHIPPED, self._shipped))
        return [run for run_id, folder in found if (run := _saved_run(run_id, folder)) is not None]

    def results(self, run_id: str) -> list[StoredResult]:
        """Return the results of a run by data set: models, then fusions, then lexical search.

        An unknown run has none. A file that cannot be read is left out, and the log says so.
        """
        run = next((run for run in self.runs() if run.id == run_id), None)
        return sorted(_stored(run), key=_place) if run is not None else []

    def result(self, key: str) -> StoredResult:
        """Return one result.

        Raises:
            DataError: If there is none of that name, or it is broken.
        """
        for run in self.runs():
            for path in run.paths:
                if _key(run.id, path) == key:
                    return StoredResult(key, path, _load(path, path.stat().st_mtime_ns))
        raise DataError("data_not_a_run", name=key)

    def alike(self, stored: StoredResult) -> list[StoredResult]:
        """Return the other results on the same data: those of the same run first, then newer runs before older ones."""
        content = stored.result.manifest.data["content"]
        runs = sorted(self.runs(), key=lambda run: run.id != stored.run_id)
        others = (other for run in runs for other in sorted(_stored(run), key=_place))
        return [o for o in others if o.key != stored.key and o.result.manifest.data["content"] == content]


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _started(run_id: str) -> datetime | None:
    try:
        return datetime.strptime(run_id.rpartition("-")[0], _STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _saved_run(run_id: str, folder: Path) -> SavedRun | None:
    try:
        paths = tuple(find_results(folder))
    except DataError:
        return None
    models = dict.fromkeys(path.parent.name for path in paths)
    datasets = dict.fromkeys(path.stem for path in paths)
    return SavedRun(run_id, _started(run_id), tuple(models), tuple(datasets), paths)


def _stored(run: SavedRun) -> Iterator[StoredResult]:
    for path in run.paths:
        try:
            result = _load(path, path.stat().st_mtime_ns)
        except (DataError, OSError) as error:
            logger.warning("left out of the page: %s", error)
            continue
        yield StoredResult(_key(run.id, path), path, result)


def _key(run_id: str, path: Path) -> str:
    return f"{run_id}/{path.parent.name}/{path.stem}"


def _place(stored: StoredResult) -> tuple[int, int, str]:
    model = stored.result.manifest.model
    kind = 2 if not model["dimensions"] else int(":" in stored.result.model)
    return _ORDER.get(stored.result.dataset, len(_ORDER)), kind, stored.result.model


@lru_cache(maxsize=_RESULTS_IN_MEMORY)
def _load(path: Path, _changed_ns: int) -> RunResult:
    return load_result(path)
