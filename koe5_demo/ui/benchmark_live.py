"""A benchmark run of the page: what is chosen, how far it is, and how it is stopped. No gradio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Final

from koe5_demo.benchmark.calibrating import calibrating
from koe5_demo.benchmark.gate import RunGate
from koe5_demo.benchmark.naming import system_sources
from koe5_demo.benchmark.progress import Phase, Progress
from koe5_demo.benchmark.run import Event as RunEvent
from koe5_demo.benchmark.run import Failure, Finished, ResultReady, RunOptions, run_suite
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.host import Phase as ModelPhase
from koe5_demo.records import Encoder
from koe5_demo.settings import Settings
from koe5_demo.ui.benchmark_offers import computing

TELL_EVERY_S: Final = 0.3


@dataclass(frozen=True)
class Choice:
    """What the visitor wants to run.

    Attributes:
        datasets: Ids of the registry.
        models: Catalog ids, or other names where the operator allows them.
        lexical: Names of lexical systems.
        fusions: Methods that fuse every chosen model with BM25.
        dtype: Arithmetic of the models, as `--dtype` names it; None takes the one that the operator chose, or fp32.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...]
    lexical: tuple[str, ...] = ()
    fusions: tuple[str, ...] = ()
    dtype: str | None = None

    @property
    def systems(self) -> tuple[str, ...]:
        """Return the names of the systems; what needs the same model stands together."""
        fused = [(model, *(f"{method}:{model}" for method in self.fusions)) for model in self.models]
        return (*self.lexical, *(name for names in fused for name in names))

    @property
    def complete(self) -> bool:
        """Return whether there is something to run."""
        return bool(self.datasets and self.systems)


@dataclass(frozen=True)
class Live:
    """How far a run is.

    Attributes:
        n_done, n_all: Pairs of data set and system that are through, failures counted.
        progress: The last step; None at the end.
        failures: What could not be had so far.
        new_result: Whether a result came since the last one.
        ended: Whether the run is over.
        stopped: Whether somebody stopped it.
    """

    n_done: int
    n_all: int
    progress: Progress | None = None
    failures: tuple[Failure, ...] = ()
    new_result: bool = False
    ended: bool = False
    stopped: bool = False


class Stops:
    """Stop signals of the runs under way, by token. Safe with threads."""

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._lock = Lock()

    def open(self, token: str) -> Event:
        """Return the signal of a run that begins."""
        with self._lock:
            return self._events.setdefault(token, Event())

    def stop(self, token: str) -> bool:
        """Ask a run to stop; whether it was under way."""
        with self._lock:
            event = self._events.get(token)
        if event is not None:
            event.set()
        return event is not None

    def close(self, token: str) -> None:
        """Forget a run that is over."""
        with self._lock:
            self._events.pop(token, None)


def run(
    choice: Choice,
    host: ModelHost,
    gate: RunGate,
    options: RunOptions,
    *,
    settings: Settings | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Live]:
    """Run what was chosen, one run at a time on this machine, telling how far it is.

    Args:
        choice: Data sets and systems.
        host: Where the models come from.
        gate: The queue.
        options: Where results go, the vector cache and the stop signal; the gate here takes the place of its own.
        settings: Where a first run of a model leaves the calibration of its scores; nowhere when None.
        clock: For tests.
    """
    n_all = len(choice.datasets) * len(choice.systems)
    for progress in _fetch_models(choice.models, host, options.should_stop):
        yield Live(0, n_all, progress)
    opened: dict[str, Encoder] = {}

    def open_model(name: str) -> Encoder:
        opened.clear()  # one model's weights at a time
        opened[name] = _open(host, name, choice.dtype)
        return opened[name]

    events = run_suite(choice.datasets, system_sources(choice.systems, open_model), replace(options, gate=gate))
    if settings is not None and options.cache is not None:
        events = calibrating(events, opened, options.cache, settings)
    yield from follow(events, choice, clock)


def follow(events: Iterator[RunEvent], choice: Choice, clock: Callable[[], float] = time.monotonic) -> Iterator[Live]:
    """Turn the events of a run into what the page shows: every result and failure at once, steps now and then."""
    live = Live(0, len(choice.datasets) * len(choice.systems))
    told = float("-inf")
    for event in events:
        live = _after(live, event, choice)
        if isinstance(event, Progress) and clock() - told < TELL_EVERY_S:
            continue
        told = clock()
        yield live
        live = replace(live, new_result=False)


def _fetch_models(names: Sequence[str], host: ModelHost, should_stop: Callable[[], bool]) -> Iterator[Progress]:
    """Have every model loaded or failed before the run takes its place in the queue."""
    for name in names:
        if host.state(name).phase is ModelPhase.READY:
            continue
        finished = host.request(name)
        while not finished.wait(TELL_EVERY_S) and not should_stop():
            state = host.state(name)
            yield Progress(Phase.LOADING_MODEL, model=name, done=state.done // 10**6, total=state.total // 10**6)


def _open(host: ModelHost, name: str, dtype: str | None) -> Encoder:
    if host.state(name).phase not in (ModelPhase.READY, ModelPhase.FAILED):
        host.request(name).wait()
    return computing(host.exact_encoder(name, dtype))


def _after(live: Live, event: RunEvent, choice: Choice) -> Live:
    if isinstance(event, Progress):
        return replace(live, progress=event)
    if isinstance(event, ResultReady):
        return replace(live, n_done=live.n_done + 1, new_result=True)
    if isinstance(event, Finished):
        return replace(live, progress=None, ended=True, stopped=event.stopped, new_result=True)
    n_lost = (1 if event.dataset else len(choice.datasets)) * (1 if event.model else len(choice.systems))
    return replace(live, n_done=min(live.n_done + n_lost, live.n_all), failures=(*live.failures, event))
