"""The left half of the ranking tab: what the visitor fills in, and how the components become records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.inputs import UPLOADED, Layout
from koe5_demo.settings import Limits
from koe5_demo.share import SharedState
from koe5_demo.ui import handlers, render
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.handlers import BM25, Form
from koe5_demo.ui.state import Options
from koe5_demo.words import Language, message

N_FORM: Final = 5


@dataclass(frozen=True)
class RankingForm:
    """The components, in two groups: the texts, and what is switched on beside."""

    examples: tuple[tuple[handlers.Example, gr.Button], ...]
    example_note: gr.HTML
    queries: gr.Textbox
    passages: gr.Textbox
    layout: gr.Radio
    file: gr.File
    column: gr.Dropdown
    count: gr.HTML
    windows: gr.Checkbox
    bare: gr.Checkbox
    rival: gr.Dropdown
    run: gr.Button

    @property
    def texts(self) -> list[Any]:
        """Return the components that `read_form` takes, in its order."""
        return [self.queries, self.passages, self.layout, self.file, self.column]

    @property
    def options(self) -> list[Any]:
        """Return the components that `read_options` takes, in its order."""
        return [self.windows, self.bare, self.rival]

    @property
    def restored(self) -> list[Any]:
        """Return the components that `restore` fills, in its order."""
        return [self.queries, self.passages, self.layout, self.file, *self.options]


def build_form(host: ModelHost, limits: Limits, words: Words) -> RankingForm:
    """Lay out the form, filled with the first example. Must be called inside a gr.Blocks context."""
    first = handlers.examples()[0]
    examples = _examples(words)
    note = gr.HTML(render.line(first.note[words.language], words.language), elem_id="example-note", **PLAIN)
    queries = words.make(
        gr.Textbox,
        {"label": label("queries"), "info": label("queries_hint", limit=limits.queries)},
        value=first.text_of_queries,
        lines=2,
        max_lines=6,
        elem_id="queries",
    )
    passages = words.make(
        gr.Textbox,
        {
            "label": label("passages"),
            "info": label("passages_hint", limit=limits.passages, chars=limits.chars_per_text),
        },
        value=first.text_of_passages,
        # Equal bounds: gradio measures a growing box line by line, which takes minutes for a thousand lines.
        lines=8,
        max_lines=8,
        elem_id="passages",
    )
    layout = words.make(
        gr.Radio,
        {
            "label": label("layout"),
            "choices": choices([("layout_lines", Layout.LINES.value), ("layout_blocks", Layout.BLOCKS.value)]),
        },
        value=Layout.BLOCKS.value,
        elem_id="layout",
    )
    count = gr.HTML(elem_id="count", **PLAIN)
    run = words.make(gr.Button, {"value": label("run")}, variant="primary", elem_id="run")
    windows, bare, rival = _options(host, words)
    file, column = _file(limits, words)
    return RankingForm(examples, note, queries, passages, layout, file, column, count, windows, bare, rival, run)


def read_form(queries: str, passages: str, layout: str, file: str | None, column: str | None) -> Form:
    """Return what the text components hold."""
    return Form(queries or "", passages or "", Layout(layout), Path(file) if file else None, column if file else None)


def read_options(windows: bool, bare: bool, rival: str | None) -> Options:
    """Return what is switched on beside."""
    return Options(bool(windows), bool(bare), rival or "")


def restore(state: SharedState) -> list[Any]:
    """Return the values that put a shared state back into the form."""
    options = handlers.options_of(state)
    gap = "\n\n" if state.layout is Layout.BLOCKS else "\n"
    texts = ["\n".join(state.queries), gap.join(state.passages), state.layout.value, None]
    return [*texts, options.windows, options.bare, options.rival]


def told_of_form(form: Form, limits: Limits, host: ModelHost, model: str, language: Language) -> tuple[str, str]:
    """Return how much was read and how much of it the model will see, and what the example in the boxes shows."""
    counted = handlers.count_line(form, limits, host.ready_encoder(model), language)
    note = handlers.example_note(form.queries, form.passages, language)
    return render.lines(counted, language), render.line(note, language)


def file_updates(path: str | None, limits: Limits, language: Language) -> tuple[Any, Any]:
    """Offer the columns of a new file, and rest the passage box while there is one."""
    if path is None:
        return gr.update(visible=False, choices=[], value=None), gr.update(interactive=True, placeholder="")
    table = handlers.open_table(Path(path), limits)
    resting = gr.update(interactive=False, placeholder=message("passages_from_file", language))
    several = len(table.columns) > 1
    return gr.update(visible=several, choices=list(table.columns), value=table.suggested_column), resting


def _examples(words: Words) -> tuple[tuple[handlers.Example, gr.Button], ...]:
    with gr.Row(elem_classes="k-examples"):
        words.make(gr.HTML, {"value": lambda language: render.caption("examples", language)}, **PLAIN)
        return tuple(
            (
                example,
                words.make(gr.Button, {"value": example.title.__getitem__}, size="sm", elem_id=f"example-{example.id}"),
            )
            for example in handlers.examples()
        )


def _file(limits: Limits, words: Words) -> tuple[gr.File, gr.Dropdown]:
    with words.make(gr.Accordion, {"label": label("file", mb=limits.file_mb)}, open=False, elem_id="file-box"):
        file = words.make(
            gr.File,
            {"label": label("file", mb=limits.file_mb)},
            show_label=False,
            file_types=[f".{kind}" for kind in UPLOADED],
            file_count="single",
            type="filepath",
            height=120,
            elem_id="file",
        )
        column = words.make(gr.Dropdown, {"label": label("column")}, choices=[], visible=False, elem_id="column")
    return file, column


def _options(host: ModelHost, words: Words) -> tuple[gr.Checkbox, gr.Checkbox, gr.Dropdown]:
    with words.make(gr.Accordion, {"label": label("options")}, open=False, elem_id="options"):
        windows = words.make(gr.Checkbox, {"label": label("windows")}, value=False, elem_id="windows")
        bare = words.make(gr.Checkbox, {"label": label("bare_option")}, value=False, elem_id="bare")
        rival = words.make(
            gr.Dropdown,
            {
                "label": label("rival_option"),
                "choices": lambda language: [(message("rival_none", language), ""), (BM25, BM25), *_named(host.names)],
            },
            value="",
            elem_id="rival",
        )
    return windows, bare, rival


def _named(names: list[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]
