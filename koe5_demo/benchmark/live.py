"""Benchmarks behind a page: what can be run and how long it takes, a run under way, its progress, stop and queue."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from threading import Event, Lock
from typing import Final, Literal

from huggingface_hub import constants

from koe5_demo.benchmark.calibrating import calibrating
from koe5_demo.benchmark.datasets.records import BYTES_PER_TOKEN, DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.registry import DATASETS, SUITE, kept_dataset, on_this_machine
from koe5_demo.benchmark.own.reading import too_long
from koe5_demo.benchmark.progress import RunPhase, RunProgress, RunQueue, ShouldStop
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.run import Failure, Finished, ResultReady, RunEvent, RunOptions, run_suite
from koe5_demo.benchmark.saved_runs import SavedRuns
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import LEXICAL_NAMES, system_sources
from koe5_demo.catalog import CATALOG, EMBEDDED_MODEL, KOE5
from koe5_demo.encoding.cache import CachingEncoder
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.host import Phase as ModelPhase
from koe5_demo.encoding.hub import cached_folder
from koe5_demo.errors import InputError
from koe5_demo.records import Encoder, Notice, Role
from koe5_demo.settings import Settings

TELL_EVERY_S: Final = 0.3
SAMPLE_TEXTS: Final = 24
_MEGABYTE: Final = 10**6

Availability = Literal["ready", "here", "download", "absent"]


@dataclass(frozen=True)
class RunChoice:
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
class RunState:
    """How far a run is.

    Attributes:
        n_done, n_all: Pairs of data set and system that are through, failures counted.
        run_id: Where its results are, see `SavedRuns`.
        progress: The last step; None at the end.
        failures: What could not be had so far.
        notices: What else should be known.
        new_result: Whether a result came since the last one.
        result: The result that came; None where none did.
        ended: Whether the run is over.
        stopped: Whether somebody stopped it.
    """

    n_done: int
    n_all: int
    run_id: str = ""
    progress: RunProgress | None = None
    failures: tuple[Failure, ...] = ()
    notices: tuple[Notice, ...] = ()
    new_result: bool = False
    result: RunResult | None = None
    ended: bool = False
    stopped: bool = False


@dataclass(frozen=True)
class ModelOffer:
    """A model that can be chosen, or why it cannot."""

    name: str
    availability: Availability
    download_mb: int = 0


@dataclass(frozen=True)
class DatasetOffer:
    """A data set that can be chosen.

    Attributes:
        spec: Its record; of a set on disk with the sizes that it has.
        here: Whether it can be read without a network.
        seconds: Estimated time to encode it with the chosen models; None where a speed is not known.
        reachable: Whether the hub, which has it, answered when it was last asked.
    """

    spec: DatasetSpec
    here: bool
    seconds: float | None
    reachable: bool = True


class LiveBenchmarks:
    """The benchmarks of one running program. Safe with threads.

    Args:
        host: Where models come from.
        settings: Where runs, vectors and calibrations are kept, and on which device runs take turns.
        queue: Shared with every other way to start a run.
    """

    def __init__(self, host: ModelHost, settings: Settings, queue: RunQueue) -> None:
        self.saved = SavedRuns(settings.data_dir / "runs")
        self._host = host
        self._settings = settings
        self._queue = queue
        self._cache = DiskVectors(settings.data_dir / "vectors", settings.disk_cache_mb * _MEGABYTE)
        self._stops: dict[str, Event] = {}
        self._own_runs: set[str] = set()
        self._speeds: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def models(self) -> list[ModelOffer]:
        """Return every model with what it takes to run it."""
        return [model_offer(self._host, name) for name in self._host.names]

    def datasets(self, models: Sequence[str]) -> list[DatasetOffer]:
        """Return every known data set, with an estimate for the chosen models."""
        speeds = [speed for name in models if (speed := self._speed(name)) is not None]
        reachable = all(offer.availability != "absent" for offer in self.models())
        offers = []
        for known in DATASETS.values():
            spec, here, seconds = known, on_this_machine(known), None
            if known.folder is not None and here:
                data = kept_dataset(known.id)
                n_documents, n_queries = len(data.documents), len(data.queries)
                n_bytes = sum(len(text.encode()) for text in (*data.documents, *data.queries))
                spec = replace(known, n_documents=n_documents, n_queries=n_queries, text_bytes=n_bytes)
            if spec.text_bytes and models and len(speeds) == len(models):
                seconds = sum(spec.estimated_seconds(*speed) for speed in speeds)
            offers.append(DatasetOffer(spec, here, seconds, reachable))
        return offers

    def open_run(self) -> str:
        """Return the token by which a run that is about to start can be stopped, and nobody else's."""
        token = secrets.token_hex(8)
        with self._lock:
            self._stops[token] = Event()
        return token

    def stop(self, token: str) -> bool:
        """Ask a run to stop; whether it was under way."""
        with self._lock:
            event = self._stops.get(token)
        if event is not None:
            event.set()
        return event is not None

    def run(self, choice: RunChoice, token: str) -> Iterator[RunState]:
        """Run what was chosen when its turn comes, telling how far it is. What is done is kept, come what may."""
        run_id = self.saved.new_run()
        with self._stoppable(token) as should_stop:
            options = replace(self._options(should_stop), output=self.saved.folder_of(run_id))
            for state in run_choice(choice, self._host, options, calibrate_for=self._settings):
                yield replace(state, run_id=run_id)

    def run_own(self, data: RetrievalData, choice: RunChoice, token: str) -> Iterator[RunState]:
        """Run on a visitor's own data: nothing of it is written but vectors by hash, no run is saved for others to see.

        Raises:
            InputError: If a run of this token is under way.
        """
        with self._lock:
            if token in self._own_runs:
                raise InputError("own_running")
            self._own_runs.add(token)
        try:
            with self._stoppable(token) as should_stop:
                yield from run_choice(choice, self._host, self._options(should_stop), data=[data])
        finally:
            with self._lock:
                self._own_runs.discard(token)

    def estimated_seconds(self, data: RetrievalData, models: Sequence[str]) -> float | None:
        """Return about how long a set takes to encode; None where a model's speed is not known."""
        known = [speed for name in models if (speed := self._speed(name)) is not None]
        if len(known) < len(models):
            return None
        n_bytes = sum(len(text.encode("utf-8", "replace")) for text in (*data.documents, *data.queries))
        return sum(n_bytes / BYTES_PER_TOKEN / tokens_per_s for tokens_per_s, _ in known)

    def too_long(self, data: RetrievalData, models: Sequence[str]) -> list[Notice]:
        """Return what each model that is ready cuts."""
        ready = [name for name in models if self._host.state(name).phase is ModelPhase.READY]
        return [told for name in ready if (told := too_long(data, self._host.encoder(name))) is not None]

    def paper_choice(self) -> RunChoice:
        """Return what reproduces the paper's table: its three sets with KoE5, or with the embedded model without it."""
        absent = any(offer.name == KOE5.id and offer.availability == "absent" for offer in self.models())
        model = EMBEDDED_MODEL if absent else KOE5.id
        return RunChoice(tuple(spec.id for spec in SUITE), (model,), LEXICAL_NAMES[:1])

    def reproduce(self, token: str) -> Iterator[RunState]:
        """Run what `paper_choice` says; where KoE5 then cannot be had, what it says after that."""
        choice = self.paper_choice()
        with self._stoppable(token) as should_stop:
            for progress in _fetch_models(choice.models, self._host, should_stop):
                yield RunState(0, len(choice.datasets) * len(choice.systems), progress=progress)
            yield from self.run(self.paper_choice(), token)

    @contextmanager
    def _stoppable(self, token: str) -> Iterator[ShouldStop]:
        """Let a run be stopped by its token as long as it goes on."""
        with self._lock:
            stop = self._stops.setdefault(token, Event())
        try:
            yield stop.is_set
        finally:
            with self._lock:
                self._stops.pop(token, None)

    def _options(self, should_stop: ShouldStop) -> RunOptions:
        return RunOptions(cache=self._cache, queue=self._queue, device=self._settings.device, should_stop=should_stop)

    def _speed(self, name: str) -> tuple[float, int] | None:
        """Return (tokens/s, longest input) of a model that is ready, measuring it at the first call; else None."""
        with self._lock:
            known = self._speeds.get(name)
        if known is None and self._host.state(name).phase is ModelPhase.READY:
            encoder = _computing(self._host.encoder(name))
            known = (tokens_per_second(encoder), encoder.info.max_tokens)
            with self._lock:
                self._speeds[name] = known
        return known


