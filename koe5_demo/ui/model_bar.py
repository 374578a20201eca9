"""The strip above the tabs: which model answers, how far the wanted one is, and the switch to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.catalog import CATALOG, EMBEDDED_MODEL
from koe5_demo.encoding.host import ModelHost, ModelState, Phase
from koe5_demo.ui import render
from koe5_demo.ui.boundary import Words, guarded, label
from koe5_demo.words import Language, message

TICK_SECONDS: Final = 1.0
KINDS: Final = {Phase.READY: "ok", Phase.FAILED: "bad"}


@dataclass(frozen=True)
class ModelBar:
    """The components that other parts of the page reach for."""

    model: gr.Dropdown
    timer: gr.Timer
    outputs: tuple[Any, ...]


def build_model_bar(host: ModelHost, words: Words, language: gr.Radio) -> ModelBar:
    """Lay out the strip and wire its events. Must be called inside a gr.Blocks context."""
    with gr.Row(elem_classes="k-model", equal_height=False):
        model = words.make(
            gr.Dropdown,
            {"label": label("model")},
            choices=host.names,
            value=host.serving,
            scale=1,
            min_width=220,
            elem_id="model",
        )
        with gr.Column(scale=3, min_width=320):
            banner = gr.HTML(elem_id="banner", padding=False, apply_default_css=False)
            with gr.Row():
                switch = gr.Button(visible=False, variant="primary", size="sm", elem_id="switch-model")
                retry = words.make(
                    gr.Button, {"value": label("model_retry")}, visible=False, size="sm", elem_id="retry-model"
                )
    timer = gr.Timer(TICK_SECONDS, active=True)
    outputs = (banner, switch, retry, timer)

    def on_tick(chosen: str, tongue: str) -> list[Any]:
        return _show(host, chosen, Language(tongue))

    def on_choose(chosen: str, tongue: str) -> list[Any]:
        host.request(chosen)
        return _show(host, chosen, Language(tongue))

    def on_switch(tongue: str) -> list[Any]:
        return [host.wanted, *_show(host, host.wanted, Language(tongue))]

    def on_retry(chosen: str, tongue: str) -> list[Any]:
        host.request(_focus(host, chosen).id)
        return _show(host, chosen, Language(tongue))

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    told = quiet | {"queue": True}  # gradio shows the message of a failed event only then
    timer.tick(guarded(on_tick), [model, language], outputs, **quiet)
    model.input(guarded(on_choose), [model, language], outputs, **told)
    switch.click(guarded(on_switch), [language], [model, *outputs], **quiet)
    retry.click(guarded(on_retry), [model, language], outputs, **told)
    language.change(guarded(on_tick), [model, language], outputs, **quiet)
    return ModelBar(model, timer, outputs)


def model_line(state: ModelState, language: Language) -> str:
    """Return how far a model is, in words."""
    if state.phase is Phase.FAILED and state.error is not None:
        return state.error.text(language)
    if state.phase is Phase.DOWNLOADING:
        if not state.total:
            return message("model_downloading_start", language, id=state.id)
        return message("model_downloading", language, id=state.id, done=state.done / 1e6, total=state.total / 1e6)
    if state.phase is Phase.ABSENT:
        spec = CATALOG.get(state.id)
        if spec is None or spec.hub_id is None:
            return message("model_absent_plain", language, id=state.id)
        return message("model_absent", language, id=state.id, mb=spec.download_mb)
    return message(f"model_{state.phase.value}", language, id=state.id)


def _focus(host: ModelHost, chosen: str) -> ModelState:
    """Return the state worth telling: of the chosen model while it is not ready, else of the wanted one."""
    state = host.state(chosen)
    if state.phase is Phase.READY and chosen == EMBEDDED_MODEL and host.wanted != chosen:
        return host.state(host.wanted)
    return state


def _show(host: ModelHost, chosen: str, language: Language) -> list[Any]:
    state = _focus(host, chosen)
    line = model_line(state, language)
    serves_meanwhile = state.phase is not Phase.READY and chosen == EMBEDDED_MODEL
    detail = message("model_meanwhile", language) if serves_meanwhile else ""
    percent = 100 * state.done / state.total if state.phase is Phase.DOWNLOADING and state.total else None
    can_switch = state.phase is Phase.READY and chosen != host.wanted and state.id == host.wanted
    return [
        render.banner(line, detail, KINDS.get(state.phase, "busy"), language, percent=percent),
        gr.update(visible=can_switch, value=message("model_switch", language, id=host.wanted)),
        gr.update(visible=state.phase is Phase.FAILED),
        gr.Timer(active=not state.settled),
    ]
