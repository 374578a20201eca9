"""What the benchmark tab does, as plain functions on records. No gradio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from threading import Event, Lock
from typing import Final, Literal

from huggingface_hub import constants

from koe5_demo.benchmark.compare import PairedComparison, compare_results
from koe5_demo.benchmark.datasets.autorag import AUTORAG
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.registry import DATASETS, on_this_machine, read_dataset
from koe5_demo.benchmark.explorer import QueryView, explore
from koe5_demo.benchmark.gate import RunGate
from koe5_demo.benchmark.naming import system_sources
from koe5_demo.benchmark.progress import Phase, Progress
from koe5_demo.benchmark.published import (
    PAPER_NAMES,
    RankCounts,
    Reversal,
    leaderboard,
    paper_table,
    published_by_mteb,
    rank_counts,
    recovered,
    show_reversal,
)
from koe5_demo.benchmark.report import PaperRow, paper_rows
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.run import Event as RunEvent
from koe5_demo.benchmark.run import Failure, Finished, ResultReady, RunOptions, run_suite
from koe5_demo.catalog import CATALOG, KOE5
from koe5_demo.encoding.cache import CachingEncoder
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.host import Phase as ModelPhase
from koe5_demo.encoding.hub import cached_folder
from koe5_demo.errors import DataError
from koe5_demo.records import Encoder, Role
from koe5_demo.settings import Settings
from koe5_demo.ui.benchmark_calibration import calibrating
from koe5_demo.ui.benchmark_runs import RunStore, StoredResult

TELL_EVERY_S: Final = 0.3
SAMPLE_TEXTS: Final = 24
REFERENCES: Final = tuple(PAPER_NAMES)
SIZES: Final[dict[str, tuple[int, int | None]]] = {
    "all": (0, None),
    "small": (1, 150_000_000),
    "middle": (150_000_001, 700_000_000),
    "large": (700_000_001, 10**13),
}
"""Choices of the size filter: least and most parameters. Models of unknown size are in "all" only."""

Availability = Literal["ready", "here", "download", "absent"]


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
class ModelOption:
    """A model that can be chosen, or why it cannot."""

    name: str
    availability: Availability
    download_mb: int = 0


@dataclass(frozen=True)
class DatasetRow:
    """A data set as it is offered.

    Attributes:
        spec: Its record.
        n_documents, n_queries: Sizes; 0 where unknown.
        here: Whether it can be read without a network.
        seconds: Estimated time to encode it with the chosen models; None where a speed is not known.
    """

    spec: DatasetSpec
    n_documents: int
    n_queries: int
    here: bool
    seconds: float | None


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


@dataclass(frozen=True)
class Placed:
    """A bar of the chart of published models.

    Attributes:
        rank: Place among all bars of the chart before it was shortened, counted from 1.
        name: Model or system.
        value: In [0, 1].
        kind: Where the number comes from.
        parameters: Size; None where unknown.
        source: Public collection, or what computed it here.
    """

    rank: int
    name: str
    value: float
    kind: Literal["published", "reference", "run"]
    parameters: int | None
    source: str


@dataclass(frozen=True)
class Placement:
    """The chart of published models: what is drawn, and how many there are on the data set, filtered or not."""

    bars: tuple[Placed, ...]
    n_published: int
    n_runs: int


@dataclass(frozen=True)
class Footnote:
    """The numbers of the AutoRAG footnote: values in [0, 1], hits of the recovered reading."""

    model: str
    paper: tuple[float, float]
    recovered: RankCounts
    mteb: tuple[float, float]
    n_fits: int
    n_models: int


class SpeedBook:
    """Measured tokens per second of the models on this device, each measured once. Safe with threads."""

    def __init__(self, host: ModelHost) -> None:
        self._host = host
        self._speeds: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def speed(self, name: str) -> tuple[float, int] | None:
        """Return (tokens/s, longest input) of a model that is ready, measuring it at the first call; else None."""
        with self._lock:
            if name not in self._speeds:
                if self._host.state(name).phase is not ModelPhase.READY:
                    return None
                encoder = computing(self._host.encoder(name))
                self._speeds[name] = (tokens_per_second(encoder), encoder.info.max_tokens)
            return self._speeds[name]


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


def computing(encoder: Encoder) -> Encoder:
    """Return the encoder behind the page's memory cache: a benchmark keeps its vectors on disk."""
    return encoder.inner if isinstance(encoder, CachingEncoder) else encoder


