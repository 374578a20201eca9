"""The whole page: header, model strip, tabs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.messages import Language
from koe5_demo.settings import Settings
from koe5_demo.ui import render
from koe5_demo.ui.api import build_api
from koe5_demo.ui.boundary import Words, label
from koe5_demo.ui.model_bar import ModelBar, build_model_bar
from koe5_demo.ui.ranking_tab import RankingTab, build_ranking_tab
from koe5_demo.ui.text import t


def build_page(settings: Settings, host: ModelHost) -> gr.Blocks:
    """Return the page; launch it with `koe5_demo.ui.launch.launch_options`."""
    words = Words(settings.language)
    page: gr.Blocks
    with gr.Blocks(title=t("title", settings.language), analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_classes="k-top"):
            with gr.Column(scale=4, min_width=300):
                words.make(gr.HTML, {"value": render.header}, elem_id="header", padding=False, apply_default_css=False)
            with gr.Column(scale=1, min_width=290), gr.Row(elem_classes="k-switches"):
                language = gr.Radio(
                    [("한국어", Language.KO.value), ("English", Language.EN.value)],
                    value=settings.language.value,
                    label=t("language", settings.language),
                    show_label=False,
                    container=False,
                    elem_id="language",
                )
                dark = words.make(gr.Button, {"value": label("dark")}, size="sm", elem_id="dark", min_width=90)
        bar = build_model_bar(host, words, language)
        with gr.Tabs(), words.make(gr.Tab, {"label": label("tab_ranking")}, id="ranking"):
            ranking = build_ranking_tab(host, settings.limits, words, bar.model, language)
        _wire_frame(words, language, dark)
        build_api(host, settings)
        _wire_load(page, host, bar, ranking)
    return page


def _wire_load(page: gr.Blocks, host: ModelHost, bar: ModelBar, ranking: RankingTab) -> None:
    """Show the first example's result to who has just come, by the model that serves now."""

    def on_load() -> str:
        return host.serving

    page.load(on_load, outputs=bar.model, api_visibility="private", queue=False).then(**ranking.run_event)


def _wire_frame(words: Words, language: gr.Radio, dark: gr.Button) -> None:
    def on_language(tongue: str) -> list[dict[str, Any]]:
        return words.updates(Language(tongue))

    language.change(
        on_language, language, words.components, api_visibility="private", queue=False, show_progress="hidden"
    )
    dark.click(fn=None, js="() => window.koe5.toggleDark()")
