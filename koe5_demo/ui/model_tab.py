"""The tab 모델: what KoE5 is, how it was trained, what was published, and what runs here."""

from __future__ import annotations

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.ui import render
from koe5_demo.ui.boundary import MODEL_QUEUE, PLAIN, Words, guarded, label
from koe5_demo.ui.model_handlers import measure_speed, model_page, paper_chart
from koe5_demo.words import Language


def build_model_tab(host: ModelHost, words: Words, model: gr.Dropdown, language: gr.Radio, tab: gr.Tab) -> None:
    """Lay out the tab and wire its events. Must be called inside the tab's context."""

    def about_in(tongue: Language) -> str:
        return render.model_page(model_page(host), tongue)

    def here_in(tongue: Language) -> str:
        return render.models_here(model_page(host), tongue)

    words.make(gr.HTML, {"value": about_in}, elem_id="model-page", **PLAIN)
    words.make(gr.HTML, {"value": lambda tongue: render.caption("paper_chart", tongue)}, **PLAIN)
    chart = paper_chart()
    words.make(gr.Plot, {"label": label("paper_chart")}, value=chart, show_label=False, elem_id="paper-chart")
    words.make(gr.HTML, {"value": render.paper_note}, **PLAIN)
    words.make(gr.HTML, {"value": lambda tongue: render.bars(chart, tongue)}, elem_id="paper-table", **PLAIN)
    words.make(gr.HTML, {"value": lambda tongue: render.caption("speed_title", tongue)}, **PLAIN)
    with gr.Row(elem_classes="k-share"):
        speed = words.make(gr.Button, {"value": label("speed_measure")}, size="sm", elem_id="speed-run")
    told = gr.HTML(elem_id="speed", **PLAIN)
    here = words.make(gr.HTML, {"value": here_in}, elem_id="models-here", **PLAIN)

    def on_open(tongue: str) -> str:
        return here_in(Language(tongue))

    def on_speed(name: str, tongue: str) -> str:
        return render.speed(measure_speed(host, name), Language(tongue))

    tab.select(guarded(on_open), language, here, api_visibility="private", show_progress="hidden", queue=False)
    speed.click(guarded(on_speed), [model, language], told, api_visibility="private", concurrency_id=MODEL_QUEUE)
