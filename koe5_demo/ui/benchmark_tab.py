"""The tab 성능 평가: its components, and which of them each event changes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.explorer import QueryView
from koe5_demo.benchmark.metrics import HEADLINE_METRICS
from koe5_demo.benchmark.naming import FUSIONS
from koe5_demo.benchmark.published import PAPER_NAMES
from koe5_demo.benchmark.report import METRIC_LABELS, results_csv, results_table, to_markdown
from koe5_demo.benchmark.results import file_name
from koe5_demo.benchmark.run import RunOptions
from koe5_demo.benchmark.vector_cache import VectorCache
from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DataError, DemoError
from koe5_demo.exports import BYTE_ORDER_MARK
from koe5_demo.inputs import Layout
from koe5_demo.messages import Language
from koe5_demo.settings import Settings
from koe5_demo.ui import benchmark_handlers as handlers
from koe5_demo.ui import benchmark_render as render
from koe5_demo.ui.benchmark_handlers import REFERENCES, SIZES, Choice, Live
from koe5_demo.ui.benchmark_runs import SHIPPED, RunStore, StoredResult
from koe5_demo.ui.boundary import PLAIN, Words, choices, guarded, label, shown_error, unexpected
from koe5_demo.ui.fair_queue import Bench
from koe5_demo.ui.ranking_tab import RankingTab
from koe5_demo.ui.render import caption, line
from koe5_demo.ui.text import t

BENCHMARK_QUEUE: Final = "benchmark"
RUNS_AT_ONCE: Final = 8
"""Runs that may be under way or wait where they can be seen; one computes at a time, by the gate."""
DEFAULT_DATASETS: Final = ("ours",)
BENCHMARK_DTYPES: Final = ("fp32", "auto", "bf16", "fp16", "int8")
QUIET: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
_MEGABYTE: Final = 10**6


@dataclass(frozen=True)
class BenchmarkTab:
    """The components that other parts of the page reach for."""

    run: gr.Dropdown
    start: gr.Button


@dataclass(frozen=True)
class _Form:
    datasets: gr.CheckboxGroup
    models: gr.CheckboxGroup
    lexical: gr.CheckboxGroup
    fusions: gr.CheckboxGroup
    more: gr.Textbox
    dtype: gr.Dropdown
    absent: gr.HTML
    about: gr.HTML
    start: gr.Button
    stop: gr.Button
    progress: gr.HTML

    @property
    def inputs(self) -> list[Any]:
        """Return the components that make a choice, in the order of `_choice`."""
        return [self.datasets, self.models, self.lexical, self.fusions, self.more, self.dtype]


@dataclass(frozen=True)
class _Shown:
    run: gr.Dropdown
    results: gr.HTML
    csv: gr.Button
    markdown: gr.Button
    chart: gr.Plot
    manifests: gr.HTML
    reference: gr.Dropdown
    paper: gr.HTML
    reversal: gr.HTML
    published_set: gr.Dropdown
    published_metric: gr.Dropdown
    published_size: gr.Dropdown
    published_name: gr.Textbox
    published_chart: gr.Plot
    published: gr.HTML

    @property
    def filters(self) -> list[Any]:
        """Return what chooses the published rows, in the order of `_Events.published`."""
        return [
            self.reference,
            self.published_set,
            self.published_metric,
            self.published_size,
            self.published_name,
        ]


@dataclass(frozen=True)
class _Look:
    a: gr.Dropdown
    b: gr.Dropdown
    json: gr.Button
    trec: gr.Button
    comparison: gr.HTML
    which: gr.Radio
    query: gr.Dropdown
    previous: gr.Button
    next: gr.Button
    open: gr.Button
    counted: gr.HTML
    view: gr.HTML


def build_benchmark_tab(
    host: ModelHost,
    settings: Settings,
    words: Words,
    language: gr.Radio,
    ranking_tab: RankingTab,
    *,
    tabs: gr.Tabs,
    tab: gr.Tab,
    bench: Bench,
) -> BenchmarkTab:
    """Lay out the tab and wire its events. Must be called inside `tab`.

    Args:
        host: Where models come from.
        settings: Where runs and vectors are kept, and whether models outside the catalog may be named.
        words: Collects what changes with the language.
        language: The page's switch.
        ranking_tab: Where a query can be opened.
        tabs: All tabs, to switch to that one.
        tab: This one; its results are filled in when it is first opened.
        bench: What benchmark runs share with those of the endpoint.
    """
    words.make(gr.HTML, {"value": render.lead}, **PLAIN)
    form = _form(host, settings, words)
    shown = _shown(words)
    look = _look(words)
    events = _Events(host, settings, bench)
    _wire_run(events, form, shown, look, language)
    _wire_shown(events, shown, look, language)
    _wire_look(events, shown, look, language, ranking_tab, tabs)
    _wire_downloads(events, shown, look, language)
    refreshed = [form.models, form.absent, form.about, shown.run]
    everything = [shown.run, *shown.filters, look.a, look.b, look.which, look.query, language]
    panels = [*_run_outputs(shown, look), *_look_outputs(shown, look)]
    tab.select(guarded(events.on_refresh), [*form.inputs, shown.run, language], refreshed, **QUIET).then(
        guarded(events.on_everything), everything, panels, **QUIET
    )
    language.change(
        guarded(events.on_refresh), [*form.inputs, shown.run, language], refreshed, queue=False, **QUIET
    ).then(guarded(events.on_everything), everything, panels, **QUIET)
    return BenchmarkTab(shown.run, form.start)


def _heading(words: Words, key: str) -> None:
    words.make(gr.HTML, {"value": lambda tongue: caption(key, tongue)}, **PLAIN)


def _form(host: ModelHost, settings: Settings, words: Words) -> _Form:
    _heading(words, "bench_choose")
    datasets = words.make(
        gr.CheckboxGroup,
        {"label": label("bench_datasets"), "info": label("bench_datasets_hint")},
        choices=list(DATASETS),
        value=list(DEFAULT_DATASETS),
        elem_id="bench-datasets",
    )
    with gr.Row(elem_classes="k-choices"):
        models = words.make(
            gr.CheckboxGroup,
            {"label": label("bench_models"), "choices": lambda tongue: _model_choices(host, tongue)},
            value=[host.serving],
            elem_id="bench-models",
            min_width=280,
        )
        lexical = words.make(
            gr.CheckboxGroup,
            {
                "label": label("bench_lexical"),
                "choices": choices([(f"bench_lexical_{name}", name) for name in handlers.lexical_names()]),
            },
            value=["bm25"],
            elem_id="bench-lexical",
            min_width=220,
        )
        fusions = words.make(
            gr.CheckboxGroup,
            {
                "label": label("bench_fusions"),
                "choices": choices([(f"bench_fusion_{name}", name) for name in FUSIONS]),
            },
            value=[],
            elem_id="bench-fusions",
            min_width=220,
        )
    absent = gr.HTML(elem_id="bench-absent", **PLAIN)
    more = words.make(
        gr.Textbox,
        {"label": label("bench_more_models")},
        visible=settings.allow_custom_models,
        elem_id="bench-more",
    )
    dtype = words.make(
        gr.Dropdown,
        {
            "label": label("bench_dtype"),
            "info": label("bench_dtype_hint"),
            "choices": choices([(f"bench_dtype_{name}", name) for name in dtypes_offered(settings)]),
        },
        value=settings.exact_dtype,
        elem_id="bench-dtype",
    )
    with words.make(gr.Accordion, {"label": label("bench_about_sets")}, open=False, elem_id="bench-about"):
        about = gr.HTML(**PLAIN)
    with gr.Row():
        start = words.make(gr.Button, {"value": label("bench_start")}, variant="primary", elem_id="bench-start")
        stop = words.make(
            gr.Button, {"value": label("bench_stop")}, variant="stop", interactive=False, elem_id="bench-stop"
        )
    progress = gr.HTML(elem_id="bench-progress", **PLAIN)
    return _Form(datasets, models, lexical, fusions, more, dtype, absent, about, start, stop, progress)


def dtypes_offered(settings: Settings) -> tuple[str, ...]:
    """Return the arithmetics to choose from; just one where a GPU is lent only after the models are open."""
    return (settings.exact_dtype,) if zero_gpu.ACTIVE else BENCHMARK_DTYPES


def _shown(words: Words) -> _Shown:
    _heading(words, "bench_results")
    run = words.make(gr.Dropdown, {"label": label("bench_run_choice")}, choices=[], elem_id="bench-run")
    results = gr.HTML(elem_id="bench-results", min_height=120, **PLAIN)
    with gr.Row():
        csv = words.make(gr.Button, {"value": label("bench_csv")}, size="sm", elem_id="bench-csv")
        markdown = words.make(gr.Button, {"value": label("bench_markdown")}, size="sm", elem_id="bench-markdown")
    chart = words.make(gr.Plot, {"label": label("bench_chart")}, show_label=False, elem_id="bench-chart")
    manifests = gr.HTML(elem_id="bench-manifests", **PLAIN)
    _heading(words, "bench_paper")
    reference = words.make(
        gr.Dropdown,
        {"label": label("bench_reference")},
        choices=[(PAPER_NAMES[hub_id], hub_id) for hub_id in REFERENCES],
        value=REFERENCES[0],
        elem_id="bench-reference",
    )
    paper = gr.HTML(elem_id="bench-paper", **PLAIN)
    _heading(words, "bench_reversal")
    reversal = gr.HTML(elem_id="bench-reversal", **PLAIN)
    _heading(words, "bench_published")
    with gr.Row(elem_classes="k-choices"):
        specs = handlers.published_sets()
        published_set = words.make(
            gr.Dropdown,
            {"label": label("bench_set")},
            choices=[spec.id for spec in specs],
            value=specs[1].id,
            min_width=160,
            elem_id="bench-published-set",
        )
        metric = words.make(
            gr.Dropdown,
            {"label": label("bench_metric")},
            choices=[(METRIC_LABELS[name], name) for name in HEADLINE_METRICS if name != "recall_at_10"],
            value="ndcg_at_1",
            min_width=120,
            elem_id="bench-published-metric",
        )
        size = words.make(
            gr.Dropdown,
            {"label": label("bench_parameters"), "choices": choices([(f"bench_size_{key}", key) for key in SIZES])},
            value="all",
            min_width=140,
            elem_id="bench-published-size",
        )
        name = words.make(gr.Textbox, {"label": label("bench_name")}, min_width=160, elem_id="bench-published-name")
    published_chart = words.make(
        gr.Plot, {"label": label("bench_published")}, show_label=False, elem_id="bench-published-chart"
    )
    published = gr.HTML(elem_id="bench-published", **PLAIN)
    return _Shown(
        run,
        results,
        csv,
        markdown,
        chart,
        manifests,
        reference,
        paper,
        reversal,
        published_set,
        metric,
        size,
        name,
        published_chart,
        published,
    )


def _look(words: Words) -> _Look:
    _heading(words, "bench_look")
    with gr.Row(elem_classes="k-choices"):
        a = words.make(gr.Dropdown, {"label": label("bench_a")}, choices=[], min_width=240, elem_id="bench-a")
        b = words.make(gr.Dropdown, {"label": label("bench_b")}, choices=[], min_width=240, elem_id="bench-b")
    with gr.Row():
        json = words.make(gr.Button, {"value": label("bench_mteb_json")}, size="sm", elem_id="bench-json")
        trec = words.make(gr.Button, {"value": label("bench_trec")}, size="sm", elem_id="bench-trec")
    comparison = gr.HTML(elem_id="bench-comparison", **PLAIN)
    _heading(words, "bench_explorer")
    with gr.Row(elem_classes="k-choices"):
        which = words.make(
            gr.Radio,
            {
                "label": label("bench_which"),
                "choices": choices([("bench_which_all", "all"), ("bench_which_wrong", "wrong")]),
            },
            value="all",
            min_width=200,
            elem_id="bench-which",
        )
        query = words.make(
            gr.Dropdown,
            {"label": label("bench_query_choice")},
            choices=[],
            scale=3,
            min_width=280,
            elem_id="bench-query",
        )
    counted = gr.HTML(elem_id="bench-counted", **PLAIN)
    with gr.Row():
        previous = words.make(gr.Button, {"value": label("bench_previous")}, size="sm", elem_id="bench-previous")
        following = words.make(gr.Button, {"value": label("bench_next")}, size="sm", elem_id="bench-next")
        opener = words.make(gr.Button, {"value": label("bench_open")}, size="sm", elem_id="bench-open")
    view = gr.HTML(elem_id="bench-query-view", **PLAIN)
    return _Look(a, b, json, trec, comparison, which, query, previous, following, opener, counted, view)


class _Events:
    """What the events of the tab compute. Arguments come in the order of the components wired to them."""

    def __init__(self, host: ModelHost, settings: Settings, bench: Bench) -> None:
        self._host = host
        self._settings = settings
        self._custom = settings.allow_custom_models
        self._bench = bench
        self._stops = handlers.Stops()
        self._speeds = handlers.SpeedBook(host)
        self._store = RunStore(settings.data_dir / "runs")
        self._cache = VectorCache(settings.data_dir / "vectors", settings.disk_cache_mb * _MEGABYTE)
        self._device = settings.device

    def on_refresh(self, *values: Any) -> list[Any]:
        """Tell anew what there is: models, data sets with their times, saved runs."""
        *chosen, run_id, tongue = values
        language = Language(tongue)
        options = handlers.model_options(self._host)
        rows = handlers.dataset_rows(self._choice(*chosen), self._speeds)
        return [
            gr.update(choices=_model_choices(self._host, language)),
            render.absent_models(options, language),
            render.datasets(rows, language),
            self._run_list(run_id, language),
        ]

    def on_about(self, *values: Any) -> str:
        """Estimate anew."""
        *chosen, tongue = values
        return render.datasets(handlers.dataset_rows(self._choice(*chosen), self._speeds), Language(tongue))

    def on_start(self, *values: Any) -> list[Any]:
        """Check the choice, and ready the buttons; the token names this run to the stop button."""
        *chosen, tongue = values
        if not self._choice(*chosen).complete:
            raise shown_error(t("bench_nothing_chosen", Language(tongue)))
        token = secrets.token_hex(8)
        self._stops.open(token)
        return [token, gr.update(interactive=False), gr.update(interactive=True)]

    def on_run(self, *values: Any) -> Iterator[list[Any]]:
        """Run, showing every result as it comes."""
        *chosen, token, reference, spec, metric, size, name, tongue = values
        language = Language(tongue)
        steps = self._steps(self._choice(*chosen), token, [reference, spec, metric, size, name], language)
        try:
            yield from steps
        except DemoError as error:
            raise shown_error(error.text(language)) from error
        except Exception as error:
            raise unexpected(error, language) from error
        finally:
            self._stops.close(token)

    def on_stop(self, token: str) -> Any:
        """Ask the visitor's run to stop."""
        self._stops.stop(token)
        return gr.update(interactive=False)

    def on_choose_run(self, run_id: str, *rest: Any) -> list[Any]:
        """Show another run from its start."""
        *filters, tongue = rest
        return self._run_panels(run_id, filters, Language(tongue))

    def on_everything(self, run_id: str, *rest: Any) -> list[Any]:
        """Show what is chosen, all of it."""
        *filters, a, b, which, query, tongue = rest
        language = Language(tongue)
        panels = self._run_panels(run_id, filters, language, (a, b))
        return [*panels, *self._look_panels(*self._pair(run_id, a, b), which, query, language)]

    def on_filter(self, run_id: str, *rest: Any) -> list[Any]:
        """Show the published rows of another choice."""
        *filters, tongue = rest
        return self._published(self._results(run_id), filters, Language(tongue))

    def on_a(self, run_id: str, a: str | None, b: str | None, which: str, tongue: str) -> list[Any]:
        """Look at another result."""
        language = Language(tongue)
        stored, other = self._pair(run_id, a, b)
        return [
            self._other_list(run_id, stored, other, language),
            *self._look_panels(stored, other, which, None, language),
        ]

    def on_look(self, run_id: str, *rest: Any) -> list[Any]:
        """Look at the same result again: against another one, or at other queries."""
        a, b, which, query, tongue = rest
        return self._look_panels(*self._pair(run_id, a, b), which, query, Language(tongue))

    def on_which(self, run_id: str, *rest: Any) -> list[Any]:
        """Choose among all queries or the wrong ones."""
        a, b, which, query, tongue = rest
        return self._explorer(*self._pair(run_id, a, b), which, query, Language(tongue))

    def mover(self, step: int) -> Callable[..., list[Any]]:
        """Return the handler that goes to the next or the previous query."""

        def on_move(run_id: str, *rest: Any) -> list[Any]:
            a, b, which, query, tongue = rest
            stored, other = self._pair(run_id, a, b)
            views = self._queries(stored, other, which)
            ids = [view.query_id for view in views]
            place = (ids.index(query) + step) % len(ids) if query in ids else 0
            return self._explorer(stored, other, which, ids[place] if ids else None, Language(tongue))

        return on_move

    def on_open(self, run_id: str, *rest: Any) -> list[Any]:
        """Put a query and its best documents into the ranking tab, and go there."""
        a, b, which, query, _tongue = rest
        views = self._queries(*self._pair(run_id, a, b), which)
        view = next((view for view in views if view.query_id == query), None)
        if view is None:
            return [gr.skip()] * 5
        question, passages = handlers.ranking_form(view)
        return [question, passages, Layout.BLOCKS.value, None, gr.Tabs(selected="ranking")]

    def csv(self, run_id: str) -> tuple[str, str]:
        """Return name and text of the run as CSV."""
        return f"koe5-benchmark-{run_id}.csv", BYTE_ORDER_MARK + results_csv(self._bare(run_id))

    def markdown(self, run_id: str) -> tuple[str, str]:
        """Return name and text of the run as a Markdown table, published rows labelled."""
        return f"koe5-benchmark-{run_id}.md", to_markdown(results_table(self._bare(run_id)))

    def json(self, key: str) -> tuple[str, str]:
        """Return name and text of a result in MTEB's form."""
        stored = self._store.result(key)
        return f"{file_name(stored.result.task)}.json", stored.path.read_text(encoding="utf-8")

    def trec(self, key: str) -> tuple[str, str]:
        """Return name and text of a result as a TREC run."""
        stored = self._store.result(key)
        name = f"{file_name(stored.result.model)}-{file_name(stored.result.dataset)}.trec"
        return name, stored.path.with_suffix(".trec").read_text(encoding="utf-8")

    def _choice(self, *chosen: Any) -> Choice:
        datasets, models, lexical, fusions, more, dtype = chosen
        named = [name.strip() for name in (more or "").split(",")] if self._custom else []
        everything = dict.fromkeys([*models, *filter(None, named)])
        return Choice(tuple(datasets), tuple(everything), tuple(lexical), tuple(fusions), dtype)

    def _steps(self, choice: Choice, token: str, filters: list[Any], language: Language) -> Iterator[list[Any]]:
        run_id = self._store.new_run()
        stop = self._stops.open(token)
        options = RunOptions(
            cache=self._cache,
            output=self._store.folder_of(run_id),
            device=self._device,
            should_stop=self._bench.between(stop.is_set),
        )
        for live in handlers.run(choice, self._host, self._bench.gate, options, settings=self._settings):
            yield self._live(live, run_id, filters, language)

    def _live(self, live: Live, run_id: str, filters: list[Any], language: Language) -> list[Any]:
        stored = self._store.results(run_id) if live.new_result else []
        buttons = [gr.update(interactive=live.ended), gr.update(interactive=not live.ended)]
        told = render.progress(live, len(stored), language)
        if not stored:
            return [told, *buttons, *[gr.skip()] * (N_RUN_OUTPUTS + 1)]
        panels = self._run_panels(run_id, filters, language)
        return [told, *buttons, self._run_list(run_id, language), *panels]

    def _results(self, run_id: str | None) -> list[StoredResult]:
        return self._store.results(run_id or SHIPPED)

    def _bare(self, run_id: str) -> list[Any]:
        return [stored.result for stored in self._results(run_id)]

    def _run_list(self, run_id: str | None, language: Language) -> Any:
        runs = self._store.runs()
        ids = [run.id for run in runs]
        value = run_id if run_id in ids else SHIPPED if SHIPPED in ids else next(iter(ids), None)
        return gr.update(choices=[(render.run_label(run, language), run.id) for run in runs], value=value)

    def _pair(self, run_id: str, a: str | None, b: str | None) -> tuple[StoredResult | None, StoredResult | None]:
        """Return the chosen results, or the first ones that fit."""
        stored = self._results(run_id)
        first = next((item for item in stored if item.key == a), stored[0] if stored else None)
        others = self._store.alike(first) if first else []
        return first, next((item for item in others if item.key == b), others[0] if others else None)

    def _run_panels(
        self, run_id: str, filters: Sequence[Any], language: Language, keys: tuple[Any, Any] = (None, None)
    ) -> list[Any]:
        """Return what a run changes, in the order of `_run_outputs`."""
        stored = self._results(run_id)
        first, other = self._pair(run_id, *keys)
        names = [(render.result_label(item, first.run_id, language), item.key) for item in stored] if first else []
        return [
            render.results(stored, language),
            render.chart(stored),
            render.manifests(stored, language),
            *self._published(stored, filters, language),
            gr.update(choices=names, value=first.key if first else None),
            self._other_list(run_id, first, other, language),
        ]

    def _published(self, stored: Sequence[StoredResult], filters: Sequence[Any], language: Language) -> list[Any]:
        reference, name_of_set, metric, size, name = filters
        results = [item.result for item in stored]
        spec = DATASETS[name_of_set]
        placed = handlers.placement(results, spec, metric, name or "", size, reference)
        rows = handlers.paper_view(results, reference)
        return [
            render.paper(rows, reference, handlers.footnote(), language),
            render.placement_chart(placed, reference, language),
            render.placement(placed, spec, metric, reference, language),
        ]

    def _other_list(
        self, run_id: str, first: StoredResult | None, other: StoredResult | None, language: Language
    ) -> Any:
        alike = self._store.alike(first) if first else []
        names = [(render.result_label(item, run_id, language), item.key) for item in alike]
        return gr.update(choices=names, value=other.key if other else None)

    def _look_panels(
        self, a: StoredResult | None, b: StoredResult | None, which: str, query: str | None, language: Language
    ) -> list[Any]:
        """Return what a pair of results changes, in the order of `_look_outputs`."""
        explorer = self._explorer(a, b, which, query, language)
        return [self._comparison(a, b, language), self._reversal(a, language), *explorer]

    def _comparison(self, a: StoredResult | None, b: StoredResult | None, language: Language) -> str:
        if a is None or b is None:
            return line(t("bench_no_other", language), language)
        try:
            data = handlers.data_of(a.result)
        except DataError:
            data = None  # the queries that moved then go by their ids
        return render.comparison(handlers.comparison(self._store, a, b), data, language)

    def _reversal(self, a: StoredResult | None, language: Language) -> str:
        if a is None:
            return ""
        try:
            found, data = handlers.reversal(a.result)
        except DataError as error:
            return line(error.text(language), language)
        return render.reversal(a.result, found, data, language)

    def _queries(self, a: StoredResult | None, b: StoredResult | None, which: str) -> list[QueryView]:
        return handlers.queries(a, b, only_wrong=which == "wrong") if a is not None else []

    def _explorer(
        self, a: StoredResult | None, b: StoredResult | None, which: str, query: str | None, language: Language
    ) -> list[Any]:
        """Return the count line, the list of queries and one of them."""
        try:
            views = self._queries(a, b, "all")
        except DataError as error:
            return [line(error.text(language), language), gr.update(choices=[], value=None), ""]
        wrong = [view for view in views if view.wrong]
        told = t("bench_counted", language, n=len(views), wrong=len(wrong))
        offered = wrong if which == "wrong" else views
        view = next((view for view in offered if view.query_id == query), offered[0] if offered else None)
        names = [(render.query_label(item), item.query_id) for item in offered]
        html = render.query(view, language, with_other=b is not None) if view else ""
        return [line(told, language), gr.update(choices=names, value=view.query_id if view else None), html]