def run_choice(
    choice: RunChoice,
    host: ModelHost,
    options: RunOptions,
    *,
    calibrate_for: Settings | None = None,
    data: Sequence[RetrievalData] | None = None,
) -> Iterator[RunState]:
    """Run what was chosen, telling how far it is.

    Args:
        choice: Data sets and systems.
        host: Where the models come from.
        options: Where results go, the vector cache, the queue and the stop signal.
        calibrate_for: Where a first run of a model leaves the calibration of its scores; nowhere when None.
        data: Sets that have no name to be found by, in place of those of the choice.
    """
    n_all = len(choice.datasets) * len(choice.systems)
    for progress in _fetch_models(choice.models, host, options.should_stop):
        yield RunState(0, n_all, progress=progress)
    opened: dict[str, Encoder] = {}

    def open_model(name: str) -> Encoder:
        opened.clear()  # one model's weights at a time
        if host.state(name).phase not in (ModelPhase.READY, ModelPhase.FAILED):
            host.request(name).wait()
        opened[name] = _computing(host.exact_encoder(name, choice.dtype))
        return opened[name]

    events = run_suite(choice.datasets if data is None else data, system_sources(choice.systems, open_model), options)
    if calibrate_for is not None and options.cache is not None:
        events = calibrating(events, opened, options.cache, calibrate_for)
    yield from follow(events, choice)


