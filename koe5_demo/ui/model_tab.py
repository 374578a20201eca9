"""The tab 모델: what answers, what else could, and what KoE5 is, how it was trained and what was published of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.ui import model_handlers as told
from koe5_demo.ui.boundary import MODEL_QUEUE, PLAIN, QUIET, Words, guarded, label, latest
from koe5_demo.ui.model_bar import ModelBar
from koe5_demo.ui.render import caption, render_template
from koe5_demo.words import Language

COPY: Final = """async () => {
  const text = document.querySelector("#citation-text");
  try { await navigator.clipboard.writeText(text.innerText); } catch { getSelection().selectAllChildren(text); return; }
  const told = document.querySelector("#citation-copied");
  told.textContent = told.dataset.told;
}"""


def build_model_tab(host: ModelHost, words: Words, bar: ModelBar, language: gr.Radio, tab: gr.Tab) -> None:
    """Lay out the tab and wire its events. Must be called inside the tab's context."""
    tongue, page = words.language, told.model_page(host, host.serving)
    now = gr.HTML(told.now_html(page, tongue), elem_id="model-now", **PLAIN)
    with gr.Row(elem_classes="k-paper-run"):
        speed = gr.HTML(told.speed_html(None, tongue), elem_id="model-speed", **PLAIN)
        measure = words.make(gr.Button, {"value": label("speed_measure")}, size="sm", elem_id="speed-run")
    words.make(gr.HTML, {"value": partial(caption, "catalog_title")}, **PLAIN)
    cards: list[gr.HTML] = []
    buttons: list[gr.Button] = []
    with gr.Row(elem_classes="k-models", elem_id="models-here"):
        for card in page.models:
            with gr.Column(elem_classes="k-model-card"):
                cards.append(gr.HTML(told.card_html(card, tongue), **PLAIN))
                buttons.append(gr.Button(**told.button_state(card, tongue), size="sm"))
    words.make(gr.HTML, {"value": partial(told.about_html, page)}, elem_id="model-page", **PLAIN)
    words.make(gr.HTML, {"value": partial(render_template, "citation.html", text=told.CITATION)}, **PLAIN)
    copy = words.make(gr.Button, {"value": label("citation_copy")}, size="sm", elem_id="citation-copy")
    speeds = told.Speeds(host)

    def on_show(chosen: str, tongue: str) -> list[Any]:
        page, language = told.model_page(host, chosen), Language(tongue)
        told_of = [told.card_html(card, language) for card in page.models]
        pressed = [gr.update(**told.button_state(card, language)) for card in page.models]
        return [told.now_html(page, language), *told_of, *pressed]

    def on_speed(chosen: str, tongue: str) -> str:
        return told.speed_html(speeds.measured(chosen), Language(tongue))

    def on_measure(chosen: str, tongue: str) -> str:
        return told.speed_html(speeds.measured(chosen, again=True), Language(tongue))

    def use(name: str) -> Callable[[str], list[Any]]:
        def on_use(tongue: str) -> list[Any]:
            host.request(name)
            return [name, gr.Timer(active=True), *on_show(name, tongue)]

        return on_use

    chosen, shown = [bar.model, language], [now, *cards, *buttons]
    opened = tab.select(guarded(on_show), chosen, shown, queue=False, **QUIET)
    opened.then(guarded(on_speed), chosen, speed, concurrency_id=MODEL_QUEUE, **QUIET)
    latest(bar.model.change, bar.timer.tick, language.change)(guarded(on_show), chosen, shown, queue=False, **QUIET)
    measure.click(guarded(on_measure), chosen, speed, concurrency_id=MODEL_QUEUE, **QUIET)
    for name, button in zip(host.names, buttons, strict=True):
        button.click(guarded(use(name)), [language], [bar.model, bar.timer, *shown], **QUIET)
    copy.click(fn=None, js=COPY)