N_RUN_OUTPUTS: Final = 8


def _run_outputs(shown: _Shown, look: _Look) -> list[Any]:
    return [
        shown.results,
        shown.chart,
        shown.manifests,
        shown.paper,
        shown.published_chart,
        shown.published,
        look.a,
        look.b,
    ]


def _look_outputs(shown: _Shown, look: _Look) -> list[Any]:
    return [look.comparison, shown.reversal, look.counted, look.query, look.view]


def _look_inputs(shown: _Shown, look: _Look, language: gr.Radio) -> list[Any]:
    return [shown.run, look.a, look.b, look.which, look.query, language]


def _wire_run(events: _Events, form: _Form, shown: _Shown, look: _Look, language: gr.Radio) -> None:
    token = gr.State("")
    buttons = [form.start, form.stop]
    chosen = [*form.inputs, language]
    for part in (form.models, form.more):
        part.input(guarded(events.on_about), chosen, form.about, trigger_mode="always_last", **QUIET)
    started = form.start.click(guarded(events.on_start), chosen, [token, *buttons], **QUIET)
    started.success(
        events.on_run,
        [*form.inputs, token, *shown.filters, language],
        [form.progress, *buttons, shown.run, *_run_outputs(shown, look)],
        concurrency_id=BENCHMARK_QUEUE,
        concurrency_limit=RUNS_AT_ONCE,
        **QUIET,
    ).then(guarded(events.on_look), _look_inputs(shown, look, language), _look_outputs(shown, look), **QUIET)
    form.stop.click(events.on_stop, token, form.stop, queue=False, **QUIET)


