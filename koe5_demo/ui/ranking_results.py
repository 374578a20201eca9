"""The right half of the ranking tab: everything that one result is shown as, and one score taken apart.

What belongs to the look of a result (the chosen query, the heatmap's scale, the picked pair) is pressed in HTML and
comes back through `Bridges` as text: such buttons need no list of choices on the server, which a restart would lose.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import gradio as gr

from koe5_demo import exports
from koe5_demo.benchmark.own.reading import OwnSet, from_marks
from koe5_demo.catalog import EMBEDDED_MODEL
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError, InputError
from koe5_demo.figures.of_ranking import (
    HeatmapExtent,
    HeatmapLook,
    HeatmapOrder,
    HeatmapView,
    ScaleChoice,
    draw_heatmap,
    draw_map,
    draw_pair,
    draw_scatter,
    place_scores,
)
from koe5_demo.figures.plain_plotly import Figure
from koe5_demo.ranking.form import FilledForm
from koe5_demo.ranking.result import RankingResult, TextRef
from koe5_demo.ui import ranking_html, render
from koe5_demo.ui.boundary import PLAIN, Words, label
from koe5_demo.words import Language, message

NOT_DRAWN: Final = (
    "bridges",
    "stale",
    "csv",
    "json",
    "png",
    "heatmap_csv",
    "pair_box",
    "pair",
    "word_plot",
    "word_table",
    "folds",
    "unfolded",
)
HEATMAP_CHOICES: Final[dict[str, Any]] = {
    "view": HeatmapView,
    "scale": ScaleChoice,
    "order": HeatmapOrder,
    "extent": HeatmapExtent,
}
CLOSE_PAIR: Final = "pair:close"


@dataclass(frozen=True)
class Shown:
    """What a visitor looks at; kept in the session.

    Attributes:
        result: The ranking.
        asked: The form that it was made of, to tell when the form has moved on.
        query: The query whose ranking is shown, from 0.
        look: How the heatmap is drawn.
        picked: The pair whose score is taken apart, "q0:p3"; empty for none.
        marks: Pairs of a query and a passage, from 0, that the visitor says belong together.
    """

    result: RankingResult
    asked: FilledForm
    query: int = 0
    look: HeatmapLook = field(default_factory=HeatmapLook)
    picked: str = ""
    marks: frozenset[tuple[int, int]] = frozenset()

    def pressed(self, what: str) -> Shown:
        """Return what is looked at after a press of "query:2", "mark:3", "scale:fixed" or "pair:close"; else the same.

        With a query come the reasons of its own best passage, where reasons are open.
        """
        name, _, value = what.partition(":")
        if what == CLOSE_PAIR:
            return replace(self, picked="")
        if name == "query" and value.isdecimal() and int(value) < len(self.result.comparison.queries):
            chosen = replace(self, query=int(value))
            return chosen.with_best_picked() if self.picked else chosen
        if name == "mark" and value.isdecimal() and int(value) < len(self.result.comparison.passages):
            return replace(self, marks=self.marks ^ {(self.query, int(value))})
        if name in HEATMAP_CHOICES and value in {choice.value for choice in HEATMAP_CHOICES[name]}:
            return replace(self, look=replace(self.look, **{name: HEATMAP_CHOICES[name](value)}))
        return self

    def followed_by(self, result: RankingResult, asked: FilledForm) -> Shown:
        """Return what is looked at when the next result comes: the look stays, and reasons where they are open."""
        after = Shown(result, asked, look=self.look)
        return after.with_best_picked() if self.picked else after

    def with_picked(self, picked: str) -> Shown:
        """Return the same with another pair picked."""
        return replace(self, picked=picked)

    def with_best_picked(self) -> Shown:
        """Return the same with the best passage of the chosen query picked."""
        return replace(self, picked=f"q{self.query}:p{self.result.hits(self.query, 1)[0].index}")

    @property
    def own_set(self) -> OwnSet:
        """The marked answers as a set of the visitor's own.

        Raises:
            DataError: If nothing is marked.
        """
        answers: dict[int, set[int]] = defaultdict(set)
        for query, passage in self.marks:
            answers[query].add(passage)
        return from_marks(self.result.comparison.queries, self.result.comparison.passages, answers)

    @property
    def pair(self) -> tuple[TextRef, TextRef] | None:
        """The picked pair; None without one, or where it names no texts of this result."""
        left, _, right = self.picked.partition(":")
        try:
            pair = TextRef.read(left), TextRef.read(right)
            for ref in pair:
                self.result.text(ref)
        except (ValueError, IndexError):
            return None
        return pair


@dataclass
class Desk:
    """What one visitor has before them at this moment; kept in the session.

    It changes in place, unlike the other records: gradio hands an event the values of the moment it began, and a
    ranking under way must not take back what was pressed, opened or typed meanwhile.

    Attributes:
        shown: What is looked at; None before the first result, and where a restart or other visitors took it away.
        folds: Those that have been opened, by their names in `RankingResults.folds`. No other is filled: that would
            cost at every click, and a browser that draws no chart never loads and runs the 4.6 MB of plotly.
        form: What the form has come to hold since a ranking began; None while there is none under way.
    """

    shown: Shown | None = None
    folds: set[str] = field(default_factory=set)
    form: FilledForm | None = None

    @property
    def kept(self) -> Shown:
        """What is looked at.

        Raises:
            DemoError: If it is gone.
        """
        if self.shown is None:
            raise DemoError("run_again")
        return self.shown

    def follow(self, result: RankingResult, asked: FilledForm) -> None:
        """Put the next result in place of the last one."""
        self.shown = Shown(result, asked) if self.shown is None else self.shown.followed_by(result, asked)


@dataclass(frozen=True)
class Bridges:
    """Components through which the page's script hands over what was pressed, as `event.pick`."""

    look: gr.HTML
    pick: gr.HTML


