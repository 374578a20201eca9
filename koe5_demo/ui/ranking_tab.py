"""The tab 순위·유사도: form and results side by side, and which component each event changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo import exports
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError
from koe5_demo.inputs import Layout
from koe5_demo.settings import Settings
from koe5_demo.ui import handlers
from koe5_demo.ui.boundary import MODEL_QUEUE, Words, guarded, reporter
from koe5_demo.ui.pair_panel import show_best_pair, wire_pair_panel
from koe5_demo.ui.ranking_form import (
    N_FORM,
    RankingForm,
    build_form,
    file_updates,
    read_form,
    read_options,
    told_of_form,
)
from koe5_demo.ui.ranking_results import RankingResults, build_results, show, show_heatmap, show_nothing, show_query
from koe5_demo.ui.share_bar import READ_LINK, ShareBar, build_share_bar, on_link, wire_share_bar
from koe5_demo.ui.state import Outcome
from koe5_demo.words import Language

DOWNLOADS: Final = {"csv": "text/csv;charset=utf-8", "json": "application/json"}
N_OPTIONS: Final = 3


@dataclass(frozen=True)
class RankingTab:
    """The components that other parts of the page reach for, and the event that ranks what they hold."""

    outcome: gr.State
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
    outcome = gr.State(None)
    with gr.Row(elem_classes="k-columns", equal_height=False):
        with gr.Column(scale=5, min_width=320):
            form = build_form(host, settings.limits, words)
            bar = build_share_bar(words)
        with gr.Column(scale=7, min_width=320):
            shown = build_results(words)
    events = _Events(host, settings, len(shown.outputs), len(shown.of_query))
    run: dict[str, Any] = {
        "fn": guarded(events.on_run),
        "inputs": [*form.texts, *form.options, model, shown.heatmap_view, shown.scale, language],
        "outputs": [outcome, *shown.outputs, shown.pair.picked, *shown.pair.outputs],
        "api_visibility": "private",
        "concurrency_id": MODEL_QUEUE,
        "show_progress_on": [shown.ranking],
    }
    count = _wire_form(form, events, model, language, run)
    _wire_results(shown, outcome, events, language)
    wire_pair_panel(shown.pair, outcome, host, language)
    wire_share_bar(bar, form, model, language, settings.limits, run)
    _wire_downloads(outcome, shown, language)
    return RankingTab(outcome, form, bar, run, count)


class _Events:
    """What the events of the tab compute. Arguments come in the order of the components wired to them."""

    def __init__(self, host: ModelHost, settings: Settings, n_shown: int, n_of_query: int) -> None:
        self._host = host
        self._settings = settings
        self._n_shown = n_shown
        self._n_of_query = n_of_query

    def on_count(self, *values: Any) -> tuple[str, str]:
        """Tell how much was read, how much of it the model will see, and what the example shows."""
        *filled, model, tongue = values
        return told_of_form(read_form(*filled), self._settings.limits, self._host, model, Language(tongue))

    def on_file(self, path: str | None, tongue: str) -> tuple[Any, Any]:
        """Offer the columns of a new file."""
        return file_updates(path, self._settings.limits, Language(tongue))

    def on_rival(self, name: str, _tongue: str) -> None:
        """Begin to load a model that is to be compared with."""
        if name and name != handlers.BM25:
            self._host.request(name)

    def on_run(self, *values: Any, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008 gradio's way
        """Rank, and show it all."""
        *filled, model, view, scale, tongue = values
        language = Language(tongue)
        options = read_options(*filled[N_FORM : N_FORM + N_OPTIONS])
        rival = self._host.encoder(options.rival) if options.rival not in ("", handlers.BM25) else None
        outcome = handlers.run(
            read_form(*filled[:N_FORM]),
            self._host.encoder(model),
            self._settings.limits,
            model=model,
            options=options,
            rival=rival,
            on_progress=reporter(progress, language),
        )
        best = show_best_pair(outcome, self._host, language)
        return [outcome, *show(outcome, 0, view, scale, self._settings, language), *best]

    def on_show(self, outcome: Outcome | None, query: int | None, view: str, scale: str, tongue: str) -> list[Any]:
        """Show the same outcome in another language."""
        language = Language(tongue)
        if outcome is None:
            return show_nothing(self._n_shown, language)
        return show(outcome, query or 0, view, scale, self._settings, language)

    def on_query(self, outcome: Outcome | None, query: int | None, tongue: str) -> list[Any]:
        """Show the ranking of another query."""
        return show_query(require(outcome), query or 0, self._settings, Language(tongue))

    def on_redraw(self, outcome: Outcome | None, view: str, scale: str, tongue: str) -> list[Any]:
        """Draw the heatmap anew."""
        return show_heatmap(require(outcome), view, scale, Language(tongue))


def require(outcome: Outcome | None) -> Outcome:
    """Return an outcome that is there.

    Raises:
        DemoError: If the server has none for this page: it has started anew, or had to let it go.
    """
    if outcome is None:
        raise DemoError("run_again")
    return outcome


def _wire_form(
    form: RankingForm, events: _Events, model: gr.Dropdown, language: gr.Radio, run: dict[str, Any]
) -> dict[str, Any]:
    """Return the event that tells what the form holds."""
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    count: dict[str, Any] = {
        "fn": guarded(events.on_count),
        "inputs": [*form.texts, model, language],
        "outputs": [form.count, form.example_note],
        **quiet,
    }
    for typed in (form.queries, form.passages):
        typed.change(**count, trigger_mode="always_last")
    for chosen in (form.layout, form.column, language, model):
        chosen.change(**count)
    # Queued: gradio shows the message of a failed event only then.
    told = quiet | {"queue": True}
    form.file.change(guarded(events.on_file), [form.file, language], [form.column, form.passages], **told).then(**count)
    form.rival.input(guarded(events.on_rival), [form.rival, language], None, **told)
    form.run.click(**run)
    for example, button in form.examples:
        outputs = [form.queries, form.passages, form.layout, form.file, form.rival]
        button.click(_fill(example), None, outputs, **quiet).then(**run)
    return count


def _fill(example: handlers.Example) -> Any:
    def fill() -> tuple[Any, ...]:
        rival = example.rival or gr.skip()
        return example.text_of_queries, example.text_of_passages, Layout.BLOCKS.value, None, rival

    return fill


def _wire_results(shown: RankingResults, outcome: gr.State, events: _Events, language: gr.Radio) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    view = [shown.heatmap_view, shown.scale]
    told = quiet | {"queue": True}  # gradio shows the message of a failed event only then
    shown.query.input(guarded(events.on_query), [outcome, shown.query, language], shown.of_query, **told)
    for choice in view:
        choice.input(guarded(events.on_redraw), [outcome, *view, language], shown.of_heatmap, **told)
    language.change(guarded(events.on_show), [outcome, shown.query, *view, language], shown.outputs, **quiet)


def _wire_downloads(outcome: gr.State, shown: RankingResults, language: gr.Radio) -> None:
    """Hand results to the browser as text that it saves itself: no file of a visitor stays on the server."""
    text = gr.Textbox(visible="hidden", elem_id="download-text")

    def on_csv(held: Outcome | None, _tongue: str) -> str:
        result = require(held)
        return exports.BYTE_ORDER_MARK + exports.ranking_csv(result.comparison, result.info)

    def on_json(held: Outcome | None, _tongue: str) -> str:
        result = require(held)
        return exports.to_json(exports.ranking_json(result.comparison, result.info))

    for kind, button, make in (("csv", shown.csv, on_csv), ("json", shown.json, on_json)):
        # Queued: gradio shows the message of a failed event only then.
        button.click(
            guarded(make), [outcome, language], text, api_visibility="private", show_progress="hidden"
        ).success(
            fn=None, inputs=text, js=f"(text) => window.koe5.download('koe5-ranking.{kind}', text, '{DOWNLOADS[kind]}')"
        )


def wire_load(page: gr.Blocks, tab: RankingTab, host: ModelHost, model: gr.Dropdown, language: gr.Radio) -> None:
    """Show a stranger the first example's result, and who follows a link what the link holds."""
    restored = [form_part for form_part in tab.form.restored if form_part is not tab.form.file]

    def on_load(packed: str, *now: Any) -> list[Any]:
        restored = on_link(packed, host, [*now[:3], None, *now[3:-1]])
        if restored.refusal is not None:
            gr.Warning(restored.refusal.text(Language(now[-1])))
        return [*restored.values[:4], *restored.values[5:]]

    page.load(
        guarded(on_load),
        [tab.share.link, *restored, language],
        [model, *restored],
        js=READ_LINK,
        api_visibility="private",  # queued: gradio delivers warnings through the queue alone
        show_progress="hidden",
    ).then(**tab.run_event).then(**tab.count_event)
