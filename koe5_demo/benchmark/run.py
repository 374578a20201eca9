"""A run: data sets x systems, as an iterator of events that can be stopped at any moment. Knows no page, no terminal.

What is done is kept: each result is written when it is there, vectors are on disk portion by portion. A data set or a
model that cannot be had becomes a `Failure`, and the rest runs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.benchmark.metrics import TIE_RULE, average, score_queries
from koe5_demo.benchmark.progress import RunPhase, RunProgress, RunQueue, ShouldStop, StoppedError
from koe5_demo.benchmark.rankings import Ranked
from koe5_demo.benchmark.result_files import load_result, result_path, save_result, trec_id
from koe5_demo.benchmark.results import RunResult, describe_data, describe_model, make_manifest, result_of
from koe5_demo.benchmark.stored_vectors import DiskVectors, UnwritableError
from koe5_demo.benchmark.systems import System, SystemSource
from koe5_demo.errors import DataError, DemoError
from koe5_demo.records import Notice
from koe5_demo.words import Language

_QUEUE_POLL_S: Final = 0.5

DatasetChoice = DatasetSpec | Path | str | RetrievalData


@dataclass(frozen=True)
class ResultReady:
    """A system is through with a data set.

    Attributes:
        result: The numbers.
        resumed: Whether it was read from an earlier run's output.
        path: Where it was written; None without an output folder.
    """

    result: RunResult
    resumed: bool = False
    path: Path | None = None


@dataclass(frozen=True)
class Failure:
    """Something could not be had; the rest goes on.

    Attributes:
        dataset, model: What; empty where all of them are meant.
        error: Why and what to do.
    """

    dataset: str
    model: str
    error: DemoError


@dataclass(frozen=True)
class Finished:
    """The last event.

    Attributes:
        results: All results, in order.
        failures: All failures.
        stopped: Whether the run was stopped before its end.
    """

    results: tuple[RunResult, ...]
    failures: tuple[Failure, ...]
    stopped: bool = False


RunEvent = RunProgress | Notice | ResultReady | Failure | Finished


@dataclass(frozen=True)
class RunOptions:
    """How to run.

    Attributes:
        cache: Where vectors are kept; a temporary folder when None, and from when on it cannot be written to.
        output: Where results are written; nowhere when None.
        resume: Whether a result in `output` of the same model, data and tie rule stands for a new one.
        queue: Where the run waits for its turn; no waiting when None.
        device: Whose queue.
        should_stop: Asked often; True ends the run after the portion under way.
    """

    cache: DiskVectors | None = None
    output: Path | None = None
    resume: bool = False
    queue: RunQueue | None = None
    device: str = "cpu"
    should_stop: ShouldStop = field(default=lambda: False)


def run_suite(
    datasets: Sequence[DatasetChoice], systems: Sequence[SystemSource], options: RunOptions | None = None
) -> Iterator[RunEvent]:
    """Run every system on every data set.

    Args:
        datasets: Records, names, folders or data.
        systems: What ranks; each is opened when its turn comes, and let go after.
        options: Cache, output, queue, stop.

    Yields:
        RunProgress often; `ResultReady` and `Failure` as they come, a `Notice` where something else should be known;
        `Finished` last, also after a stop.
    """
    options = options or RunOptions()
    results: list[RunResult] = []
    failures: list[Failure] = []
    stopped = False
    with ExitStack() as stack:
        if (queue := options.queue) is not None:
            options = replace(options, should_stop=queue.lets_others_first(options.should_stop))
            turn = stack.enter_context(queue.place(options.device))
            while not turn.wait(0):
                yield RunProgress(RunPhase.WAITING, done=turn.ahead)
                if options.should_stop():
                    yield Finished((), (), stopped=True)
                    return
                turn.wait(_QUEUE_POLL_S)
        vectors = _VectorPlace(options.cache, stack)
        try:
            for event in _events(datasets, systems, options, vectors):
                if isinstance(event, ResultReady):
                    results.append(event.result)
                elif isinstance(event, Failure):
                    failures.append(event)
                yield event
        except StoppedError:
            stopped = True
    yield Finished(tuple(results), tuple(failures), stopped)


def finished(events: Iterator[RunEvent]) -> Finished:
    """Run to the end and return the last event."""
    return next(event for event in events if isinstance(event, Finished))


class _VectorPlace:
    """Where one run keeps its vectors: the cache it was given, or a folder of its own that goes when the run is over.

    Args:
        given: The cache, if there is one; its bound is seen to when the run is over.
        stack: What ends with the run.
    """

    def __init__(self, given: DiskVectors | None, stack: ExitStack) -> None:
        self._given = given
        self._stack = stack
        if given is not None:
            stack.callback(given.evict)
        self.cache = given or self._own_folder()

    def leave(self, error: UnwritableError) -> None:
        """Use a folder of its own from now on; raises the error where that is what it does already."""
        if self.cache is not self._given:
            raise error
        self.cache = self._own_folder()

    def _own_folder(self) -> DiskVectors:
        return DiskVectors(Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="koe5-vectors-"))))


def _events(
    datasets: Sequence[DatasetChoice], systems: Sequence[SystemSource], options: RunOptions, vectors: _VectorPlace
) -> Iterator[RunEvent]:
    loaded: list[tuple[RetrievalData, float]] = []
    for choice in datasets:
        _check(options)
        name = _name(choice)
        yield RunProgress(RunPhase.LOADING_DATA, dataset=name)
        start = time.perf_counter()
        try:
            data = choice if isinstance(choice, RetrievalData) else read_dataset(choice)
        except DemoError as error:
            yield Failure(name, "", error)
            continue
        loaded.append((data, time.perf_counter() - start))
    for source in systems if loaded else ():
        _check(options)
        yield RunProgress(RunPhase.LOADING_MODEL, model=source.name)
        try:
            system = source.open()
        except DemoError as error:
            yield Failure("", source.name, error)
            continue
        for data, seconds in loaded:
            _check(options)
            try:
                yield from _one(system, data, seconds, options, vectors)
            except DemoError as error:
                yield Failure(data.name, source.name, error)


def _one(
    system: System, data: RetrievalData, load_data_s: float, options: RunOptions, vectors: _VectorPlace
) -> Iterator[RunEvent]:
    info, notes = system.info, []
    resumed = _resumed(system, data, options)
    if resumed is not None:
        yield resumed
        return
    try:
        ranked = yield from _named(system.rank(data, vectors.cache, options.should_stop), data.name, info.id)
    except UnwritableError as error:
        vectors.leave(error)
        notes.append(Notice("notice_uncached", {"reason": error.values["reason"]}))
        yield notes[-1]
        ranked = yield from _named(system.rank(data, vectors.cache, options.should_stop), data.name, info.id)
    yield RunProgress(RunPhase.SCORING, data.name, info.id)
    start = time.perf_counter()
    per_query = score_queries(ranked.rankings, data.query_ids, data.document_ids, data.qrels)
    metrics = average(per_query)
    manifest = make_manifest(info, data, ranked, load_data_s=load_data_s, score_s=time.perf_counter() - start)
    if options.output is not None and any(trec_id(id_) != id_ for id_ in (*data.query_ids, *data.document_ids)):
        notes.append(Notice("notice_trec_ids"))
        yield notes[-1]
    manifest.notes.extend(note.text(Language.EN) for note in notes)
    result = result_of(manifest, metrics, per_query, data, ranked)
    path = None
    if options.output is not None:
        yield RunProgress(RunPhase.WRITING, data.name, info.id)
        path = save_result(result, options.output)
    yield ResultReady(result, path=path)


def _named(
    steps: Generator[RunProgress, None, Ranked], dataset: str, model: str
) -> Generator[RunProgress, None, Ranked]:
    """Pass steps on with names filled in, and the return value with them."""
    try:
        while True:
            yield replace(next(steps), dataset=dataset, model=model)
    except StopIteration as end:
        ranked: Ranked = end.value
        return ranked


def _resumed(system: System, data: RetrievalData, options: RunOptions) -> ResultReady | None:
    """Return the result of an earlier run, if it may stand for this one."""
    if not options.resume or options.output is None:
        return None
    path = result_path(options.output, describe_model(system.info), describe_data(data))
    if not path.is_file():
        return None
    try:
        result = load_result(path)
    except DataError:
        return None
    same = result.manifest.identity() == (system.info.fingerprint, data.content_hash(), TIE_RULE)
    return ResultReady(result, resumed=True, path=path) if same else None


def _check(options: RunOptions) -> None:
    if options.should_stop():
        raise StoppedError


def _name(choice: DatasetChoice) -> str:
    if isinstance(choice, DatasetSpec):
        return choice.id
    return choice.name if isinstance(choice, (Path, RetrievalData)) else choice
