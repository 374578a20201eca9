"""Links and state files: what is filled in leaves and comes back without being stored on the server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from koe5_demo import share
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError, InputError
from koe5_demo.settings import Limits
from koe5_demo.ui import handlers
from koe5_demo.ui.boundary import PLAIN, Words, guarded, label
from koe5_demo.ui.ranking_form import N_FORM, RankingForm, read_form, read_options, restore
from koe5_demo.words import Language, message

READ_LINK: Final = (
    "(link, ...now) => { const found = location.hash.match(/^#s=([A-Za-z0-9_-]+)$/);"
    " return [found ? found[1] : '', ...now]; }"
)
SAVE_FILE: Final = "(text) => { if (text) window.koe5.download('koe5-state.json', text, 'application/json'); }"


@dataclass(frozen=True)
class ShareBar:
    """The components; `link` takes the packed state from the address when the page opens."""

    copy: gr.Button
    save: gr.Button
    open: gr.UploadButton
    told: gr.HTML
    packed: gr.Textbox
    link: gr.Textbox


def build_share_bar(words: Words) -> ShareBar:
    """Lay out the three buttons. Must be called inside a gr.Blocks context."""
    with gr.Row(elem_classes="k-share"):
        copy = words.make(gr.Button, {"value": label("share")}, size="sm", elem_id="share-link")
        save = words.make(gr.Button, {"value": label("share_file")}, size="sm", elem_id="share-file")
        opened = words.make(
            gr.UploadButton, {"label": label("share_open")}, size="sm", file_types=[".json"], elem_id="share-open"
        )
    told = gr.HTML(elem_id="share-told", **PLAIN)
    packed = gr.Textbox(visible="hidden", elem_id="share-packed")
    return ShareBar(copy, save, opened, told, packed, gr.Textbox(visible="hidden", elem_id="share-in"))


def wire_share_bar(
    bar: ShareBar, form: RankingForm, model: gr.Dropdown, language: gr.Radio, limits: Limits, run: dict[str, Any]
) -> None:
    """Pack on a button, unpack from a file. The page's load event unpacks links, see `on_link`."""

    def state_of(*values: Any) -> share.SharedState:
        filled = read_form(*values[:N_FORM])
        return handlers.shared_state(filled, limits, values[-2], read_options(*values[N_FORM:-2]))

    def on_share(*values: Any) -> str:
        return share.to_link(state_of(*values)) or ""

    def on_save(*values: Any) -> str:
        return share.to_file(state_of(*values)).decode("utf-8")

    def on_open(path: str, _tongue: str) -> list[Any]:
        return restore(share.from_file(_read(Path(path))))

    # Queued: gradio shows the message of a failed event only then.
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    inputs = [*form.texts, *form.options, model, language]
    told = {
        tongue: [message(key, tongue) for key in ("share_copied", "share_manual", "share_too_long")]
        for tongue in Language
    }
    script = (
        "(packed, tongue) => { const told = "
        + json.dumps({tongue.value: pair for tongue, pair in told.items()}, ensure_ascii=False)
        + "[tongue]; return window.koe5.shareLink(packed, ...told); }"
    )
    bar.copy.click(guarded(on_share), inputs, bar.packed, **quiet).then(
        fn=None, inputs=[bar.packed, language], outputs=bar.told, js=script
    )
    bar.save.click(guarded(on_save), inputs, bar.packed, **quiet).then(fn=None, inputs=bar.packed, js=SAVE_FILE)
    bar.open.upload(guarded(on_open), [bar.open, language], form.restored, **quiet).then(**run)


@dataclass(frozen=True)
class Restored:
    """What a link brings: the model and the form that the page shows, and what of the link could not be had."""

    values: list[Any]
    refusal: DemoError | None = None


def on_link(packed: str, host: ModelHost, form_now: list[Any]) -> Restored:
    """Return what a link restores; without a link, or with a broken one, what serves now and the form as it is.

    The texts of a link that names a model which is not to be had here are restored all the same.
    """
    as_it_is = [host.serving, *form_now]
    if not packed:
        return Restored(as_it_is)
    try:
        state = share.from_link(packed)
    except DemoError as error:
        return Restored(as_it_is, error)
    refusal = _request(state.model, host)
    ready = state.model if state.model and host.ready_encoder(state.model) is not None else host.serving
    return Restored([ready, *restore(state)], refusal)


def _request(name: str, host: ModelHost) -> DemoError | None:
    """Begin to load the model of a link; returns why it may not be opened here."""
    if name and name != host.serving:
        try:
            host.request(name)
        except DemoError as error:
            return error
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError("file_missing", name=path.name, reason=error.strerror or str(error)) from error