def _wire_shown(events: _Events, shown: _Shown, look: _Look, language: gr.Radio) -> None:
    filters = [shown.run, *shown.filters, language]
    published = [shown.paper, shown.published_chart, shown.published]
    shown.run.input(guarded(events.on_choose_run), filters, _run_outputs(shown, look), **QUIET).then(
        guarded(events.on_look), _look_inputs(shown, look, language), _look_outputs(shown, look), **QUIET
    )
    chosen = [part.input for part in shown.filters if part is not shown.published_name]
    # A text box tells of typing by `change`; no handler writes to this one.
    for event in (*chosen, shown.published_name.change):
        event(guarded(events.on_filter), filters, published, trigger_mode="always_last", **QUIET)


def _wire_look(
    events: _Events, shown: _Shown, look: _Look, language: gr.Radio, ranking_tab: RankingTab, tabs: gr.Tabs
) -> None:
    inputs = _look_inputs(shown, look, language)
    explorer = [look.counted, look.query, look.view]
    look.a.input(
        guarded(events.on_a),
        [shown.run, look.a, look.b, look.which, language],
        [look.b, *_look_outputs(shown, look)],
        **QUIET,
    )
    look.b.input(guarded(events.on_look), inputs, _look_outputs(shown, look), **QUIET)
    for part in (look.which, look.query):
        part.input(guarded(events.on_which), inputs, explorer, **QUIET)
    for button, step in ((look.previous, -1), (look.next, 1)):
        button.click(guarded(events.mover(step)), inputs, explorer, **QUIET)
    look.open.click(
        guarded(events.on_open),
        inputs,
        [ranking_tab.queries, ranking_tab.passages, ranking_tab.layout, ranking_tab.form.file, tabs],
        **QUIET,
    ).then(fn=None, js="() => window.scrollTo({top: 0})").then(**ranking_tab.run_event)