def tokens_per_second(encoder: Encoder) -> float:
    """Measure an encoder on a few texts of this project's own set."""
    texts = dataset("ours").documents[:SAMPLE_TEXTS]
    start = time.perf_counter()
    encoded = encoder.encode(texts, Role.PASSAGE)
    return float(encoded.tokens_used.sum()) / max(time.perf_counter() - start, 1e-6)


def lexical_names() -> tuple[str, ...]:
    """Return the lexical systems that run here: over morphemes only where the extra is installed."""
    return ("bm25", "bm25-kiwi") if find_spec("kiwipiepy") else ("bm25",)


def model_options(host: ModelHost) -> list[ModelOption]:
    """Return every model with what it takes to run it."""
    return [_model_option(host, name) for name in host.names]


def dataset_rows(choice: Choice, speeds: SpeedBook) -> list[DatasetRow]:
    """Return every data set of the registry, with an estimate for the chosen models."""
    known = [speeds.speed(name) for name in choice.models]
    return [_dataset_row(spec, known) for spec in DATASETS.values()]


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


@lru_cache(maxsize=3)
def dataset(name: str) -> RetrievalData:
    """Return a data set; a few stay in memory.

    Raises:
        DataError: If it cannot be had.
    """
    return read_dataset(name)


def data_of(result: RunResult) -> RetrievalData:
    """Return the texts and judgements that a result was made with.

    Raises:
        DataError: If they cannot be had, or are not the same any more.
    """
    data = dataset(result.dataset)
    if data.content_hash() != result.manifest.data["content"]:
        raise DataError("runs_share_nothing", a=result.dataset, b=data.name)
    return data


def paper_view(results: Sequence[RunResult], reference: str) -> list[PaperRow]:
    """Return the paper's table: published rows of one model, then two rows a system of the run."""
    systems = list(dict.fromkeys(result.model for result in results))
    rows = [row for row in paper_rows([], reference) if row.kind in ("paper", "recovered", "mteb")]
    for system in systems:
        own = paper_rows([result for result in results if result.model == system], reference)
        rows += [row for row in own if row.kind in ("run", "difference")]
    return rows


def footnote(reference: str = KOE5.hub_id or "") -> Footnote | None:
    """Return the numbers of the AutoRAG footnote for a model; None where reversed lists do not explain its row."""
    counts = recovered(reference)
    mteb = published_by_mteb(reference, AUTORAG.task, AUTORAG.split)
    if counts is None or mteb is None:
        return None
    paper = paper_table()[PAPER_NAMES[reference]]
    fits = [model.reversed_fits for model in rank_counts().values()]
    return Footnote(
        model=PAPER_NAMES[reference],
        paper=(paper[AUTORAG.id, "ndcg_at_1"], paper[AUTORAG.id, "ndcg_at_3"]),
        recovered=counts,
        mteb=(mteb.metrics["ndcg_at_1"], mteb.metrics["ndcg_at_3"]),
        n_fits=sum(fits),
        n_models=len(fits),
    )


def reversal(result: RunResult) -> tuple[Reversal, RetrievalData]:
    """Reverse the top three of a result.

    Raises:
        DataError: If its judgements cannot be had.
    """
    data = data_of(result)
    return show_reversal(result, data.qrels), data


def published_sets() -> list[DatasetSpec]:
    """Return the data sets that have published results, the paper's three first."""
    specs = [spec for spec in DATASETS.values() if leaderboard(spec.task, spec.split, "ndcg_at_1")]
    return sorted(specs, key=lambda spec: not spec.suite)


