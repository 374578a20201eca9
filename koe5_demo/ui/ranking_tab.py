"""The tab 순위·유사도: form and results side by side, and which component each event changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo import exports
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError
from koe5_demo.figures.of_ranking import HeatmapView, ScaleChoice
from koe5_demo.ranking.calibration import load_calibration
from koe5_demo.ranking.examples import Example
from koe5_demo.ranking.form import ranking_request
from koe5_demo.ranking.lexical import BM25
from koe5_demo.ranking.result import RankingResult, rank_all
from koe5_demo.settings import Settings
from koe5_demo.ui import render
from koe5_demo.ui.boundary import MODEL_QUEUE, Words, guarded, reporter
from koe5_demo.ui.pair_panel import wire_pair_panel
from koe5_demo.ui.ranking_form import RankingForm, Values, build_form
from koe5_demo.ui.ranking_results import Chosen, RankingResults, build_results
from koe5_demo.ui.share_bar import READ_LINK, ShareBar, build_share_bar, on_link, wire_share_bar
from koe5_demo.words import Language

DOWNLOADS: Final = {"csv": "text/csv;charset=utf-8", "json": "application/json"}
QUIET: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
TOLD: Final = QUIET | {"queue": True}
"""gradio shows the message of a failed event only when it is queued."""


@dataclass(frozen=True)
class RankingTab:
    """The components that other parts of the page reach for, and the event that ranks what they hold."""

    result: gr.State
    form: RankingForm
    share: ShareBar
    run_event: dict[str, Any]
    count_event: dict[str, Any]

    @property
    def queries(self) -> gr.Textbox:
        """Return the query box."""
        return self.form.queries

    @property
    def passages(self) -> gr.Textbox:
        """Return the passage box."""
        return self.form.passages

    @property
    def layout(self) -> gr.Radio:
        """Return the choice of how the passage box is parted."""
        return self.form.layout


def build_ranking_tab(
    host: ModelHost, settings: Settings, words: Words, model: gr.Dropdown, language: gr.Radio
) -> RankingTab:
    """Lay out the tab and wire its events. Must be called inside a gr.Blocks context."""
    result = gr.State(None)
    with gr.Row(elem_classes="k-columns", equal_height=False):
        with gr.Column(scale=5, min_width=320):
            form = build_form(host, settings.limits, words, model)
            bar = build_share_bar(words)
        with gr.Column(scale=7, min_width=320):
            shown = build_results(words)
    events = RankingEvents(host, settings, form, shown, result, language)
    run: dict[str, Any] = {
        "fn": guarded(events.on_run),
        # Not the choice of query: a server that has started anew knows none of its choices, and would refuse the value.
        "inputs": {*form.inputs, *events.look} - {shown.query},
        "outputs": [result, *shown.outputs, shown.pair.picked, *shown.pair.outputs],
        "api_visibility": "private",
        "concurrency_id": MODEL_QUEUE,
        "show_progress_on": [shown.ranking],
    }
    count = _wire_form(form, events, language, run)
    _wire_results(shown, result, events, language)
    wire_pair_panel(shown.pair, result, host, language)
    wire_share_bar(bar, form, language, settings.limits, run)
    _wire_downloads(result, shown, language)
    return RankingTab(result, form, bar, run, count)


class RankingEvents:
    """What the events of the tab compute: the values of components in, updates by component out."""

    def __init__(
        self,
        host: ModelHost,
        settings: Settings,
        form: RankingForm,
        shown: RankingResults,
        result: gr.State,
        language: gr.Radio,
    ) -> None:
        self._host, self._settings = host, settings
        self._form, self._shown, self._result, self._language = form, shown, result, language

    @property
    def look(self) -> set[Any]:
        """The components that say what of a result is looked at, and how."""
        return {self._shown.query, self._shown.heatmap_view, self._shown.scale, self._language}

    def on_count(self, values: Values) -> dict[Any, Any]:
        """Tell how much was read, how much of it the model will see, and what the example shows."""
        filled = self._form.read(values)
        return self._form.tell(filled, self._settings.limits, self._host, Language(values[self._language]))

    def on_file(self, values: Values) -> dict[Any, Any]:
        """Offer the columns of a new file."""
        language = Language(values[self._language])
        return self._form.offer_columns(values[self._form.file], self._settings.limits, language)

    def on_compare_with(self, values: Values) -> None:
        """Begin to load a model that is to be compared with."""
        name = values[self._form.compare_with]
        if name and name != BM25:
            self._host.request(name)

    def on_run(self, values: Values, progress: gr.Progress = gr.Progress()) -> dict[Any, Any]:  # noqa: B008 gradio's way
        """Rank, and show it all."""
        chosen = self._chosen(values, query=0)
        request = ranking_request(self._form.read(values), self._settings.limits)
        encoder = self._host.encoder(request.model)
        result = rank_all(
            request,
            encoder,
            second_encoder=self._host.encoder(request.second_model) if request.second_model else None,
            calibration=load_calibration(encoder.info, self._settings),
            on_progress=reporter(progress, chosen.language),
        )
        best = self._shown.pair.show_best(result, self._host, chosen.language)
        return {self._result: result, **self._shown.show(result, chosen), **best}

    def on_show(self, values: Values) -> dict[Any, Any]:
        """Show the same result in another language."""
        chosen, result = self._chosen(values), values[self._result]
        if result is None:
            return {self._shown.ranking: render.empty(chosen.language)}
        return self._shown.show(result, chosen)

    def on_query(self, values: Values) -> dict[Any, Any]:
        """Show the ranking of another query."""
        chosen, result = self._chosen(values), _kept(values[self._result])
        return self._shown.show_query(result, chosen.query, chosen.language)

    def on_redraw(self, values: Values) -> dict[Any, Any]:
        """Draw the heatmap anew."""
        result = _kept(values[self._result])
        return self._shown.show_heatmap(result, self._chosen(values, query=0))

    def _chosen(self, values: Values, query: int | None = None) -> Chosen:
        return Chosen(
            query=(values[self._shown.query] or 0) if query is None else query,
            view=HeatmapView(values[self._shown.heatmap_view]),
            scale=ScaleChoice(values[self._shown.scale]),
            language=Language(values[self._language]),
        )


def _wire_form(form: RankingForm, events: RankingEvents, language: gr.Radio, run: dict[str, Any]) -> dict[str, Any]:
    """Return the event that tells what the form holds."""
    count: dict[str, Any] = {
        "fn": guarded(events.on_count),
        "inputs": {*form.inputs, language},
        "outputs": [form.count, form.example_note],
        **QUIET,
    }
    for typed in (form.queries, form.passages):
        typed.change(**count, trigger_mode="always_last")
    for chosen in (form.layout, form.column, language, form.model):
        chosen.change(**count)
    opened = [form.column, form.passages]
    form.file.change(guarded(events.on_file), {form.file, language}, opened, **TOLD).then(**count)
    form.compare_with.input(guarded(events.on_compare_with), {form.compare_with, language}, None, **TOLD)
    form.run.click(**run)
    for example, button in form.examples:
        button.click(_filler(form, example), None, form.outputs, **QUIET).then(**run)
    return count


def _filler(form: RankingForm, example: Example) -> Any:
    def fill() -> dict[Any, Any]:
        return form.fill_example(example)

    return fill


def _wire_results(shown: RankingResults, result: gr.State, events: RankingEvents, language: gr.Radio) -> None:
    inputs = {result, *events.look}
    of_query = [shown.ranking, shown.calibration, shown.strip, shown.strip_table, shown.second]
    shown.query.input(guarded(events.on_query), inputs, of_query, **TOLD)
    for choice in (shown.heatmap_view, shown.scale):
        choice.input(
            guarded(events.on_redraw), inputs - {shown.query}, [shown.plot, shown.scale_line, shown.matrix], **TOLD
        )
    language.change(guarded(events.on_show), inputs, shown.outputs, **QUIET)


def _wire_downloads(result: gr.State, shown: RankingResults, language: gr.Radio) -> None:
    """Hand results to the browser as text that it saves itself: no file of a visitor stays on the server."""
    text = gr.Textbox(visible="hidden", elem_id="download-text")

    def on_csv(values: Values) -> str:
        return exports.BYTE_ORDER_MARK + exports.ranking_csv(_kept(values[result]))

    def on_json(values: Values) -> str:
        return exports.to_json(exports.ranking_json(_kept(values[result])))

    for kind, button, make in (("csv", shown.csv, on_csv), ("json", shown.json, on_json)):
        button.click(guarded(make), {result, language}, text, **TOLD).success(
            fn=None, inputs=text, js=f"(text) => window.koe5.download('koe5-ranking.{kind}', text, '{DOWNLOADS[kind]}')"
        )


def _kept(result: RankingResult | None) -> RankingResult:
    """Return a visitor's result, which a restart of the server or many other visitors may have taken away.

    Raises:
        DemoError: If it is gone.
    """
    if result is None:
        raise DemoError("run_again")
    return result


def wire_load(page: gr.Blocks, tab: RankingTab, host: ModelHost, language: gr.Radio) -> None:
    """Show a stranger the first example's result, and who follows a link what the link holds."""
    form = tab.form
    outputs = [form.model, *(part for part in form.outputs if part is not form.file)]

    def on_load(packed: str, tongue: str) -> dict[Any, Any]:
        restored = on_link(packed, host)
        if restored.refusal is not None:
            gr.Warning(restored.refusal.text(Language(tongue)))
        filled = {} if restored.form is None else form.fill(restored.form)
        return {form.model: restored.model, **{part: value for part, value in filled.items() if part in outputs}}

    page.load(
        guarded(on_load),
        [tab.share.link, language],
        outputs,
        js=READ_LINK,
        api_visibility="private",  # queued: gradio delivers warnings through the queue alone
        show_progress="hidden",
    ).then(**tab.run_event).then(**tab.count_event)