def follow(
    events: Iterator[RunEvent], choice: RunChoice, clock: Callable[[], float] = time.monotonic
) -> Iterator[RunState]:
    """Turn the events of a run into what a page shows: every result and failure at once, steps now and then."""
    state = RunState(0, len(choice.datasets) * len(choice.systems))
    told = float("-inf")
    for event in events:
        state = _after(state, event, choice)
        if isinstance(event, RunProgress) and clock() - told < TELL_EVERY_S:
            continue
        told = clock()
        yield state
        state = replace(state, new_result=False, result=None)


def lexical_names() -> tuple[str, ...]:
    """Return the lexical systems that run here: over morphemes only where the extra is installed."""
    return LEXICAL_NAMES if find_spec("kiwipiepy") else LEXICAL_NAMES[:1]


def tokens_per_second(encoder: Encoder) -> float:
    """Measure an encoder on a few texts of this project's own set."""
    texts = kept_dataset("ours").documents[:SAMPLE_TEXTS]
    start = time.perf_counter()
    encoded = encoder.encode(texts, Role.PASSAGE)
    return float(encoded.tokens_used.sum()) / max(time.perf_counter() - start, 1e-6)


def _computing(encoder: Encoder) -> Encoder:
    """Return the encoder behind the page's memory cache: a benchmark keeps its vectors on disk."""
    return encoder.inner if isinstance(encoder, CachingEncoder) else encoder


def _fetch_models(names: Sequence[str], host: ModelHost, should_stop: ShouldStop) -> Iterator[RunProgress]:
    """Have every model loaded or failed before the run takes its place in the queue."""
    for name in names:
        if host.state(name).phase is ModelPhase.READY:
            continue
        over = host.request(name)
        while not over.wait(TELL_EVERY_S) and not should_stop():
            state = host.state(name)
            done, total = state.done // _MEGABYTE, state.total // _MEGABYTE
            yield RunProgress(RunPhase.LOADING_MODEL, model=name, done=done, total=total)


def _after(state: RunState, event: RunEvent, choice: RunChoice) -> RunState:
    if isinstance(event, RunProgress):
        return replace(state, progress=event)
    if isinstance(event, Notice):
        return state if event in state.notices else replace(state, notices=(*state.notices, event))
    if isinstance(event, ResultReady):
        return replace(state, n_done=state.n_done + 1, new_result=True, result=event.result)
    if isinstance(event, Finished):
        return replace(state, progress=None, ended=True, stopped=event.stopped, new_result=True)
    n_lost = (1 if event.dataset else len(choice.datasets)) * (1 if event.model else len(choice.systems))
    return replace(state, n_done=min(state.n_done + n_lost, state.n_all), failures=(*state.failures, event))


def model_offer(host: ModelHost, name: str) -> ModelOffer:
    """Return what it takes to run a model: nothing, its loading, its download; or that it cannot be had now."""
    spec = CATALOG.get(name)
    state = host.state(name)
    if state.phase is ModelPhase.READY:
        return ModelOffer(name, "ready")
    if spec is None or spec.hub_id is None or cached_folder(spec.hub_id, spec.revision) is not None:
        return ModelOffer(name, "here")
    unreachable = constants.HF_HUB_OFFLINE or state.phase is ModelPhase.FAILED
    return ModelOffer(name, "absent" if unreachable else "download", spec.download_mb)
