"""The strip above the tabs: which model answers, how far the wanted one is, and the switch to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.catalog import CATALOG, EMBEDDED_MODEL
from koe5_demo.encoding.host import ModelHost, ModelState, Phase
from koe5_demo.encoding.opening import is_here
from koe5_demo.ui.boundary import PLAIN, QUIET, UNQUEUED, Words, for_visitors, guarded, label, latest
from koe5_demo.ui.render import render_template
from koe5_demo.words import Language, message

TICK_SECONDS: Final = 1.0
GIGABYTE_MB: Final = 1_000
KINDS: Final = {Phase.READY: "ok", Phase.FAILED: "bad"}


@dataclass(frozen=True)
class ModelBar:
    """The components that other parts of the page reach for."""

    model: gr.Dropdown
    timer: gr.Timer


def build_model_bar(host: ModelHost, words: Words, language: gr.Radio) -> ModelBar:
    """Lay out the strip and wire its events. Must be called inside a gr.Blocks context."""
    with gr.Row(elem_classes="k-model", equal_height=False):
        model = words.make(
            gr.Dropdown,
            {"label": label("model"), "choices": lambda tongue: model_choices(host, tongue)},
            value=host.serving,
            scale=0,
            min_width=200,
            elem_id="model",
        )
        banner = gr.HTML(elem_id="banner", **PLAIN)
        switch = gr.Button(visible=False, variant="primary", size="sm", scale=0, min_width=90, elem_id="switch-model")
        retry = words.make(
            gr.Button,
            {"value": label("model_retry")},
            visible=False,
            size="sm",
            scale=0,
            min_width=90,
            elem_id="retry-model",
        )
    timer = gr.Timer(TICK_SECONDS, active=True)
    outputs = [model, banner, switch, retry, timer]

    def on_tick(chosen: str, tongue: str) -> dict[Any, Any]:
        return shown(chosen, Language(tongue))

    def on_choose(chosen: str, tongue: str) -> dict[Any, Any]:
        host.request(chosen)
        return shown(chosen, Language(tongue))

    def on_switch(tongue: str) -> dict[Any, Any]:
        told = shown(host.wanted, Language(tongue))
        return told | {model: gr.update(choices=model_choices(host, Language(tongue)), value=host.wanted)}

    def on_retry(chosen: str, tongue: str) -> dict[Any, Any]:
        host.request(_focus(host, chosen).id)
        return shown(chosen, Language(tongue))

    def shown(chosen: str, tongue: Language) -> dict[Any, Any]:
        state = _focus(host, chosen)
        can_switch = state.phase is Phase.READY and chosen != host.wanted and state.id == host.wanted
        told: dict[Any, Any] = {
            banner: _banner(state, chosen, tongue),
            switch: gr.update(visible=can_switch, value=message("model_switch", tongue, id=host.wanted)),
            retry: gr.update(visible=state.phase is Phase.FAILED),
            timer: gr.Timer(active=not state.settled),
        }
        # The list is left alone while something is under way: new choices every second would close it under a hand.
        return told | ({model: gr.update(choices=model_choices(host, tongue))} if state.settled else {})

    latest(timer.tick, language.change)(guarded(on_tick), [model, language], outputs, **UNQUEUED)
    latest(model.input)(guarded(on_choose), [model, language], outputs, **QUIET)
    switch.click(guarded(on_switch), [language], outputs, **UNQUEUED)
    retry.click(guarded(on_retry), [model, language], outputs, **QUIET)
    return ModelBar(model, timer)


def model_choices(host: ModelHost, language: Language) -> list[tuple[str, str]]:
    """Return the models as they are offered: with what stands between a visitor and one that is not ready."""
    reachable = all(host.state(name).phase is not Phase.FAILED for name in (host.wanted, *CATALOG))
    return [(_choice(host.state(name), language, reachable=reachable), name) for name in host.names]


def _choice(state: ModelState, language: Language, *, reachable: bool) -> str:
    """Return how a model is offered.

    Where one could not be had, others that are not here either are not promised: most likely it is the same network.
    """
    if state.phase in (Phase.READY, Phase.LOADING):
        return state.id
    if state.phase is Phase.FAILED:
        return message("choice_unreachable", language, id=state.id)
    if state.phase is Phase.DOWNLOADING:
        return message("choice_downloading", language, id=state.id)
    spec = CATALOG.get(state.id)
    if spec is None or spec.hub_id is None or is_here(state.id):
        return state.id
    key = "choice_download" if reachable else "choice_unreachable"
    return message(key, language, id=state.id, size=_size(spec.download_mb))


def _size(mb: int) -> str:
    return f"{mb / GIGABYTE_MB:.1f} GB" if mb >= GIGABYTE_MB else f"{mb} MB"


def model_line(state: ModelState, language: Language) -> str:
    """Return how far a model is, in words."""
    if state.phase is Phase.FAILED and state.error is not None:
        return for_visitors(state.error, language)
    if state.phase is Phase.DOWNLOADING:
        if not state.total:
            return message("model_downloading_start", language, id=state.id)
        return message("model_downloading", language, id=state.id, done=state.done / 1e6, total=state.total / 1e6)
    if state.phase is Phase.ABSENT:
        spec = CATALOG.get(state.id)
        if spec is None or spec.hub_id is None:
            return message("model_absent_plain", language, id=state.id)
        return message("model_absent", language, id=state.id, mb=spec.download_mb)
    key = "model_ready_wanted" if state.phase is Phase.READY else f"model_{state.phase.value}"
    return message(key, language, id=state.id)


def _focus(host: ModelHost, chosen: str) -> ModelState:
    """Return the state worth telling: of the chosen model while it is not ready, else of the wanted one."""
    state = host.state(chosen)
    if state.phase is Phase.READY and chosen == EMBEDDED_MODEL and host.wanted != chosen:
        return host.state(host.wanted)
    return state


def _banner(state: ModelState, chosen: str, language: Language) -> str:
    line = model_line(state, language)
    if state.phase is Phase.READY and chosen == state.id:
        line = message("model_ready_embedded" if chosen == EMBEDDED_MODEL else "model_ready", language, id=state.id)
    serves_meanwhile = state.phase is not Phase.READY and chosen == EMBEDDED_MODEL
    detail = message("model_meanwhile", language) if serves_meanwhile else ""
    percent = 100 * state.done / state.total if state.phase is Phase.DOWNLOADING and state.total else None
    whole = "" if state.error is None else state.error.text(language)
    cause = "" if whole == line else whole
    kind = KINDS.get(state.phase, "busy")
    return render_template("banner.html", language, line=line, detail=detail, kind=kind, percent=percent, cause=cause)
