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
from koe5_demo.ranking.form import FilledForm, form_of, shared_state
from koe5_demo.settings import Limits
from koe5_demo.ui.boundary import PLAIN, QUIET, Words, guarded, label
from koe5_demo.ui.ranking_form import RankingForm, Values
from koe5_demo.words import Language, message

READ_ADDRESS: Final = (
    "(link, language) => { const found = location.hash.match(/^#s=([A-Za-z0-9_-]+)$/);"
    " return [found ? found[1] : '', window.koe5.language() ?? language]; }"
)
"""The packed state of the address, and the language: the one chosen here before, else the browser's."""
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


def build_share_bar(words: Words, copy: gr.Button) -> ShareBar:
    """Lay out the buttons for state files; `copy` stands in the form. Must be called inside a gr.Blocks context."""
    with gr.Row(elem_classes="k-share"):
        save = words.make(gr.Button, {"value": label("share_file")}, size="sm", elem_id="share-file")
        opened = words.make(
            gr.UploadButton, {"label": label("share_open")}, size="sm", file_types=[".json"], elem_id="share-open"
        )
    told = gr.HTML(elem_id="share-told", **PLAIN)
    packed = gr.Textbox(visible="hidden", elem_id="share-packed")
    return ShareBar(copy, save, opened, told, packed, gr.Textbox(visible="hidden", elem_id="share-in"))


def wire_share_bar(bar: ShareBar, form: RankingForm, language: gr.Radio, limits: Limits, run: dict[str, Any]) -> None:
    """Pack on a button, unpack from a file. The page's load event unpacks links, see `on_link`."""

    def on_share(values: Values) -> str:
        return share.to_link(shared_state(form.read(values), limits)) or ""

    def on_save(values: Values) -> str:
        return share.to_file(shared_state(form.read(values), limits)).decode("utf-8")

    def on_open(values: Values) -> dict[Any, Any]:
        return form.fill(form_of(share.from_file(_read(Path(values[bar.open])))))

    filled = {*form.inputs, language}
    told = {
        tongue.value: [message(key, tongue) for key in ("share_copied", "share_manual", "share_too_long")]
        for tongue in Language
    }
    script = (
        f"(packed, tongue) => {{ const told = {json.dumps(told, ensure_ascii=False)}[tongue]; "
        "return window.koe5.shareLink(packed, ...told); }"
    )
    bar.copy.click(guarded(on_share), filled, bar.packed, **QUIET).then(
        fn=None, inputs=[bar.packed, language], outputs=bar.told, js=script
    )
    bar.save.click(guarded(on_save), filled, bar.packed, **QUIET).then(fn=None, inputs=bar.packed, js=SAVE_FILE)
    bar.open.upload(guarded(on_open), {bar.open, language}, form.outputs, **QUIET).then(**run)


@dataclass(frozen=True)
class Restored:
    """What a link brings: the form that the page shows, and what of the link could not be had.

    Attributes:
        form: None without a link, or with one that is broken: the form stays as it is.
        model: The model that answers now, for the form's choice of one.
        refusal: What the visitor is told.
    """

    form: FilledForm | None
    model: str
    refusal: DemoError | None = None


def on_link(packed: str, host: ModelHost) -> Restored:
    """Return what a link restores.

    The texts of a link that names a model which is not to be had here are restored all the same.
    """
    if not packed:
        return Restored(None, host.serving)
    try:
        form = form_of(share.from_link(packed))
    except DemoError as error:
        return Restored(None, host.serving, error)
    refusal = None
    if form.model and form.model != host.serving:
        try:
            host.request(form.model)
        except DemoError as error:
            refusal = error
    ready = bool(form.model) and host.ready_encoder(form.model) is not None
    return Restored(form, form.model if ready else host.serving, refusal)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError("file_missing", name=path.name, reason=error.strerror or str(error)) from error