def _wire_downloads(events: _Events, shown: _Shown, look: _Look, language: gr.Radio) -> None:
    """Hand files to the browser as text that it saves itself."""
    name = gr.Textbox(visible="hidden", elem_id="bench-download-name")
    text = gr.Textbox(visible="hidden", elem_id="bench-download-text")
    plans = (
        (shown.csv, events.csv, shown.run, "text/csv;charset=utf-8"),
        (shown.markdown, events.markdown, shown.run, "text/markdown;charset=utf-8"),
        (look.json, events.json, look.a, "application/json"),
        (look.trec, events.trec, look.a, "text/plain;charset=utf-8"),
    )
    for button, make, source, kind in plans:
        button.click(guarded(_with_language(make)), [source, language], [name, text], queue=False, **QUIET).success(
            fn=None, inputs=[name, text], js=f"(name, text) => window.koe5.download(name, text, '{kind}')"
        )


def _with_language(make: Callable[[str], tuple[str, str]]) -> Callable[[str, str], tuple[str, str]]:
    """Add the argument that `guarded` reads its language from."""

    def handler(chosen: str, _tongue: str) -> tuple[str, str]:
        return make(chosen)

    handler.__name__ = make.__name__
    return handler


def _model_choices(host: ModelHost, language: Language) -> list[tuple[str, str]]:
    options = handlers.model_options(host)
    return [(render.model_label(o, language), o.name) for o in options if o.availability != "absent"]
