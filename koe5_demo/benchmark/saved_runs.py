"""The runs of a folder, as the page finds them.

A run is a folder of results. A result is named by a key, `RUN/MODEL/DATASET`; keys and run ids come back from browsers,
so a path is only ever taken from a listing of what is there.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.compare import PairedComparison, compare_results
from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.result_files import find_results, load_result
from koe5_demo.benchmark.results import RunResult
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
        paths: Its result files.
    """

    id: str
    started: datetime | None
    paths: tuple[Path, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The systems that it holds, as files name them."""
        return tuple(dict.fromkeys(path.parent.name for path in self.paths))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that it holds, as files name them."""
        return tuple(dict.fromkeys(path.stem for path in self.paths))


@dataclass(frozen=True)
class SavedResult:
    """A result and where it lies."""

    key: str
    path: Path
    result: RunResult

    @property
    def run_id(self) -> str:
        """The id of its run: what the key begins with."""
        return self.key.split("/", 1)[0]


class SavedRuns:
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
        present = self._folder.iterdir() if self._folder.is_dir() else ()
        folders = sorted((path for path in present if path.is_dir() and _started(path.name)), reverse=True)
        places = [(path.name, path) for path in folders]
        if self._shipped.is_dir():
            places.append((SHIPPED, self._shipped))
        runs = []
        for run_id, folder in places:
            with suppress(DataError):  # a run without a result yet
                runs.append(SavedRun(run_id, _started(run_id), tuple(find_results(folder))))
        return runs

    def results(self, run_id: str) -> list[SavedResult]:
        """Return the results of a run by data set: models, then fusions, then lexical search.

        An unknown run has none. A file that cannot be read is left out, and the log says so.
        """
        run = next((run for run in self.runs() if run.id == run_id), None)
        return sorted(_saved_results(run), key=_place) if run is not None else []

    def newest(self, datasets: Collection[str]) -> list[SavedResult]:
        """Return the newest result of each system on each of some data sets, whichever runs they are of."""
        found: dict[tuple[str, str], SavedResult] = {}
        for run in self.runs():
            fresh = [path for path in run.paths if path.stem in datasets and (path.parent.name, path.stem) not in found]
            for saved in _saved_results(replace(run, paths=tuple(fresh))):
                found[saved.path.parent.name, saved.path.stem] = saved
        return sorted(found.values(), key=_place)

    def result(self, key: str) -> SavedResult:
        """Return one result.

        Raises:
            DataError: If there is none of that name, or it is broken.
        """
        for run in self.runs():
            for path in run.paths:
                if _key(run.id, path) == key:
                    return SavedResult(key, path, _load(path, path.stat().st_mtime_ns))
        raise DataError("data_not_a_run", name=key)

    def alike(self, saved: SavedResult) -> list[SavedResult]:
        """Return the other results on the same data: those of the same run first, then newer runs before older ones."""
        content = saved.result.manifest.data["content"]
        runs = sorted(self.runs(), key=lambda run: run.id != saved.run_id)
        others = (other for run in runs for other in sorted(_saved_results(run), key=_place))
        return [o for o in others if o.key != saved.key and o.result.manifest.data["content"] == content]


def compare_saved(a: SavedResult, b: SavedResult) -> PairedComparison:
    """Compare two results on the same data; what was compared lately is not computed again.

    Raises:
        DataError: If the data differ.
    """
    return _compared(a.path, b.path, (a.result.manifest.date, b.result.manifest.date))


def _started(run_id: str) -> datetime | None:
    try:
        return datetime.strptime(run_id.rpartition("-")[0], _STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _saved_results(run: SavedRun) -> Iterator[SavedResult]:
    for path in run.paths:
        try:
            result = _load(path, path.stat().st_mtime_ns)
        except (DataError, OSError) as error:
            logger.warning("left out of the page: %s", error)
            continue
        yield SavedResult(_key(run.id, path), path, result)


def _key(run_id: str, path: Path) -> str:
    return f"{run_id}/{path.parent.name}/{path.stem}"


def _place(saved: SavedResult) -> tuple[int, int, str]:
    model = saved.result.manifest.model
    kind = 2 if not model["dimensions"] else int(":" in saved.result.model)
    return _ORDER.get(saved.result.dataset, len(_ORDER)), kind, saved.result.model


@lru_cache(maxsize=_RESULTS_IN_MEMORY)
def _load(path: Path, _changed_ns: int) -> RunResult:
    return load_result(path)


@lru_cache(maxsize=_RESULTS_IN_MEMORY)
def _compared(path_a: Path, path_b: Path, _dates: tuple[str, str]) -> PairedComparison:
    return compare_results(load_result(path_a), load_result(path_b))
