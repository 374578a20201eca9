"""The right half of the ranking tab: everything that one result is shown as."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import gradio as gr

from koe5_demo import exports, figures
from koe5_demo.catalog import EMBEDDED_MODEL
from koe5_demo.figures.of_ranking import HeatmapView, ScaleChoice, draw_heatmap, draw_map, draw_scatter, place_scores
from koe5_demo.plain_plotly import Figure
from koe5_demo.ranking.result import RankingResult
from koe5_demo.ui import ranking_html, render
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.pair_panel import PairPanel, build_pair_panel
from koe5_demo.words import Language, message

QUERY_LABEL_CHARS: Final = 60
NOT_DRAWN: Final = ("heatmap_view", "scale", "csv", "json", "pair")


@dataclass(frozen=True)
class Chosen:
    """What the visitor chose to look at: a query, the texts on the heatmap's axes and its scale, a language."""

    query: int
    view: HeatmapView
    scale: ScaleChoice
    language: Language


@dataclass(frozen=True)
class RankingResults:
    """The components. All but those of `NOT_DRAWN` change with a new result."""

    notices: gr.HTML
    query: gr.Dropdown
    ranking: gr.HTML
    made_by: gr.HTML
    details: gr.Column
    calibration: gr.HTML
    strip: gr.Plot
    strip_table: gr.HTML
    pair: PairPanel
    heatmap_view: gr.Radio
    scale: gr.Radio
    plot: gr.Plot
    scale_line: gr.HTML
    matrix: gr.HTML
    second_box: gr.Column
    second: gr.HTML
    scatter: gr.Plot
    scatter_table: gr.HTML
    map_box: gr.Accordion
    map: gr.Plot
    map_table: gr.HTML
    sent: gr.HTML
    code: gr.Code
    csv: gr.Button
    json: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """The components that `show` fills."""
        return [getattr(self, field.name) for field in fields(self) if field.name not in NOT_DRAWN]

    def show(self, result: RankingResult, chosen: Chosen) -> dict[Any, Any]:
        """Return what every component shows of a result."""
        language, queries = chosen.language, result.comparison.queries
        warning = message("embedded_warning", language) if result.info.id == EMBEDDED_MODEL else ""
        names = [(figures.label(f"Q{n}", text, QUERY_LABEL_CHARS), n - 1) for n, text in enumerate(queries, 1)]
        return {
            self.notices: render.notices(result.notices, language, warning=warning),
            self.query: gr.update(choices=names, value=chosen.query, visible=len(names) > 1),
            self.made_by: ranking_html.made_by(result, language),
            self.details: gr.update(visible=True),
            self.second_box: gr.update(visible=result.second is not None),
            self.scatter: _maybe(draw_scatter(result, language)),
            self.scatter_table: ranking_html.scatter_table(result, language),
            self.map_box: gr.update(visible=result.text_map is not None),
            self.map: _maybe(draw_map(result, language)),
            self.map_table: ranking_html.map_table(result, language),
            self.sent: ranking_html.sent(result, language),
            self.code: exports.snippet(result),
            **self.show_query(result, chosen.query, language),
            **self.show_heatmap(result, chosen),
        }

    def show_query(self, result: RankingResult, query: int, language: Language) -> dict[Any, Any]:
        """Return what depends on the chosen query."""
        placed = place_scores(result, query, language)
        return {
            self.ranking: ranking_html.ranking(result, query, language),
            self.calibration: ranking_html.calibration(placed.told, language),
            self.strip: _maybe(placed.figure),
            self.strip_table: ranking_html.strip_table(placed, language),
            self.second: ranking_html.second_ranking(result, query, language),
        }

    def show_heatmap(self, result: RankingResult, chosen: Chosen) -> dict[Any, Any]:
        """Return the heatmap, its scale and its table."""
        drawing = draw_heatmap(result, chosen.view, chosen.scale)
        return {
            self.plot: _maybe(drawing.figure),
            self.scale_line: ranking_html.heatmap_line(drawing, chosen.language),
            self.matrix: ranking_html.matrix(drawing, chosen.language),
        }


