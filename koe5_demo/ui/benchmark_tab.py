"""The tab 성능 평가: which of its components each event reads and changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.settings import Settings
from koe5_demo.ui import benchmark_render as render
from koe5_demo.ui.benchmark_events import Events
from koe5_demo.ui.benchmark_layout import Form, Look, Shown, build_form, build_look, build_shown
from koe5_demo.ui.boundary import PLAIN, Words, guarded
from koe5_demo.ui.fair_queue import Bench
from koe5_demo.ui.ranking_tab import RankingTab

BENCHMARK_QUEUE: Final = "benchmark"
RUNS_AT_ONCE: Final = 8
"""Runs that may be under way or wait where they can be seen; one computes at a time, by the gate."""
QUIET: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class BenchmarkTab:
    """The components that other parts of the page reach for."""

    run: gr.Dropdown
    start: gr.Button


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
    form = build_form(host, settings, words)
    shown = build_shown(words)
    look = build_look(words)
    events = Events(host, settings, bench)
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


def _run_outputs(shown: Shown, look: Look) -> list[Any]:
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


def _look_outputs(shown: Shown, look: Look) -> list[Any]:
    return [look.comparison, shown.reversal, look.counted, look.query, look.view]


def _look_inputs(shown: Shown, look: Look, language: gr.Radio) -> list[Any]:
    return [shown.run, look.a, look.b, look.which, look.query, language]


def _wire_run(events: Events, form: Form, shown: Shown, look: Look, language: gr.Radio) -> None:
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


def _wire_shown(events: Events, shown: Shown, look: Look, language: gr.Radio) -> None:
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
    events: Events, shown: Shown, look: Look, language: gr.Radio, ranking_tab: RankingTab, tabs: gr.Tabs
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


def _wire_downloads(events: Events, shown: Shown, look: Look, language: gr.Radio) -> None:
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