@dataclass(frozen=True)
class RankingResults:
    """The components. All but those of `NOT_DRAWN` change with a new result.

    `unfolded` holds the names of the folds that were opened, and is kept by the browser: it outlives a restart.
    """

    bridges: Bridges
    stale: gr.HTML
    notices: gr.HTML
    queries: gr.HTML
    tools: gr.HTML
    heatmap: gr.HTML
    readout: gr.HTML
    card_check: gr.HTML
    ranking: gr.HTML
    marked: gr.Button
    made_by: gr.HTML
    calibration: gr.HTML
    strip: gr.Plot
    strip_table: gr.HTML
    pair_box: gr.Column
    pair: gr.HTML
    word_plot: gr.Plot
    word_table: gr.HTML
    second_box: gr.Accordion
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
    png: gr.Button
    heatmap_csv: gr.Button
    folds: dict[str, gr.Accordion]
    unfolded: gr.Textbox

    @property
    def outputs(self) -> list[Any]:
        """The components that `show` fills."""
        return [getattr(self, field.name) for field in fields(self) if field.name not in NOT_DRAWN]

    @property
    def of_look(self) -> list[Any]:
        """The components that `show_look` fills."""
        heatmap = [self.queries, self.tools, self.heatmap, self.readout]
        return [*heatmap, self.ranking, self.marked, self.calibration, self.strip, self.strip_table, self.second]

    @property
    def of_pair(self) -> list[Any]:
        """The components that `show_pair` fills."""
        return [self.pair_box, self.pair, self.word_plot, self.word_table]

    def show(self, desk: Desk, language: Language) -> dict[Any, Any]:
        """Return what every component shows of a result."""
        shown, result = desk.kept, desk.kept.result
        warning = message("embedded_warning", language) if result.info.id == EMBEDDED_MODEL else ""
        return {
            self.notices: render.notices(result.notices, language, warning=warning),
            self.card_check: ranking_html.card_check(result, language),
            self.made_by: ranking_html.made_by(result, language),
            self.second_box: gr.update(visible=result.second is not None),
            self.scatter: _maybe(draw_scatter(result, language)),
            self.scatter_table: ranking_html.scatter_table(result, language),
            self.map_box: gr.update(visible=result.text_map is not None),
            **self.show_look(desk, language),
            **(self._show_map(shown, language) if "map" in desk.folds else {}),
            **(self._show_sent(shown, language) if "sent" in desk.folds else {}),
            **(self._show_code(shown, language) if "code" in desk.folds else {}),
        }

    def show_look(self, desk: Desk, language: Language) -> dict[Any, Any]:
        """Return what depends on the chosen query and on how the heatmap is looked at."""
        shown = desk.kept
        result, query = shown.result, shown.query
        drawing = draw_heatmap(result, shown.look, query)
        return {
            self.queries: ranking_html.queries(result, query, language),
            self.tools: ranking_html.heatmap_tools(drawing, shown.look, language),
            self.heatmap: ranking_html.heatmap(result, drawing, query, language),
            self.readout: ranking_html.readout(drawing, language),
            self.ranking: ranking_html.ranking(result, query, language, marks=shown.marks),
            self.marked: gr.update(value=message("marked", language, n=len(shown.marks)), visible=bool(shown.marks)),
            self.second: ranking_html.second_ranking(result, query, language),
            **(self._show_high(shown, language) if "high" in desk.folds else {}),
        }

    def show_pair(self, desk: Desk, host: ModelHost, language: Language) -> dict[Any, Any]:
        """Return why the picked pair has its score; a word where the model cannot tell, and nothing without a pair."""
        shown = desk.shown
        pair = None if shown is None else shown.pair
        if shown is None or pair is None:
            return {self.pair_box: gr.update(visible=False)}
        try:
            explained = draw_pair(shown.result, *pair, host.encoder(shown.result.model), language)
        except InputError as error:
            return {
                self.pair_box: gr.update(visible=True),
                self.pair: render.render_template("no_pair.html", language, text=error.text(language)),
                self.word_plot: gr.update(visible=False),
                self.word_table: "",
            }
        return {
            self.pair_box: gr.update(visible=True),
            self.pair: ranking_html.pair(explained, language),
            self.word_plot: _maybe(explained.figure if "words" in desk.folds else None),
            self.word_table: ranking_html.words_table(explained, language),
        }

    def show_fold(self, fold: str, desk: Desk, host: ModelHost, language: Language) -> dict[Any, Any]:
        """Return what stands in a fold that was opened."""
        if fold == "words":
            return self.show_pair(desk, host, language)
        shows = {"high": self._show_high, "map": self._show_map, "sent": self._show_sent, "code": self._show_code}
        return shows[fold](desk.kept, language)

    def in_fold(self, fold: str) -> list[Any]:
        """Return the components that `show_fold` fills."""
        parts: dict[str, list[Any]] = {
            "high": [self.calibration, self.strip, self.strip_table],
            "map": [self.map, self.map_table],
            "sent": [self.sent],
            "code": [self.code],
            "words": self.of_pair,
        }
        return parts[fold]

    def _show_high(self, shown: Shown, language: Language) -> dict[Any, Any]:
        placed = place_scores(shown.result, shown.query, language)
        return {
            self.calibration: ranking_html.calibration(placed.told, language),
            self.strip: _maybe(placed.figure),
            self.strip_table: ranking_html.strip_table(placed, language),
        }

    def _show_map(self, shown: Shown, language: Language) -> dict[Any, Any]:
        table = ranking_html.map_table(shown.result, language)
        return {self.map: _maybe(draw_map(shown.result, language)), self.map_table: table}

    def _show_sent(self, shown: Shown, language: Language) -> dict[Any, Any]:
        return {self.sent: ranking_html.sent(shown.result, language)}

    def _show_code(self, shown: Shown, _language: Language) -> dict[Any, Any]:
        return {self.code: exports.snippet(shown.result)}

    def tell_stale(self, shown: Shown | None, filled: FilledForm, language: Language) -> dict[Any, Any]:
        """Say that the result does not belong to the form any more, where it does not."""
        if shown is None or filled == shown.asked:
            return {self.stale: ""}
        moved = replace(filled, model=shown.asked.model) != shown.asked
        told = message("stale_form" if moved else "stale_model", language, id=shown.result.info.id)
        return {self.stale: render.line(told, language)}