def build_results(words: Words) -> RankingResults:
    """Lay out the results, empty. Must be called inside a gr.Blocks context."""
    made: dict[str, Any] = {
        "notices": gr.HTML(elem_id="notices", **PLAIN),
        "query": words.make(
            gr.Dropdown, {"label": label("query_choice")}, choices=[], visible=False, elem_id="query-choice"
        ),
        "ranking": gr.HTML(render.empty(words.language), elem_id="ranking", min_height=180, **PLAIN),
        "made_by": gr.HTML(elem_id="made-by-box", **PLAIN),
    }
    with gr.Column(visible=False, elem_id="details") as details:
        with gr.Row(elem_classes="k-tools"):
            made["csv"] = words.make(gr.Button, {"value": label("download_csv")}, size="sm", elem_id="download-csv")
            made["json"] = words.make(gr.Button, {"value": label("download_json")}, size="sm", elem_id="download-json")
        with gr.Column(visible=False, elem_id="rival-box") as second_box:
            _caption(words, "compare_title")
            made["second"] = gr.HTML(elem_id="rival-view", **PLAIN)
            made["scatter"] = _plot(words, "compare_title", "scatter")
            made["scatter_table"] = gr.HTML(elem_id="scatter-table", **PLAIN)
        _caption(words, "high_title")
        made["calibration"] = gr.HTML(elem_id="calibration", **PLAIN)
        made["strip"] = _plot(words, "high_title", "strip")
        made["strip_table"] = gr.HTML(elem_id="strip-table", **PLAIN)
        with gr.Column(elem_id="pair-box"):
            made["pair"] = build_pair_panel(words)
        _caption(words, "heatmap")
        with gr.Row():
            made["heatmap_view"] = _radio(words, "view", "heatmap-view", _VIEWS)
            made["scale"] = _radio(words, "scale", "heatmap-scale", _SCALES)
        made["plot"] = _plot(words, "heatmap", "heatmap")
        made["scale_line"] = gr.HTML(elem_id="scale-line", **PLAIN)
        made["matrix"] = gr.HTML(elem_id="matrix", **PLAIN)
        with words.make(gr.Accordion, {"label": label("map_title")}, open=False, elem_id="map-box") as map_box:
            made["map"] = _plot(words, "map_title", "map")
            made["map_table"] = gr.HTML(elem_id="map-table", **PLAIN)
        with words.make(gr.Accordion, {"label": label("sent")}, open=False, elem_id="sent-box"):
            made["sent"] = gr.HTML(elem_id="sent", **PLAIN)
        with words.make(gr.Accordion, {"label": label("code")}, open=False, elem_id="code-box"):
            made["code"] = gr.Code(language="python", interactive=False, show_label=False, elem_id="code")
    return RankingResults(details=details, second_box=second_box, map_box=map_box, **made)


def _maybe(figure: Figure | None) -> dict[str, Any]:
    """Return a plot's update: an empty one is hidden, since its placeholder says nothing to anybody."""
    return gr.update(value=figure, visible=figure is not None)


def _caption(words: Words, key: str) -> None:
    words.make(gr.HTML, {"value": lambda language: render.caption(key, language)}, **PLAIN)


def _plot(words: Words, key: str, elem_id: str) -> gr.Plot:
    return words.make(gr.Plot, {"label": label(key)}, show_label=False, visible=False, elem_id=elem_id)


def _radio(words: Words, key: str, elem_id: str, pairs: tuple[tuple[str, str], ...]) -> gr.Radio:
    makers = {"label": label(key), "choices": choices(pairs)}
    return words.make(gr.Radio, makers, value=pairs[0][1], elem_id=elem_id)


_VIEWS: Final = (("view_cross", HeatmapView.CROSS.value), ("view_pairs", HeatmapView.PAIRS.value))
_SCALES: Final = (("scale_fixed", ScaleChoice.FIXED.value), ("scale_stretched", ScaleChoice.STRETCHED.value))
