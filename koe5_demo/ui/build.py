"""The whole page: header, model strip, tabs."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.progress import RankingsFirst, RunQueue
from koe5_demo.edge.bodies import make_folder
from koe5_demo.encoding.host import ModelHost
from koe5_demo.settings import Settings
from koe5_demo.ui.api import build_api
from koe5_demo.ui.benchmark_tab import build_benchmark_tab
from koe5_demo.ui.boundary import MODEL_QUEUE, PLAIN, UNQUEUED, Spoken, Words, label, latest
from koe5_demo.ui.gradio_seams import is_waited_for, keep_no_statistics, keep_uploads_in
from koe5_demo.ui.model_bar import build_model_bar
from koe5_demo.ui.model_tab import build_model_tab
from koe5_demo.ui.ranking_tab import build_ranking_tab, wire_load
from koe5_demo.ui.render import render_template
from koe5_demo.words import Language, message

UPLOADS_KEPT_S: Final = 900
DELETE_EVERY_S: Final = 60


def build_page(settings: Settings, host: ModelHost) -> gr.Blocks:
    """Return the page; `koe5_demo.ui.launch` serves it."""
    keep_no_statistics()
    keep_uploads_in(make_folder())
    page: gr.Blocks
    with gr.Blocks(
        title=message("title", settings.language),
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(DELETE_EVERY_S, UPLOADS_KEPT_S),
    ) as page:
        words = Words(settings.language)
        with gr.Row(elem_classes="k-top"):
            words.make(gr.HTML, {"value": partial(render_template, "header.html")}, elem_id="header", **PLAIN)
            with gr.Row(elem_classes="k-switches"):
                language = gr.Radio(
                    [("한국어", Language.KO.value), ("English", Language.EN.value)],
                    value=settings.language.value,
                    label=message("language", settings.language),
                    show_label=False,
                    container=False,
                    elem_id="language",
                )
                dark = words.make(gr.Button, {"value": label("dark")}, size="sm", elem_id="dark", min_width=90)
        runs = RunQueue(RankingsFirst(partial(is_waited_for, page, MODEL_QUEUE)).resting)
        bar = build_model_bar(host, words, language)
        with gr.Tabs() as tabs:
            with words.make(gr.Tab, {"label": label("tab_ranking")}, id="ranking"):
                ranking = build_ranking_tab(host, settings, words, bar.model, language)
            with words.make(gr.Tab, {"label": label("tab_benchmark")}, id="benchmark") as benchmark:
                build_benchmark_tab(host, settings, words, language, ranking, tabs=tabs, tab=benchmark, runs=runs)
            with words.make(gr.Tab, {"label": label("tab_model")}, id="model") as about:
                build_model_tab(host, words, bar, language, about)
        words.make(gr.HTML, {"value": partial(render_template, "footer.html")}, **PLAIN)
        _wire_frame(words, language, dark)
        build_api(host, settings, runs)
        wire_load(page, ranking, host, words, language)
    return page


def _wire_frame(words: Words, language: gr.Radio, dark: gr.Button) -> None:
    def on_language(tongue: str, spoken: Spoken) -> list[dict[str, Any]]:
        spoken.language = Language(tongue)
        return words.updates(spoken.language)

    # What a page begins with, `wire_load` sends.
    latest(language.input)(on_language, [language, words.spoken], words.components, **UNQUEUED)
    dark.click(fn=None, js="() => window.koe5.toggleDark()")