def build_results(words: Words) -> RankingResults:
    """Lay out the results, empty. Must be called inside a gr.Blocks context."""
    made: dict[str, Any] = {"bridges": Bridges(_bridge("look"), _bridge("pick"))}
    with gr.Column(elem_id="heat-box"):
        with gr.Row(elem_classes="k-told"):
            made["stale"] = gr.HTML(elem_id="stale", **PLAIN)
            made["notices"] = gr.HTML(elem_id="notices", **PLAIN)
        made["queries"] = gr.HTML(elem_id="query-choice", **PLAIN)
        made["tools"] = gr.HTML(elem_id="heatmap-tools", **PLAIN)
        made["heatmap"] = gr.HTML(elem_id="heatmap", **PLAIN)
        made["readout"] = gr.HTML(elem_id="readout", **PLAIN)
        made["card_check"] = gr.HTML(elem_id="card-check", **PLAIN)
    with gr.Row(elem_classes="k-below", equal_height=False):
        with gr.Column(elem_id="ranking-side", min_width=0):
            made["ranking"] = gr.HTML(render.hint("empty", words.language), elem_id="ranking", **PLAIN)
            made["marked"] = gr.Button(visible=False, size="sm", elem_id="marked")
            made |= _tools(words)
            made["made_by"] = gr.HTML(elem_id="made-by-box", **PLAIN)
        with gr.Column(visible=False, elem_id="pair-box", min_width=0) as pair_box:
            made["pair"] = gr.HTML(elem_id="pair", **PLAIN)
            with _fold(words, "word_grid", "words-box") as words_box:
                made["word_plot"] = _plot(words, "word_grid", "pair-plot")
                made["word_table"] = gr.HTML(elem_id="pair-table", **PLAIN)
    with gr.Column(elem_id="details"):  # hidden by the style sheet as long as there is no result
        with _fold(words, "compare_title", "rival-box", visible=False, open=True) as second_box:
            made["second"] = gr.HTML(elem_id="rival-view", **PLAIN)
            made["scatter"] = _plot(words, "compare_title", "scatter")
            made["scatter_table"] = gr.HTML(elem_id="scatter-table", **PLAIN)
        with _fold(words, "high_title", "high-box") as high_box:
            made["calibration"] = gr.HTML(elem_id="calibration", **PLAIN)
            made["strip"] = _plot(words, "high_title", "strip")
            made["strip_table"] = gr.HTML(elem_id="strip-table", **PLAIN)
        with _fold(words, "map_title", "map-box") as map_box:
            made["map"] = _plot(words, "map_title", "map")
            made["map_table"] = gr.HTML(elem_id="map-table", **PLAIN)
        with _fold(words, "sent", "sent-box") as sent_box:
            made["sent"] = gr.HTML(elem_id="sent", **PLAIN)
        with _fold(words, "code", "code-box") as code_box:
            made["code"] = gr.Code(language="python", interactive=False, show_label=False, elem_id="code")
    made["folds"] = {"high": high_box, "map": map_box, "sent": sent_box, "code": code_box, "words": words_box}
    made["unfolded"] = gr.Textbox(visible="hidden", elem_id="unfolded")
    return RankingResults(pair_box=pair_box, second_box=second_box, map_box=map_box, **made)