def placement(
    results: Sequence[RunResult], spec: DatasetSpec, metric: str, name: str, size: str, reference: str
) -> Placement:
    """Place the results of a run among the published models of a data set.

    Args:
        results: Results of one run; those on other data sets are left out.
        spec: The data set.
        metric: A measure of the table.
        name: Part of the names of the published models to show.
        size: A key of `SIZES`.
        reference: Hub id of the model to mark.
    """
    least, most = SIZES[size]
    published = leaderboard(
        spec.task, spec.split, metric, name_contains=name.strip(), least_parameters=least, most_parameters=most
    )
    bars = [
        Placed(
            0,
            row.model,
            row.metrics[metric],
            "reference" if row.model == reference else "published",
            row.parameters,
            row.source,
        )
        for row in published
    ]
    own = [result for result in results if result.task == spec.task]
    bars += [Placed(0, r.model, r.metrics[metric], "run", _parameters(r), _engine(r)) for r in own]
    ordered = enumerate(sorted(bars, key=lambda bar: -bar.value), start=1)
    n_published = len(leaderboard(spec.task, spec.split, metric))
    return Placement(tuple(replace(bar, rank=rank) for rank, bar in ordered), n_published, len(own))


@lru_cache(maxsize=64)
def _comparison(store: RunStore, key_a: str, key_b: str, _dates: tuple[str, str]) -> PairedComparison:
    return compare_results(store.result(key_a).result, store.result(key_b).result)


def comparison(store: RunStore, a: StoredResult, b: StoredResult) -> PairedComparison:
    """Compare two results on the same data; what was compared lately is not computed again.

    Raises:
        DataError: If the data differ.
    """
    return _comparison(store, a.key, b.key, (a.result.manifest.date, b.result.manifest.date))


def queries(a: StoredResult, b: StoredResult | None, *, only_wrong: bool) -> list[QueryView]:
    """Return the queries of a result with their best documents, and their ranks in another one.

    Raises:
        DataError: If the texts cannot be had.
    """
    return explore(a.result, data_of(a.result), b.result if b else None, only_wrong=only_wrong)


def ranking_form(view: QueryView) -> tuple[str, str]:
    """Return a query and its passages as the boxes of the ranking tab hold them, parted by blank lines.

    Right answers that are not among the best documents come last.
    """
    found = {hit.document_id for hit in view.hits}
    missed = [gold.text for gold in view.gold if gold.document_id not in found and gold.text]
    passages = [_one_block(text) for text in (*(hit.text for hit in view.hits), *missed)]
    return " ".join(view.text.split()), "\n\n".join(text for text in passages if text)


def _one_block(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


def _model_option(host: ModelHost, name: str) -> ModelOption:
    spec = CATALOG.get(name)
    state = host.state(name)
    if state.phase is ModelPhase.READY:
        return ModelOption(name, "ready")
    if spec is None or spec.hub_id is None or cached_folder(spec.hub_id, spec.revision) is not None:
        return ModelOption(name, "here")
    unreachable = constants.HF_HUB_OFFLINE or state.phase is ModelPhase.FAILED
    return ModelOption(name, "absent" if unreachable else "download", spec.download_mb)


def _dataset_row(spec: DatasetSpec, speeds: Sequence[tuple[float, int] | None]) -> DatasetRow:
    here = on_this_machine(spec)
    if spec.folder is not None and here:
        data = dataset(spec.id)
        texts = (*data.documents, *data.queries)
        spec = replace(
            spec,
            n_documents=len(data.documents),
            n_queries=len(data.queries),
            text_bytes=sum(len(text.encode()) for text in texts),
        )
    known = [speed for speed in speeds if speed is not None]
    seconds = None
    if spec.text_bytes and known and len(known) == len(speeds):
        seconds = sum(spec.estimated_seconds(*speed) for speed in known)
    return DatasetRow(spec, spec.n_documents, spec.n_queries, here, seconds)


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


def _parameters(result: RunResult) -> int | None:
    spec = CATALOG.get(result.model)
    return spec.parameters or None if spec else None


def _engine(result: RunResult) -> str:
    model = result.manifest.model
    return f"{model['engine']}, {model['dtype']}, {model['device']}"
