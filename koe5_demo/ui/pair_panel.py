"""The panel that takes one score apart; opened from a row of the ranking or a cell of the heatmap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError, InputError
from koe5_demo.figures.of_ranking import draw_pair
from koe5_demo.ranking.result import RankingResult, TextRef
from koe5_demo.ui import ranking_html, render
from koe5_demo.ui.boundary import MODEL_QUEUE, PLAIN, Words, guarded, label
from koe5_demo.words import Language

HEAR_PICK: Final = "document.addEventListener('koe5-pick', (event) => trigger('click', { pick: event.detail }));"


@dataclass(frozen=True)
class PairPanel:
    """The components; `picked` holds the names of two texts, "q0:p3", that the page's script hands over `bridge`."""

    bridge: gr.HTML
    picked: gr.State
    text: gr.HTML
    plot: gr.Plot
    table: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """The components that change with a picked pair."""
        return [self.text, self.plot, self.table]

    def show(self, result: RankingResult | None, picked: str, host: ModelHost, language: Language) -> dict[Any, Any]:
        """Return what the panel shows of a pair; a hint where none is picked or the pair is of an earlier result.

        Raises:
            InputError: If the model's vectors cannot be taken apart.
        """
        pair = None if result is None else _pair(picked, result)
        if result is None or pair is None:
            return self._without_plot(render.hint("why_hint", language))
        explained = draw_pair(result, *pair, host.encoder(result.model), language)
        return {
            self.text: ranking_html.pair(explained, language),
            self.plot: gr.update(value=explained.figure, visible=True),
            self.table: ranking_html.words_table(explained, language),
        }

    def show_best(self, result: RankingResult, host: ModelHost, language: Language) -> dict[Any, Any]:
        """Pick the first query with its best passage, and show it; without token vectors a word on that."""
        picked = f"q0:p{result.hits(0, 1)[0].index}"
        try:
            shown = self.show(result, picked, host, language)
        except InputError as error:
            shown = self._without_plot(render.line(error.text(language), language))
        return {self.picked: picked, **shown}

    def _without_plot(self, text: str) -> dict[Any, Any]:
        return {self.text: text, self.plot: gr.update(visible=False), self.table: ""}


def build_pair_panel(words: Words) -> PairPanel:
    """Lay out the panel, with a hint in it. Must be called inside a gr.Blocks context."""
    picked = gr.State("")
    bridge = gr.HTML(elem_id="pick", js_on_load=HEAR_PICK, **PLAIN)
    words.make(gr.HTML, {"value": lambda language: render.caption("why_title", language)}, **PLAIN)
    text = gr.HTML(elem_id="pair", **PLAIN)
    plot = words.make(gr.Plot, {"label": label("why_title")}, show_label=False, visible=False, elem_id="pair-plot")
    table = gr.HTML(elem_id="pair-table", **PLAIN)
    return PairPanel(bridge, picked, text, plot, table)


def wire_pair_panel(panel: PairPanel, result: gr.State, host: ModelHost, language: gr.Radio) -> None:
    """Explain a pair when it is picked, and again when the language changes."""

    def on_pick(values: dict[Any, Any], event: gr.EventData) -> dict[Any, Any]:
        pair = str(getattr(event, "pick", ""))
        if values[result] is None:  # the server has started anew, or had to let the result go
            raise DemoError("run_again")
        return {panel.picked: pair, **panel.show(values[result], pair, host, Language(values[language]))}

    def on_language(values: dict[Any, Any]) -> dict[Any, Any]:
        return panel.show(values[result], values[panel.picked], host, Language(values[language]))

    panel.bridge.click(
        guarded(on_pick),
        {result, language},
        [panel.picked, *panel.outputs],
        api_visibility="private",
        concurrency_id=MODEL_QUEUE,
        show_progress_on=[panel.text],
    )
    language.change(
        guarded(on_language),
        {result, panel.picked, language},
        panel.outputs,
        api_visibility="private",
        concurrency_id=MODEL_QUEUE,
        show_progress="hidden",
    )


def _pair(picked: str, result: RankingResult) -> tuple[TextRef, TextRef] | None:
    left, _, right = (picked or "").partition(":")
    try:
        pair = TextRef.read(left), TextRef.read(right)
        for ref in pair:
            result.text(ref)
    except (ValueError, IndexError):
        return None
    return pair