def _tools(words: Words) -> dict[str, gr.Button]:
    parts = {"csv": "download_csv", "json": "download_json", "png": "heatmap_png", "heatmap_csv": "heatmap_csv"}
    ids = {"csv": "download-csv", "json": "download-json", "png": "heatmap-png", "heatmap_csv": "heatmap-csv"}
    with gr.Row(elem_classes="k-tools"):
        return {
            name: words.make(gr.Button, {"value": label(key)}, size="sm", elem_id=ids[name])
            for name, key in parts.items()
        }


def _bridge(name: str) -> gr.HTML:
    heard = f"document.addEventListener('koe5-{name}', (event) => trigger('click', {{ pick: event.detail }}));"
    return gr.HTML(elem_id=name, js_on_load=heard, **PLAIN)


def _maybe(figure: Figure | None) -> dict[str, Any]:
    """Return a plot's update: an empty one is hidden, since its placeholder says nothing to anybody."""
    return gr.update(value=figure, visible=figure is not None)


def _fold(words: Words, key: str, elem_id: str, *, visible: bool = True, open: bool = False) -> gr.Accordion:  # noqa: A002
    return words.make(gr.Accordion, {"label": label(key)}, open=open, visible=visible, elem_id=elem_id)


def _plot(words: Words, key: str, elem_id: str) -> gr.Plot:
    return words.make(gr.Plot, {"label": label(key)}, show_label=False, visible=False, elem_id=elem_id)
