"""The tab 순위·유사도: form and results side by side, and which component each event changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import gradio as gr

from koe5_demo import exports
from koe5_demo.encoding.host import ModelHost
from koe5_demo.figures.of_ranking import draw_heatmap, heatmap_rows
from koe5_demo.ranking.calibration import load_calibration
from koe5_demo.ranking.examples import Example
from koe5_demo.ranking.form import ranking_request
from koe5_demo.ranking.lexical import BM25
from koe5_demo.ranking.result import rank_all
from koe5_demo.settings import Settings
from koe5_demo.ui.boundary import (
    MODEL_QUEUE,
    PLAIN,
    QUIET,
    UNQUEUED,
    Words,
    for_visitors,
    guarded,
    language_of,
    latest,
    reporter,
)
from koe5_demo.ui.model_bar import model_choices
from koe5_demo.ui.ranking_form import RankingForm, Values, build_examples, build_form, rivals
from koe5_demo.ui.ranking_results import Desk, RankingResults, build_results
from koe5_demo.ui.render import hint, render_template
from koe5_demo.ui.share_bar import READ_ADDRESS, ShareBar, build_share_bar, on_link, wire_share_bar
from koe5_demo.words import Language

DOWNLOADS: Final = {
    "csv": ("koe5-ranking.csv", "text/csv;charset=utf-8"),
    "json": ("koe5-ranking.json", "application/json"),
    "heatmap_csv": ("koe5-heatmap.csv", "text/csv;charset=utf-8"),
}
ARRIVED: Final = "() => window.koe5.arrived()"
NOW: Final = "() => String(performance.now())"
DRAW_PNG: Final = "() => window.koe5.savePng('koe5-heatmap.png')"
Handler = Callable[[Values], dict[Any, Any]]


@dataclass(frozen=True)
class RankingTab:
    """The components that other parts of the page reach for, and the event that ranks what they hold."""

    form: RankingForm
    share: ShareBar
    desk: gr.State
    marked: gr.Button
    run_event: dict[str, Any]
    count_event: dict[str, Any]


def build_ranking_tab(
    host: ModelHost, settings: Settings, words: Words, model: gr.Dropdown, language: gr.Radio
) -> RankingTab:
    """Lay out the tab and wire its events. Must be called inside a gr.Blocks context."""
    desk = gr.State(Desk())
    examples = build_examples(words)
    with gr.Row(elem_classes="k-columns", equal_height=False):
        with gr.Column(elem_id="form-side", min_width=0):
            form = build_form(host, settings.limits, words, model, examples)
            bar = build_share_bar(words, form.share)
        with gr.Column(elem_id="result-side", min_width=0):
            results = build_results(words)
    words.make(gr.HTML, {"value": partial(render_template, "phone_bar.html")}, elem_id="phone-bar", **PLAIN)
    events = RankingEvents(host, settings, form, results, desk, language, words.spoken)
    run = {
        "fn": guarded(events.on_run),
        "inputs": {*form.inputs, desk, results.unfolded, language, words.spoken},
        "outputs": [desk, *results.outputs, *results.of_pair, results.stale],
        "api_visibility": "private",
        "concurrency_id": MODEL_QUEUE,
        "show_progress_on": [results.ranking],
    }
    count = _wire_form(form, events, language, run)
    _wire_results(events, language)
    wire_share_bar(bar, form, language, settings.limits, run)
    _wire_downloads(desk, results, events, language)
    return RankingTab(form, bar, desk, results.marked, run, count)


class RankingEvents:
    """What the events of the tab compute: the values of components in, updates by component out."""

    def __init__(
        self,
        host: ModelHost,
        settings: Settings,
        form: RankingForm,
        results: RankingResults,
        desk: gr.State,
        language: gr.Radio,
        spoken: gr.State,
    ) -> None:
        self._host, self._settings = host, settings
        self.form, self.results, self.desk, self.language, self.spoken = form, results, desk, language, spoken

    def on_count(self, values: Values) -> dict[Any, Any]:
        """Tell how much was read, how much of it the model will see, and whether the result still belongs to it."""
        language, desk = Language(values[self.language]), self._desk(values)
        filled = self.form.read(values)
        if desk.form is not None:
            desk.form = filled
        stale = self.results.tell_stale(desk.shown, filled, language)
        return self.form.tell(filled, self._settings.limits, self._host, language) | stale

    def on_file(self, values: Values) -> dict[Any, Any]:
        """Offer the columns of a new file."""
        return self.form.offer_columns(values[self.form.file], self._settings.limits)

    def on_sheet(self, values: Values) -> dict[Any, Any]:
        """Offer the columns of another sheet."""
        return self.form.offer_columns(values[self.form.file], self._settings.limits, values[self.form.sheet])

    def on_example(self, example: Example) -> Handler:
        """Return what shows an example in place of what is filled in."""

        def show_example(values: Values) -> dict[Any, Any]:
            return self.form.fill_example(example, self.form.read(values), values[self.form.examples.applied])

        return show_example

    def on_undo(self, values: Values) -> dict[Any, Any]:
        """Put back what an example replaced."""
        return self.form.take_back(values[self.form.examples.applied])

    def on_rivals(self, values: Values) -> dict[Any, Any]:
        """Offer what can be compared with as it stands now."""
        return {self.form.compare_with: gr.update(choices=rivals(self._host, Language(values[self.language])))}

    def on_compare_with(self, values: Values) -> None:
        """Begin to load a model that is to be compared with."""
        name = values[self.form.compare_with]
        if name and name != BM25:
            self._host.request(name)

    def on_run(self, values: Values, progress: gr.Progress = gr.Progress()) -> dict[Any, Any]:  # noqa: B008 gradio's way
        """Rank, and show it all as the page is by then; how the heatmap is looked at stays."""
        language, desk = Language(values[self.language]), self._desk(values)
        desk.folds |= set(str(values[self.results.unfolded] or "").split())
        desk.form = filled = self.form.read(values)
        try:
            request = ranking_request(filled, self._settings.limits)
            encoder = self._host.encoder(request.model)
            result = rank_all(
                request,
                encoder,
                second_encoder=self._host.encoder(request.second_model) if request.second_model else None,
                calibration=load_calibration(encoder.info, self._settings),
                on_progress=reporter(progress, language),
            )
        finally:
            by_now, desk.form = desk.form or filled, None
        desk.follow(result, filled)
        language = values[self.spoken].now(language)
        stale = self.results.tell_stale(desk.shown, by_now, language)
        pair = self.results.show_pair(desk, self._host, language)
        return {self.desk: desk, **self.results.show(desk, language), **stale, **pair}

    def on_language(self, values: Values) -> dict[Any, Any]:
        """Show the same in another language."""
        language, desk = Language(values[self.language]), self._desk(values)
        if desk.shown is None:
            return {self.results.ranking: hint("empty", language)}
        return self.results.show(desk, language)

    def on_look(self, values: Values, event: gr.EventData) -> dict[Any, Any]:
        """Show what a button among the results was pressed for."""
        desk = self._desk(values)
        desk.shown = desk.kept.pressed(str(getattr(event, "pick", "")))
        return {self.desk: desk, **self.results.show_look(desk, Language(values[self.language]))}

    def on_pick(self, values: Values, event: gr.EventData) -> dict[Any, Any]:
        """Take the score of a pair apart."""
        desk = self._desk(values)
        desk.shown = desk.kept.with_picked(str(getattr(event, "pick", "")))
        return {self.desk: desk, **self.results.show_pair(desk, self._host, Language(values[self.language]))}

    def on_unfold(self, fold: str) -> Handler:
        """Return what fills a fold now that it is open, and with every result from now on."""

        def fill(values: Values) -> dict[Any, Any]:
            desk = self._desk(values)
            desk.folds.add(fold)
            if desk.form is not None:  # the ranking under way fills it: of two answers the older may arrive last
                return {self.desk: desk}
            return {self.desk: desk, **self.results.show_fold(fold, desk, self._host, Language(values[self.language]))}

        return fill

    def on_explain(self, values: Values) -> dict[Any, Any]:
        """Show the picked pair anew: of another query, in another language, or none any more."""
        return self.results.show_pair(self._desk(values), self._host, Language(values[self.language]))

    def on_csv(self, values: Values) -> str:
        """Return the rankings of all queries as CSV; with a byte order mark, or Excel would not read the Hangul."""
        return exports.BYTE_ORDER_MARK + exports.ranking_csv(self._desk(values).kept.result)

    def on_json(self, values: Values) -> str:
        """Return the rankings of all queries as the command line and the API write them."""
        return exports.to_json(exports.ranking_json(self._desk(values).kept.result))

    def on_heatmap_csv(self, values: Values) -> str:
        """Return the heatmap as it is drawn, as a file."""
        shown = self._desk(values).kept
        rows = heatmap_rows(shown.result, draw_heatmap(shown.result, shown.look, shown.query))
        return exports.BYTE_ORDER_MARK + exports.to_csv(rows)

    def _desk(self, values: Values) -> Desk:
        """Return what the visitor has before them, which a restart or many other visitors may have taken away."""
        return values[self.desk] or Desk()


def _wire_form(form: RankingForm, events: RankingEvents, language: gr.Radio, run: dict[str, Any]) -> dict[str, Any]:
    """Return the event that lets the form be told anew."""
    count: dict[str, Any] = {"fn": None, "js": NOW, "outputs": form.recount}
    typed = (form.queries, form.passages, form.layout, form.column, form.beside)
    options = (form.windows, form.without_prompts, form.compare_with, form.model, language)
    latest(*(part.change for part in (*typed, *options, form.recount)))(
        guarded(events.on_count),
        {*form.inputs, events.desk, language},
        [*form.told, events.results.stale],
        **UNQUEUED,
    )
    form.file.change(guarded(events.on_file), {form.file, language}, form.of_file, **QUIET).then(**count)
    turned = {form.file, form.sheet, language}
    latest(form.sheet.input)(guarded(events.on_sheet), turned, form.of_file, **QUIET).then(**count)
    form.remove.click(fn=None, js="() => null", outputs=form.file)
    form.compare_with.focus(guarded(events.on_rivals), {form.model, language}, form.compare_with, **UNQUEUED)
    latest(form.compare_with.input)(guarded(events.on_compare_with), {form.compare_with, language}, None, **QUIET)
    pressed = form.run.click(**run)
    _then_look(pressed)
    pressed.failure(guarded(events.on_language), {events.desk, language}, events.results.outputs, **QUIET)
    bar = form.examples
    filled, texts = {*form.inputs, bar.applied, language}, [*form.outputs, bar.applied, bar.undo]
    for example, button in bar.buttons:
        pressed = button.click(guarded(events.on_example(example)), filled, texts, **UNQUEUED)
        _then_look(pressed.then(**run)).then(**count)
    bar.undo.click(guarded(events.on_undo), filled, texts, **UNQUEUED).then(**run).then(**count)
    return count


def _then_look(event: Any) -> Any:
    """Bring the result into sight where the form fills the window."""
    return event.success(fn=None, js=ARRIVED)


def _wire_results(events: RankingEvents, language: gr.Radio) -> None:
    results = events.results
    kept: set[Any] = {events.desk, language}
    explain: dict[str, Any] = {
        "fn": guarded(events.on_explain),
        "inputs": kept,
        "outputs": results.of_pair,
        "concurrency_id": MODEL_QUEUE,
        **QUIET,
    }
    looked = [events.desk, *results.of_look]
    results.bridges.look.click(guarded(events.on_look), kept, looked, **QUIET).success(**explain)
    results.bridges.pick.click(
        guarded(events.on_pick),
        kept,
        [events.desk, *results.of_pair],
        api_visibility="private",
        concurrency_id=MODEL_QUEUE,
        show_progress_on=[results.pair],
    )
    for name, fold in results.folds.items():
        filled = [events.desk, *results.in_fold(name)]
        options: dict[str, Any] = {"concurrency_id": MODEL_QUEUE} if name == "words" else {}
        fold.expand(guarded(events.on_unfold(name)), kept, filled, **options, **QUIET)
        fold.expand(fn=None, js=f"(names) => names + ' {name}'", inputs=results.unfolded, outputs=results.unfolded)
    language.change(guarded(events.on_language), kept, results.outputs, **UNQUEUED).then(**explain)


def _wire_downloads(desk: gr.State, results: RankingResults, events: RankingEvents, language: gr.Radio) -> None:
    """Hand results to the browser as text that it saves itself: no file of a visitor stays on the server."""
    text = gr.Textbox(visible="hidden", elem_id="download-text")
    made = {"csv": events.on_csv, "json": events.on_json, "heatmap_csv": events.on_heatmap_csv}
    for kind, make in made.items():
        name, media = DOWNLOADS[kind]
        getattr(results, kind).click(guarded(make), {desk, language}, text, **QUIET).success(
            fn=None, inputs=text, js=f"(text) => window.koe5.download('{name}', text, '{media}')"
        )
    results.png.click(fn=None, js=DRAW_PNG)


def wire_load(page: gr.Blocks, tab: RankingTab, host: ModelHost, words: Words, language: gr.Radio) -> None:
    """Show a stranger the first example's result, and who follows a link what the link holds, in their language.

    Call it when every component is built: a page in another language than the server's gets all of its words at once.
    """
    form = tab.form
    parts = [part for part in form.outputs if part is not form.file]
    outputs = list(dict.fromkeys([language, form.model, *parts, *words.components]))

    def on_load(packed: str, tongue: str) -> dict[Any, Any]:
        restored, spoken = on_link(packed, host), language_of(tongue)
        if restored.refusal is not None:
            gr.Warning(for_visitors(restored.refusal, spoken))
        filled = {} if restored.form is None else form.fill(restored.form)
        values = {part: gr.update(value=value) for part, value in filled.items() if part in parts}
        values[form.model] = gr.update(choices=model_choices(host, spoken), value=restored.model)
        said = {} if spoken is words.language else dict(zip(words.components, words.updates(spoken), strict=True))
        both = {part: {**said.get(part, {}), **value} for part, value in values.items()}
        return {**said, **both, language: spoken.value}

    page.load(
        guarded(on_load),
        [tab.share.link, language],
        outputs,
        js=READ_ADDRESS,
        **QUIET,
    ).then(**tab.run_event).then(**tab.count_event)
