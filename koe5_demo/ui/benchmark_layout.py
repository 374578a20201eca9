"""The components of the tab 성능 평가, in three parts: what to run, what runs gave, and a closer look at one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.metrics import HEADLINE_METRICS
from koe5_demo.benchmark.naming import FUSIONS
from koe5_demo.benchmark.published import PAPER_NAMES
from koe5_demo.benchmark.report import METRIC_LABELS
from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.host import ModelHost
from koe5_demo.settings import Settings
from koe5_demo.ui import benchmark_offers as offers
from koe5_demo.ui import benchmark_readings as readings
from koe5_demo.ui import benchmark_render as render
from koe5_demo.ui.benchmark_readings import REFERENCES, SIZES
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.render import caption
from koe5_demo.words import Language

DEFAULT_DATASETS: Final = ("ours",)
BENCHMARK_DTYPES: Final = ("fp32", "auto", "bf16", "fp16", "int8")


@dataclass(frozen=True)
class Form:
    """What is to be run: the choices, what is said of them, start and stop."""

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
        """Return the components that make a choice, in the order of `Events._choice`."""
        return [self.datasets, self.models, self.lexical, self.fusions, self.more, self.dtype]


@dataclass(frozen=True)
class Shown:
    """What a run gave, and how it stands among published rows."""

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
        """Return what chooses the published rows, in the order of `Events._published`."""
        return [
            self.reference,
            self.published_set,
            self.published_metric,
            self.published_size,
            self.published_name,
        ]


@dataclass(frozen=True)
class Look:
    """A closer look at one result: against another one, and query by query."""

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


def build_form(host: ModelHost, settings: Settings, words: Words) -> Form:
    """Lay out the form. Must be called inside a gr.Blocks context."""
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
            {"label": label("bench_models"), "choices": lambda tongue: model_choices(host, tongue)},
            value=[host.serving],
            elem_id="bench-models",
            min_width=280,
        )
        lexical = words.make(
            gr.CheckboxGroup,
            {
                "label": label("bench_lexical"),
                "choices": choices([(f"bench_lexical_{name}", name) for name in offers.lexical_names()]),
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
    return Form(datasets, models, lexical, fusions, more, dtype, absent, about, start, stop, progress)


def dtypes_offered(settings: Settings) -> tuple[str, ...]:
    """Return the arithmetics to choose from; just one where a GPU is lent only after the models are open."""
    return (settings.exact_dtype,) if zero_gpu.ACTIVE else BENCHMARK_DTYPES


def model_choices(host: ModelHost, language: Language) -> list[tuple[str, str]]:
    """Return (label, name) of each model that can be chosen."""
    options = offers.model_options(host)
    return [(render.model_label(o, language), o.name) for o in options if o.availability != "absent"]


def build_shown(words: Words) -> Shown:
    """Lay out the results, empty. Must be called inside a gr.Blocks context."""
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
        specs = readings.published_sets()
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
    return Shown(
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


def build_look(words: Words) -> Look:
    """Lay out the closer look, empty. Must be called inside a gr.Blocks context."""
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
    return Look(a, b, json, trec, comparison, which, query, previous, following, opener, counted, view)


def _heading(words: Words, key: str) -> None:
    words.make(gr.HTML, {"value": lambda tongue: caption(key, tongue)}, **PLAIN)
