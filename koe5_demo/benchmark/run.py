"""A run: data sets x systems, as an iterator of events that can be stopped at any moment. Knows no page, no terminal.

What is done is kept: each result is written when it is there, vectors are on disk portion by portion. A data set or a
model that cannot be had becomes a `Failure`, and the rest runs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.benchmark.gate import RunGate
from koe5_demo.benchmark.manifest import make_manifest
from koe5_demo.benchmark.metrics import TIE_RULE, average, score_queries
from koe5_demo.benchmark.naming import SystemSource
from koe5_demo.benchmark.progress import Phase, Progress
from koe5_demo.benchmark.results import RunResult, load_result, result_of, result_path, save_result
from koe5_demo.benchmark.systems import Ranked, System
from koe5_demo.benchmark.vector_cache import VectorCache
from koe5_demo.benchmark.vectors import ShouldStop, StoppedError
from koe5_demo.errors import DataError, DemoError

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


Event = Progress | ResultReady | Failure | Finished


@dataclass(frozen=True)
class RunOptions:
    """How to run.

    Attributes:
        cache: Where vectors are kept; a temporary folder when None.
        output: Where results are written; nowhere when None.
        resume: Whether a result in `output` of the same model, data and tie rule stands for a new one.
        gate: The queue; no waiting when None.
        device: Whose queue.
        should_stop: Asked often; True ends the run after the portion under way.
    """

    cache: VectorCache | None = None
    output: Path | None = None
    resume: bool = False
    gate: RunGate | None = None
    device: str = "cpu"
    should_stop: ShouldStop = field(default=lambda: False)


def run_suite(
    datasets: Sequence[DatasetChoice], systems: Sequence[SystemSource], options: RunOptions | None = None
) -> Iterator[Event]:
    """Run every system on every data set.

    Args:
        datasets: Records, names, folders or data.
        systems: What ranks; each is opened when its turn comes, and let go after.
        options: Cache, output, queue, stop.

    Yields:
        Progress often; `ResultReady` and `Failure` as they come; `Finished` last, also after a stop.
    """
    options = options or RunOptions()
    if options.gate is None:
        yield from _with_cache(datasets, systems, options)
        return
    with options.gate.queue(options.device) as ticket:
        while not ticket.wait(0):
            yield Progress(Phase.WAITING, done=ticket.ahead)
            if options.should_stop():
                yield Finished((), (), stopped=True)
                return
            ticket.wait(_QUEUE_POLL_S)
        yield from _with_cache(datasets, systems, options)


def finished(events: Iterator[Event]) -> Finished:
    """Run to the end and return the last event."""
    return next(event for event in events if isinstance(event, Finished))


def _with_cache(
    datasets: Sequence[DatasetChoice], systems: Sequence[SystemSource], options: RunOptions
) -> Iterator[Event]:
    if options.cache is not None:
        try:
            yield from _run(datasets, systems, options, options.cache)
        finally:
            options.cache.evict()
        return
    with tempfile.TemporaryDirectory(prefix="koe5-vectors-") as folder:
        yield from _run(datasets, systems, options, VectorCache(Path(folder)))


def _run(
    datasets: Sequence[DatasetChoice], systems: Sequence[SystemSource], options: RunOptions, cache: VectorCache
) -> Iterator[Event]:
    results: list[RunResult] = []
    failures: list[Failure] = []
    try:
        for event in _events(datasets, systems, options, cache):
            if isinstance(event, ResultReady):
                results.append(event.result)
            elif isinstance(event, Failure):
                failures.append(event)
            yield event
    except StoppedError:
        yield Finished(tuple(results), tuple(failures), stopped=True)
        return
    yield Finished(tuple(results), tuple(failures))


def _events(
    datasets: Sequence[DatasetChoice], systems: Sequence[SystemSource], options: RunOptions, cache: VectorCache
) -> Iterator[Event]:
    loaded: list[tuple[RetrievalData, float]] = []
    for choice in datasets:
        _check(options)
        name = _name(choice)
        yield Progress(Phase.LOADING_DATA, dataset=name)
        start = time.perf_counter()
        try:
            data = choice if isinstance(choice, RetrievalData) else read_dataset(choice)
        except DemoError as error:
            yield Failure(name, "", error)
            continue
        loaded.append((data, time.perf_counter() - start))
    for source in systems if loaded else ():
        _check(options)
        yield Progress(Phase.LOADING_MODEL, model=source.name)
        try:
            system = source.open()
        except DemoError as error:
            yield Failure("", source.name, error)
            continue
        for data, seconds in loaded:
            _check(options)
            try:
                yield from _one(system, data, seconds, options, cache)
            except DemoError as error:
                yield Failure(data.name, source.name, error)


def _one(
    system: System, data: RetrievalData, load_data_s: float, options: RunOptions, cache: VectorCache
) -> Iterator[Event]:
    info = system.info
    stored = _stored(system, data, options)
    if stored is not None:
        yield stored
        return
    ranked = yield from _named(system.rank(data, cache, options.should_stop), data.name, info.id)
    yield Progress(Phase.SCORING, data.name, info.id)
    start = time.perf_counter()
    per_query = score_queries(ranked.rankings, data.query_ids, data.document_ids, data.qrels)
    metrics = average(per_query)
    manifest = make_manifest(info, data, ranked, load_data_s=load_data_s, score_s=time.perf_counter() - start)
    result = result_of(manifest, metrics, per_query, data, ranked)
    path = None
    if options.output is not None:
        yield Progress(Phase.WRITING, data.name, info.id)
        path = save_result(result, options.output)
    yield ResultReady(result, path=path)


def _named(steps: Generator[Progress, None, Ranked], dataset: str, model: str) -> Generator[Progress, None, Ranked]:
    """Pass steps on with names filled in, and the return value with them."""
    try:
        while True:
            yield next(steps).about(dataset, model)
    except StopIteration as end:
        ranked: Ranked = end.value
        return ranked


def _stored(system: System, data: RetrievalData, options: RunOptions) -> ResultReady | None:
    """Return the result of an earlier run, if it may stand for this one."""
    if not options.resume or options.output is None:
        return None
    path = result_path(options.output, system.info.id, data.name)
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
