"""The tab 성능 평가: which of its components each event reads and changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.live import LiveBenchmarks, RunState
from koe5_demo.benchmark.own.session import of_set
from koe5_demo.benchmark.progress import RunQueue
from koe5_demo.benchmark.saved_runs import SHIPPED
from koe5_demo.encoding.host import ModelHost
from koe5_demo.inputs import Layout
from koe5_demo.settings import Settings
from koe5_demo.ui.benchmark_form import RunForm, Values, progress
from koe5_demo.ui.benchmark_look import CloserLook
from koe5_demo.ui.benchmark_results import RunResults
from koe5_demo.ui.boundary import QUIET, Words, guarded, label, latest, wire
from koe5_demo.ui.own_data_tab import OwnDataPanel, build_own_data_tab
from koe5_demo.ui.ranking_results import Desk
from koe5_demo.ui.ranking_tab import RankingTab
from koe5_demo.words import Language

BENCHMARK_QUEUE: Final = "benchmark"
RUNS_AT_ONCE: Final = 8
"""Runs that may be under way or wait where they can be seen; one computes at a time, by the queue of runs."""


def build_benchmark_tab(
    host: ModelHost,
    settings: Settings,
    words: Words,
    language: gr.Radio,
    ranking_tab: RankingTab,
    *,
    tabs: gr.Tabs,
    tab: gr.Tab,
    runs: RunQueue,
) -> None:
    """Lay out the tab and wire its events. Must be called inside `tab`.

    Args:
        host: Where models come from.
        settings: Where runs and vectors are kept, and whether models outside the catalog may be named.
        words: Collects what changes with the language.
        language: The page's switch.
        ranking_tab: Where a query can be opened.
        tabs: All tabs, to switch to that one.
        tab: This one; what changes by itself is told anew when it is opened.
        runs: The queue of benchmark runs, shared with the endpoint.
    """
    live = LiveBenchmarks(host, settings, runs)
    form = RunForm(live, host, settings, words)
    results = RunResults(live.saved, words)
    results.build_board()
    with gr.Tabs(elem_id="bench-parts") as parts:
        with words.make(gr.Tab, {"label": label("bench_results")}, id="results"):
            results.build_run()
        look = CloserLook(live.saved, results.run, words)
        with words.make(gr.Tab, {"label": label("bench_published")}, id="published"):
            results.build_published()
        with words.make(gr.Tab, {"label": label("bench_tab_compare")}, id="compare"):
            look.build_comparison()
        with words.make(gr.Tab, {"label": label("bench_tab_queries")}, id="queries"):
            look.build_queries()
        with words.make(gr.Tab, {"label": label("bench_tab_own")}, id="own"):
            own = build_own_data_tab(live, settings, words, language)
    events = _Events(live, form, results, look, language, words.spoken)
    events.wire_opening(tab)
    events.wire_run()
    events.wire_results()
    events.wire_look()
    events.wire_downloads()
    events.wire_ranking(ranking_tab, tabs)
    events.wire_marks(ranking_tab, own, tabs, parts)


class _Events:
    """Handlers over all parts of the tab: values by component in, the values that change out."""

    def __init__(
        self,
        live: LiveBenchmarks,
        form: RunForm,
        results: RunResults,
        look: CloserLook,
        language: gr.Radio,
        spoken: gr.State,
    ) -> None:
        self._live = live
        self._form = form
        self._results = results
        self._look = look
        self._language, self._spoken = language, spoken
        self._on = partial(wire, language=language, spoken=spoken)
        self._shown = [*results.outputs, *look.lists]
        self._opened = gr.State(value=False)  # whether this page has shown the tab yet
        self._arrived = gr.State(("", 0))  # the run that a result came of, and how many it has
        self._last_step = gr.State(None)  # how far this page's run is, and how many results it has

    def wire_opening(self, tab: gr.Tab) -> None:
        """Tell what there is when the tab is opened: a page that is only ranked with asks for none of it."""
        form, results, look = self._form, self._results, self._look
        inputs = {*form.inputs, *results.inputs, *look.inputs, self._opened}
        told = [*form.told, results.run, results.board]
        opened = self._on(tab.select, self.open, inputs, [self._opened, *told, *self._shown, *look.untested])
        self._on(opened.then, look.compare, look.inputs, [look.comparison])
        retold = [*told, *self._shown, *look.outputs, form.progress]
        self._on(self._language.change, self.speak, {*inputs, self._last_step}, retold, spoken=None, queue=False)

    def wire_run(self) -> None:
        """Estimate, start, run, stop."""
        form, results, look = self._form, self._results, self._look
        systems = latest(form.systems.models.input, form.systems.more.input)
        self._on(systems, form.estimate, form.inputs, [form.about, form.chosen])
        chosen = [form.datasets, form.suite, form.chosen]
        for event, choose in (
            (form.suite.input, form.choose_suite),
            (form.datasets.input, form.choose_datasets),
        ):
            self._on(latest(event), choose, {*form.inputs, form.suite}, chosen)
        inputs = {*form.inputs, form.token, self._language, self._spoken}
        outputs = [form.progress, *form.pressed, self._arrived, self._last_step]
        for button, begin, run in (
            (form.start, form.begin, self.run_chosen),
            (form.reproduce, form.begin_paper, self.reproduce),
        ):
            started = self._on(button.click, begin, form.inputs, [form.token, *form.pressed], spoken=None)
            started.success(
                guarded(run), inputs, outputs, concurrency_id=BENCHMARK_QUEUE, concurrency_limit=RUNS_AT_ONCE, **QUIET
            )
        # As the page is then: a run takes minutes, its choices are older.
        arrived = {self._arrived, *results.inputs}
        came = self._on(self._arrived.change, self.show_arrived, arrived, [results.board, results.run, *self._shown])
        self._on(came.then, look.look, look.inputs, look.outputs)
        form.stop.click(self.stop, {form.token}, [form.stop], queue=False, **QUIET)

    def wire_results(self) -> None:
        """Show another run, or other published rows."""
        results, look = self._results, self._look
        chosen = self._on(latest(results.run.input), self.show_run, results.inputs, self._shown)
        self._on(chosen.then, look.look, look.inputs, look.outputs)
        # A text box tells of typing by `change`; no handler writes to this one.
        edited: list[Any] = [part.change if part is results.published_name else part.input for part in results.filters]
        self._on(latest(*edited), self.place, results.inputs, [results.published])

    def wire_look(self) -> None:
        """Look at another result, against another one, at other queries."""
        look = self._look
        self._on(latest(look.a.input), self.choose_result, look.inputs, [look.of, look.b, *look.outputs])
        self._on(latest(look.of.input), self.choose_of, {*look.inputs, look.of}, [look.a, look.b, *look.outputs])
        self._on(latest(look.b.input), look.look, look.inputs, look.outputs)
        self._on(latest(look.which.input, look.query.input), look.explore, look.inputs, look.explorer_outputs)
        for button, name, step in ((look.next, "next_query", 1), (look.previous, "previous_query", -1)):
            self._on(button.click, partial(look.explore, step=step), look.inputs, look.explorer_outputs, name=name)

    def wire_downloads(self) -> None:
        """Hand files to the browser as text that it saves itself."""
        results, look = self._results, self._look
        name = gr.Textbox(visible="hidden", elem_id="bench-download-name")
        text = gr.Textbox(visible="hidden", elem_id="bench-download-text")
        plans = (
            (results.csv, results.csv_file, results.run, "text/csv;charset=utf-8"),
            (results.markdown, results.markdown_file, results.run, "text/markdown;charset=utf-8"),
            (look.json, look.json_file, look.a, "application/json"),
            (look.trec, look.trec_file, look.a, "text/plain;charset=utf-8"),
        )

        def file(make: Callable[[Values], tuple[str, str]], values: Values, _language: Language) -> Values:
            return dict(zip((name, text), make(values), strict=True))

        for button, make, source, kind in plans:
            compute, boxes = partial(file, make), [name, text]
            made = self._on(button.click, compute, {source}, boxes, name=make.__name__, queue=False)
            made.success(fn=None, inputs=[name, text], js=f"(name, text) => window.koe5.download(name, text, '{kind}')")

    def wire_ranking(self, ranking_tab: RankingTab, tabs: gr.Tabs) -> None:
        """Put a query and its best documents into the ranking tab, and go there."""
        form = ranking_tab.form

        def open_in_ranking(values: Values, _language: Language) -> Values:
            texts = self._look.ranking_texts(values)
            if texts is None:
                return {tabs: gr.skip()}
            return {
                form.queries: texts[0],
                form.passages: texts[1],
                form.layout: Layout.BLOCKS.value,
                form.file: None,
                tabs: gr.Tabs(selected="ranking"),
            }

        outputs = [form.queries, form.passages, form.layout, form.file, tabs]
        opened = self._on(self._look.open.click, open_in_ranking, self._look.inputs, outputs)
        opened.then(fn=None, js="() => window.scrollTo({top: 0})").then(**ranking_tab.run_event)

    def wire_marks(self, ranking_tab: RankingTab, own: OwnDataPanel, tabs: gr.Tabs, parts: gr.Tabs) -> None:
        """Take the answers that were marked in the ranking as a set of the visitor's own, and go there."""

        def take_marks(values: Values, language: Language) -> Values:
            marked = of_set((values[ranking_tab.desk] or Desk()).kept.own_set)
            there = {tabs: gr.Tabs(selected="benchmark"), parts: gr.Tabs(selected="own")}
            return {**own.take(marked, values, language), **there}

        inputs, outputs = {ranking_tab.desk, own.desk, *own.choice_inputs}, [own.desk, *own.shown, tabs, parts]
        self._on(ranking_tab.marked.click, take_marks, inputs, outputs)

    def open(self, values: Values, language: Language) -> Values:
        """Tell what there is; the first time all of it, in the page's language."""
        if not values[self._opened]:
            return {self._opened: True, **self._all(values, language)}
        return {**self._form.refresh(values, language), **self._measured(values[self._results.run], language)}

    def speak(self, values: Values, language: Language) -> Values:
        """Tell all of it in another language, where it has been seen."""
        if not values[self._opened]:
            return {self._results.board: gr.skip()}
        last = values[self._last_step]
        told = {self._form.progress: progress(last[0], last[1], language)} if last else {}
        return {**told, **self._all(values, language), **self._look.compare(values, language)}

    def _all(self, values: Values, language: Language) -> Values:
        shown = {**self._measured(values[self._results.run], language), **self.show_run(values, language)}
        return {**self._form.refresh(values, language), **shown, **self._look.look_untested(values, language)}

    def _measured(self, run_id: str | None, language: Language) -> Values:
        results = self._results
        return {**results.run_list(run_id, language), results.board: results.board_html(language)}

    def show_run(self, values: Values, language: Language) -> Values:
        """Show a run; the closer look goes to what it was at, or to the run's first result."""
        unchosen = {self._look.a: None, self._look.b: None}
        saved = self._live.saved.results(values[self._results.run] or SHIPPED)
        return {
            **self._results.show(saved, values, language),
            **self._look.offer({**unchosen, **values}, language),
        }

    def place(self, values: Values, language: Language) -> Values:
        """Show the published rows of another choice."""
        saved = self._live.saved.results(values[self._results.run] or SHIPPED)
        return self._results.place(saved, values, language)

    def choose_result(self, values: Values, language: Language) -> Values:
        """Look at another result, at its first query."""
        look = self._look
        values = {**values, look.query: None}
        return {look.of: values[look.a], **look.offer_others(values, language), **look.look(values, language)}

    def choose_of(self, values: Values, language: Language) -> Values:
        """Look at another result, chosen where its queries are."""
        look = self._look
        values = {**values, look.a: values[look.of], look.query: None}
        return {look.a: values[look.a], **look.offer_others(values, language), **look.look(values, language)}

    def run_chosen(self, values: Values) -> Iterator[Values]:
        """Run what was chosen, telling how far it is and of every result as it comes."""
        yield from self._follow(self._live.run(self._form.read(values), values[self._form.token]), values)

    def reproduce(self, values: Values) -> Iterator[Values]:
        """Run the paper's sets, telling how far it is and of every result as it comes."""
        yield from self._follow(self._live.reproduce(values[self._form.token]), values)

    def _follow(self, states: Iterator[RunState], values: Values) -> Iterator[Values]:
        for state in states:
            saved = self._live.saved.results(state.run_id) if state.new_result else []
            language = values[self._spoken].now(values[self._language])
            last = replace(state, result=None), len(saved)
            shown: Values = {self._form.progress: progress(*last, language), self._last_step: last}
            shown |= self._form.buttons(running=not state.ended)
            if saved:
                shown[self._arrived] = state.run_id, len(saved)
            yield shown

    def show_arrived(self, values: Values, language: Language) -> Values:
        """Show the run that a result came of."""
        run_id, _ = values[self._arrived]
        chosen = {**values, self._results.run: run_id}
        return {**self._measured(run_id, language), **self.show_run(chosen, language)}

    def stop(self, values: Values) -> Values:
        """Ask the visitor's run to stop."""
        self._live.stop(values[self._form.token])
        return {self._form.stop: gr.update(interactive=False)}
