"""The panel that takes one score apart; opened from a row of the ranking or a cell of the heatmap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError, InputError
from koe5_demo.ui import render, twins
from koe5_demo.ui.boundary import MODEL_QUEUE, PLAIN, Words, guarded, label
from koe5_demo.ui.pair_handlers import view_pair
from koe5_demo.ui.state import Outcome, Pick
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
        """Return what changes with a picked pair."""
        return [self.text, self.plot, self.table]


def build_pair_panel(words: Words) -> PairPanel:
    """Lay out the panel, with a hint in it. Must be called inside a gr.Blocks context."""
    picked = gr.State("")
    bridge = gr.HTML(elem_id="pick", js_on_load=HEAR_PICK, **PLAIN)
    words.make(gr.HTML, {"value": lambda language: render.caption("why_title", language)}, **PLAIN)
    text = gr.HTML(elem_id="pair", **PLAIN)
    plot = words.make(gr.Plot, {"label": label("why_title")}, show_label=False, visible=False, elem_id="pair-plot")
    table = gr.HTML(elem_id="pair-table", **PLAIN)
    return PairPanel(bridge, picked, text, plot, table)


def wire_pair_panel(panel: PairPanel, outcome: gr.State, host: ModelHost, language: gr.Radio) -> None:
    """Explain a pair when it is picked, and again when the language changes."""

    def on_pick(event: gr.EventData, result: Outcome | None, tongue: str) -> list[Any]:
        language = Language(tongue)
        pair = str(getattr(event, "pick", ""))
        if result is None:  # the server has started anew, or had to let the result go
            raise DemoError("run_again")
        return [pair, *show_pair(result, pair, host, language)]

    def on_language(result: Outcome | None, pair: str, tongue: str) -> list[Any]:
        return show_pair(result, pair, host, Language(tongue))

    panel.bridge.click(
        guarded(on_pick),
        [outcome, language],
        [panel.picked, *panel.outputs],
        api_visibility="private",
        concurrency_id=MODEL_QUEUE,
        show_progress_on=[panel.text],
    )
    language.change(
        guarded(on_language),
        [outcome, panel.picked, language],
        panel.outputs,
        api_visibility="private",
        concurrency_id=MODEL_QUEUE,
        show_progress="hidden",
    )


def show_pair(outcome: Outcome | None, picked: str, host: ModelHost, language: Language) -> list[Any]:
    """Return the panel of a picked pair; a hint where none is picked or the pair is of an earlier outcome.

    Raises:
        InputError: If the model's vectors cannot be taken apart.
    """
    pair = None if outcome is None else _pair(picked, outcome)
    if outcome is None or pair is None:
        return [render.hint("why_hint", language), gr.update(visible=False), ""]
    view, figure = view_pair(outcome, *pair, host.encoder(outcome.model), language)
    return [render.pair(view, language), gr.update(value=figure, visible=True), twins.words(view, language)]


def show_best_pair(outcome: Outcome, host: ModelHost, language: Language) -> list[Any]:
    """Return the first query with its best passage as a pick, and its panel; without token vectors a word on that."""
    picked = f"q0:p{outcome.comparison.hits(0, 1)[0].index}"
    try:
        return [picked, *show_pair(outcome, picked, host, language)]
    except InputError as error:
        return [picked, render.line(error.text(language), language), gr.update(visible=False), ""]


def _pair(picked: str, outcome: Outcome) -> tuple[Pick, Pick] | None:
    left, _, right = (picked or "").partition(":")
    try:
        pair = Pick.read(left), Pick.read(right)
        for pick in pair:
            outcome.text(pick)
    except (ValueError, IndexError):
        return None
    return pair
