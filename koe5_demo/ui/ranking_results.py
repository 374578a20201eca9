"""The right half of the ranking tab: everything that one outcome is shown as."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import gradio as gr

from koe5_demo import exports, figures
from koe5_demo.catalog import EMBEDDED_MODEL
from koe5_demo.plain_plotly import Figure
from koe5_demo.records import Role
from koe5_demo.settings import Settings
from koe5_demo.ui import handlers, render, twins
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.pair_handlers import calibrate_outcome
from koe5_demo.ui.pair_panel import PairPanel, build_pair_panel
from koe5_demo.ui.state import HeatmapView, Outcome, Pick, ScaleChoice
from koe5_demo.words import Language, message

QUERY_LABEL_CHARS: Final = 60
NOT_DRAWN: Final = ("heatmap_view", "scale", "csv", "json", "pair")


@dataclass(frozen=True)
class RankingResults:
    """The components. All but those of `NOT_DRAWN` change with a new outcome, in the order of the fields."""

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
    rival_box: gr.Column
    rival: gr.HTML
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
        """Return what `show` fills, in its order."""
        return [getattr(self, field.name) for field in fields(self) if field.name not in NOT_DRAWN]

    @property
    def of_query(self) -> list[Any]:
        """Return what `show_query` fills, in its order."""
        return [self.ranking, self.calibration, self.strip, self.strip_table, self.rival]

    @property
    def of_heatmap(self) -> list[Any]:
        """Return what `show_heatmap` fills, in its order."""
        return [self.plot, self.scale_line, self.matrix]


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
        with gr.Column(visible=False, elem_id="rival-box") as rival_box:
            _caption(words, "rival_title")
            made["rival"] = gr.HTML(elem_id="rival-view", **PLAIN)
            made["scatter"] = _plot(words, "rival_title", "scatter")
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
    return RankingResults(details=details, rival_box=rival_box, map_box=map_box, **made)


def show(outcome: Outcome, query: int, view: str, scale: str, settings: Settings, language: Language) -> list[Any]:
    """Return what every component of `RankingResults.outputs` shows of an outcome."""
    comparison = outcome.comparison
    warning = message("embedded_warning", language) if outcome.info.id == EMBEDDED_MODEL else ""
    names = [(figures.label(f"Q{n}", text, QUERY_LABEL_CHARS), n - 1) for n, text in enumerate(comparison.queries, 1)]
    ranking, *high, rival = show_query(outcome, query, settings, language)
    return [
        render.notices(outcome.notices, language, warning=warning),
        gr.update(choices=names, value=query, visible=len(names) > 1),
        ranking,
        render.made_by(outcome, language),
        gr.update(visible=True),
        *high,
        *show_heatmap(outcome, view, scale, language),
        gr.update(visible=outcome.rival is not None),
        rival,
        _maybe(_scatter(outcome, language)),
        twins.scatter(outcome, language),
        gr.update(visible=outcome.text_map is not None),
        _maybe(_map(outcome, language)),
        twins.text_map(outcome, language),
        render.sent(outcome, language),
        exports.snippet(comparison, outcome.info),
    ]


def show_nothing(n: int, language: Language) -> list[Any]:
    """Return what the components show before the first outcome, in another language."""
    return [gr.skip(), gr.skip(), render.empty(language), *[gr.skip()] * (n - 3)]


def show_query(outcome: Outcome, query: int, settings: Settings, language: Language) -> list[Any]:
    """Return what depends on the chosen query."""
    high = calibrate_outcome(outcome, query, settings, language)
    return [
        render.ranking(outcome, query, language),
        render.calibration(high.told, language),
        _maybe(high.figure),
        twins.strip(high, language) if high.places else "",
        render.rival(outcome, query, language),
    ]


def show_heatmap(outcome: Outcome, view: str, scale: str, language: Language) -> list[Any]:
    """Return the heatmap, its scale and its table."""
    drawing = handlers.drawing(outcome, HeatmapView(view), ScaleChoice(scale))
    names = [str(pick) for pick in drawing.row_picks], [str(pick) for pick in drawing.column_picks]
    figure = figures.heatmap(drawing.scores, drawing.rows, drawing.columns, drawing.scale, names)
    return [_maybe(figure), render.heatmap_line(drawing, language), render.matrix(drawing, language)]


def _scatter(outcome: Outcome, language: Language) -> Figure | None:
    if outcome.rival is None:
        return None
    left, right, places = outcome.rival.report.scatter()
    return figures.score_scatter(
        left,
        right,
        [f"Q{query + 1} P{passage + 1}" for query, passage in places],
        [outcome.comparison.passages[passage] for _, passage in places],
        x_title=message("scatter_of", language, model=outcome.info.id),
        y_title=message("scatter_of", language, model=outcome.rival.name),
    )


def _map(outcome: Outcome, language: Language) -> Figure | None:
    found = outcome.text_map
    if found is None:
        return None
    picks = [Pick(Role.QUERY, n) for n in range(len(outcome.comparison.queries))]
    picks += [Pick(Role.PASSAGE, place) for place in outcome.pair_passages]
    names = [figures.shown_name(str(pick)) for pick in picks]
    hovers = [
        [
            outcome.text(pick),
            *(message("map_near", language, name=names[place], cosine=cosine) for place, cosine in near),
        ]
        for pick, near in zip(
            picks, (zip(*pair, strict=True) for pair in zip(found.neighbours, found.cosines, strict=True)), strict=True
        )
    ]
    groups = [message("map_queries" if pick.role is Role.QUERY else "map_passages", language) for pick in picks]
    x_title, y_title = (
        message("map_axis", language, n=n, percent=100 * part) for n, part in enumerate(found.explained, 1)
    )
    return figures.text_map_figure(found.points, groups, names, hovers, x_title=x_title, y_title=y_title)


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
