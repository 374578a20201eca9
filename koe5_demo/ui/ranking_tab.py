"""The tab 순위·유사도: its components, and which of them each event changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from koe5_demo import exports, figures
from koe5_demo.catalog import EMBEDDED_MODEL
from koe5_demo.encoding.host import ModelHost
from koe5_demo.inputs import READERS, Layout
from koe5_demo.messages import Language
from koe5_demo.settings import Limits
from koe5_demo.ui import handlers, render
from koe5_demo.ui.boundary import Words, choices, guarded, label, reporter
from koe5_demo.ui.handlers import Form
from koe5_demo.ui.state import HeatmapView, Outcome, ScaleChoice
from koe5_demo.ui.text import t

MODEL_QUEUE: Final = "model"
QUERY_LABEL_CHARS: Final = 60
N_SHOWN: Final = 10
PLAIN: Final[dict[str, Any]] = {"padding": False, "apply_default_css": False}
DOWNLOADS: Final = {"csv": "text/csv;charset=utf-8", "json": "application/json"}


@dataclass(frozen=True)
class RankingTab:
    """The components that other parts of the page reach for, and the event that ranks what they hold."""

    outcome: gr.State
    queries: gr.Textbox
    passages: gr.Textbox
    layout: gr.Radio
    run: gr.Button
    run_event: dict[str, Any]


def build_ranking_tab(
    host: ModelHost, limits: Limits, words: Words, model: gr.Dropdown, language: gr.Radio
) -> RankingTab:
    """Lay out the tab and wire its events. Must be called inside a gr.Blocks context."""
    outcome = gr.State(None)
    first = handlers.examples()[0]
    with gr.Row(elem_classes="k-columns", equal_height=False):
        with gr.Column(scale=5, min_width=320):
            example_buttons = _examples(words)
            queries = words.make(
                gr.Textbox,
                {"label": label("queries"), "info": label("queries_hint", limit=limits.queries)},
                value=first.text_of_queries,
                lines=2,
                max_lines=6,
                elem_id="queries",
            )
            passages = words.make(
                gr.Textbox,
                {
                    "label": label("passages"),
                    "info": label("passages_hint", limit=limits.passages, chars=limits.chars_per_text),
                },
                value=first.text_of_passages,
                lines=10,
                max_lines=10,
                elem_id="passages",
            )
            layout = words.make(
                gr.Radio,
                {
                    "label": label("layout"),
                    "choices": choices([("layout_lines", Layout.LINES.value), ("layout_blocks", Layout.BLOCKS.value)]),
                },
                value=Layout.BLOCKS.value,
                elem_id="layout",
            )
            file = words.make(
                gr.File,
                {"label": label("file", mb=limits.file_mb)},
                file_types=[f".{kind}" for kind in READERS],
                file_count="single",
                type="filepath",
                height=140,
                elem_id="file",
            )
            column = words.make(gr.Dropdown, {"label": label("column")}, choices=[], visible=False, elem_id="column")
            count = gr.HTML(elem_id="count", **PLAIN)
            run = words.make(gr.Button, {"value": label("run")}, variant="primary", elem_id="run")
        with gr.Column(scale=7, min_width=320):
            shown = _results(words)

    form = [queries, passages, layout, file, column]
    view = [shown.query, shown.heatmap_view, shown.scale]

    events = _Events(host, limits)
    counted: dict[str, Any] = {
        "fn": guarded(events.on_count),
        "inputs": [*form, language],
        "outputs": count,
        "api_visibility": "private",
    }
    for changed in (queries, passages):
        changed.change(**counted, trigger_mode="always_last", show_progress="hidden", queue=False)
    for chosen in (layout, column, language):
        chosen.input(**counted, show_progress="hidden", queue=False)
    file.change(
        guarded(events.on_file), [file, language], [column, passages], api_visibility="private", show_progress="hidden"
    ).then(**counted, show_progress="hidden")
    runs: dict[str, Any] = {
        "fn": guarded(events.on_run),
        "inputs": [*form, model, shown.heatmap_view, shown.scale, language],
        "outputs": [outcome, *shown.outputs],
        "api_visibility": "private",
        "concurrency_id": MODEL_QUEUE,
        "show_progress_on": [shown.ranking],
    }
    run.click(**runs)
    for example, button in example_buttons:
        fill = _fill(example)
        button.click(fill, outputs=[queries, passages, layout, file], api_visibility="private", queue=False).then(
            **runs
        )
    shown.query.input(_on_query, [outcome, shown.query, language], shown.ranking, api_visibility="private", queue=False)
    for choice in (shown.heatmap_view, shown.scale):
        choice.input(
            _on_redraw,
            [outcome, shown.heatmap_view, shown.scale, language],
            [shown.plot, shown.scale_line, shown.matrix],
            api_visibility="private",
            queue=False,
        )
    language.change(
        _on_show,
        [outcome, *view, language],
        shown.outputs,
        api_visibility="private",
        queue=False,
        show_progress="hidden",
    )
    _wire_downloads(outcome, shown)
    return RankingTab(outcome, queries, passages, layout, run, runs)


class _Events:
    """What the events of the tab compute. Arguments come in the order of the components wired to them."""

    def __init__(self, host: ModelHost, limits: Limits) -> None:
        self._host = host
        self._limits = limits

    def on_count(self, *values: Any) -> str:
        """Tell how much was read."""
        *filled, tongue = values
        language = Language(tongue)
        return render.line(handlers.count_line(_form(*filled), self._limits, language), language)

    def on_file(self, path: str | None, tongue: str) -> tuple[Any, Any]:
        """Offer the columns of a new file, and rest the passage box while there is one."""
        if path is None:
            return gr.update(visible=False, choices=[], value=None), gr.update(interactive=True, placeholder="")
        table = handlers.open_table(Path(path), self._limits)
        resting = gr.update(interactive=False, placeholder=t("passages_from_file", Language(tongue)))
        several = len(table.columns) > 1
        return gr.update(visible=several, choices=list(table.columns), value=table.suggested_column), resting

    def on_run(self, *values: Any, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008 gradio's way
        """Rank, and show it all."""
        *filled, name, view, scale, tongue = values
        language = Language(tongue)
        encoder = self._host.encoder(name)
        outcome = handlers.run(_form(*filled), encoder, self._limits, on_progress=reporter(progress, language))
        return [outcome, *_show(outcome, 0, view, scale, language)]


def _on_show(outcome: Outcome | None, query: int | None, view: str, scale: str, tongue: str) -> list[Any]:
    """Show the same outcome in another language."""
    language = Language(tongue)
    if outcome is None:
        return [gr.skip(), gr.skip(), render.empty(language), *[gr.skip()] * (N_SHOWN - 3)]
    return _show(outcome, query or 0, view, scale, language)


def _on_redraw(outcome: Outcome | None, view: str, scale: str, tongue: str) -> list[Any]:
    """Draw the heatmap anew."""
    return [gr.skip()] * 3 if outcome is None else _draw(outcome, view, scale, Language(tongue))


def _on_query(outcome: Outcome | None, query: int | None, tongue: str) -> Any:
    """Show the ranking of another query."""
    return gr.skip() if outcome is None else render.ranking(outcome, query or 0, Language(tongue))


@dataclass(frozen=True)
class _Results:
    notices: gr.HTML
    query: gr.Dropdown
    ranking: gr.HTML
    made_by: gr.HTML
    heatmap_view: gr.Radio
    scale: gr.Radio
    plot: gr.Plot
    scale_line: gr.HTML
    matrix: gr.HTML
    sent: gr.HTML
    code: gr.Code
    csv: gr.Button
    json: gr.Button
    details: gr.Column

    @property
    def outputs(self) -> list[Any]:
        """Return what a new outcome changes, in the order of `_show`."""
        return [
            self.notices,
            self.query,
            self.ranking,
            self.made_by,
            self.plot,
            self.scale_line,
            self.matrix,
            self.sent,
            self.code,
            self.details,
        ]


def _examples(words: Words) -> list[tuple[handlers.Example, gr.Button]]:
    with gr.Row(elem_classes="k-examples"):
        words.make(gr.HTML, {"value": lambda language: render.caption("examples", language)}, **PLAIN)
        return [
            (
                example,
                words.make(
                    gr.Button,
                    {"value": example.title.__getitem__},
                    size="sm",
                    variant="secondary",
                    elem_id=f"example-{example.id}",
                ),
            )
            for example in handlers.examples()
        ]


def _results(words: Words) -> _Results:
    notices = gr.HTML(elem_id="notices", **PLAIN)
    query = words.make(gr.Dropdown, {"label": label("query_choice")}, choices=[], visible=False, elem_id="query-choice")
    ranking = gr.HTML(render.empty(words.language), elem_id="ranking", min_height=180, **PLAIN)
    made_by = gr.HTML(elem_id="made-by-box", **PLAIN)
    with gr.Column(visible=False, elem_id="details") as details:
        with gr.Row():
            csv = words.make(gr.Button, {"value": label("download_csv")}, size="sm", elem_id="download-csv")
            json = words.make(gr.Button, {"value": label("download_json")}, size="sm", elem_id="download-json")
        words.make(gr.HTML, {"value": lambda language: render.caption("heatmap", language)}, **PLAIN)
        with gr.Row():
            view = words.make(
                gr.Radio,
                {
                    "label": label("view"),
                    "choices": choices(
                        [("view_cross", HeatmapView.CROSS.value), ("view_pairs", HeatmapView.PAIRS.value)]
                    ),
                },
                value=HeatmapView.CROSS.value,
                elem_id="heatmap-view",
            )
            scale = words.make(
                gr.Radio,
                {
                    "label": label("scale"),
                    "choices": choices(
                        [("scale_fixed", ScaleChoice.FIXED.value), ("scale_stretched", ScaleChoice.STRETCHED.value)]
                    ),
                },
                value=ScaleChoice.FIXED.value,
                elem_id="heatmap-scale",
            )
        plot = words.make(gr.Plot, {"label": label("heatmap")}, show_label=False, elem_id="heatmap")
        scale_line = gr.HTML(elem_id="scale-line", **PLAIN)
        matrix = gr.HTML(elem_id="matrix", **PLAIN)
        with words.make(gr.Accordion, {"label": label("sent")}, open=False, elem_id="sent-box"):
            sent = gr.HTML(elem_id="sent", **PLAIN)
        with words.make(gr.Accordion, {"label": label("code")}, open=False, elem_id="code-box"):
            code = gr.Code(language="python", interactive=False, show_label=False, elem_id="code")
    return _Results(
        notices, query, ranking, made_by, view, scale, plot, scale_line, matrix, sent, code, csv, json, details
    )


def _form(queries: str, passages: str, layout: str, file: str | None, column: str | None) -> Form:
    return Form(queries or "", passages or "", Layout(layout), Path(file) if file else None, column if file else None)


def _fill(example: handlers.Example) -> Any:
    def fill() -> tuple[str, str, str, None]:
        return example.text_of_queries, example.text_of_passages, Layout.BLOCKS.value, None

    return fill


def _show(outcome: Outcome, query: int, view: str, scale: str, language: Language) -> list[Any]:
    comparison = outcome.comparison
    warning = t("embedded_warning", language) if outcome.info.id == EMBEDDED_MODEL else ""
    names = [(figures.label(f"Q{n}", text, QUERY_LABEL_CHARS), n - 1) for n, text in enumerate(comparison.queries, 1)]
    return [
        render.notices(outcome.notices, language, warning=warning),
        gr.update(choices=names, value=query, visible=len(names) > 1),
        render.ranking(outcome, query, language),
        render.made_by(outcome, language),
        *_draw(outcome, view, scale, language),
        render.sent(outcome, language),
        exports.snippet(comparison, outcome.info),
        gr.update(visible=True),
    ]


def _draw(outcome: Outcome, view: str, scale: str, language: Language) -> list[Any]:
    drawing = handlers.drawing(outcome, HeatmapView(view), ScaleChoice(scale))
    figure = figures.heatmap(
        drawing.scores,
        drawing.rows,
        drawing.columns,
        drawing.scale,
        row_mark=drawing.row_mark,
        column_mark=drawing.column_mark,
    )
    return [figure, render.heatmap_line(drawing, language), render.matrix(drawing, language)]


def _wire_downloads(outcome: gr.State, shown: _Results) -> None:
    """Hand results to the browser as text that it saves itself: no file of a visitor stays on the server."""
    text = gr.Textbox(visible="hidden", elem_id="download-text")

    def csv(result: Outcome) -> str:
        return exports.BYTE_ORDER_MARK + exports.ranking_csv(result.comparison, result.info)

    def json(result: Outcome) -> str:
        return exports.to_json(exports.ranking_json(result.comparison, result.info))

    for kind, button, make in (("csv", shown.csv, csv), ("json", shown.json, json)):
        button.click(make, outcome, text, api_visibility="private", queue=False).then(
            fn=None, inputs=text, js=f"(text) => window.koe5.download('koe5-ranking.{kind}', text, '{DOWNLOADS[kind]}')"
        )
