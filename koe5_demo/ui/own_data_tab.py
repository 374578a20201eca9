"""The sub-tab 내 데이터로 of the tab 성능 평가: a benchmark on the visitor's own queries and documents."""

from __future__ import annotations

import gradio as gr

from koe5_demo.benchmark.live import LiveBenchmarks
from koe5_demo.settings import Settings
from koe5_demo.ui.boundary import PLAIN, Words
from koe5_demo.ui.render import hint


def build_own_data_tab(live: LiveBenchmarks, settings: Settings, words: Words, language: gr.Radio) -> None:
    """Lay out the sub-tab and wire its events. Must be called inside the sub-tab's context.

    Args:
        live: What can be run, and the saved runs.
        settings: Limits of what a visitor may hand in.
        words: Collects what changes with the language.
        language: The page's switch.
    """
    del live, settings, language
    words.make(gr.HTML, {"value": lambda tongue: hint("bench_own_soon", tongue)}, elem_id="own-data", **PLAIN)
