"""The left half of the ranking tab: what the visitor fills in, read into one record and filled from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.inputs import UPLOADED, Layout, read_file
from koe5_demo.ranking.examples import Example, example_note, examples
from koe5_demo.ranking.form import FilledForm, told_of_reading
from koe5_demo.ranking.lexical import BM25
from koe5_demo.settings import Limits
from koe5_demo.ui import render
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.words import Language, message

Values = Mapping[Any, Any]
"""What gradio hands to a handler whose inputs are a set: the value of each component."""


@dataclass(frozen=True)
class RankingForm:
    """The components; `model` is the page's choice of a model, which belongs to what is filled in."""

    model: gr.Dropdown
    examples: tuple[tuple[Example, gr.Button], ...]
    example_note: gr.HTML
    queries: gr.Textbox
    passages: gr.Textbox
    layout: gr.Radio
    file: gr.File
    column: gr.Dropdown
    count: gr.HTML
    windows: gr.Checkbox
    without_prompts: gr.Checkbox
    compare_with: gr.Dropdown
    run: gr.Button

    @property
    def inputs(self) -> set[Any]:
        """The components that `read` looks at."""
        texts = {self.queries, self.passages, self.layout, self.file, self.column}
        return {self.model, *texts, self.windows, self.without_prompts, self.compare_with}

    @property
    def outputs(self) -> list[Any]:
        """The components that `fill` fills."""
        texts = [self.queries, self.passages, self.layout, self.file]
        return [*texts, self.windows, self.without_prompts, self.compare_with]

    def read(self, values: Values) -> FilledForm:
        """Return what is filled in."""
        file = values[self.file]
        return FilledForm(
            queries=values[self.queries] or "",
            passages=values[self.passages] or "",
            layout=Layout(values[self.layout]),
            file=Path(file) if file else None,
            column=values[self.column] if file else None,
            windows=bool(values[self.windows]),
            without_prompts=bool(values[self.without_prompts]),
            compare_with=values[self.compare_with] or "",
            model=values[self.model] or "",
        )

    def fill(self, filled: FilledForm) -> dict[Any, Any]:
        """Return the values that put a record back into the form; a file cannot be put back, and the model stays."""
        return {
            self.queries: filled.queries,
            self.passages: filled.passages,
            self.layout: filled.layout.value,
            self.file: None,
            self.windows: filled.windows,
            self.without_prompts: filled.without_prompts,
            self.compare_with: filled.compare_with,
        }

    def fill_example(self, example: Example) -> dict[Any, Any]:
        """Return the values that show an example; the visitor's own wishes stay where it has none."""
        values = {
            self.queries: example.text_of_queries,
            self.passages: example.text_of_passages,
            self.layout: Layout.BLOCKS.value,
            self.file: None,
        }
        return values | ({self.compare_with: example.compare_with} if example.compare_with else {})

    def tell(self, filled: FilledForm, limits: Limits, host: ModelHost, language: Language) -> dict[Any, Any]:
        """Return how much was read and how much of it the model will see, and what the example in the boxes shows."""
        counted = told_of_reading(filled, limits, host.ready_encoder(filled.model), language)
        note = example_note(filled.queries, filled.passages, language)
        return {self.count: render.lines(counted, language), self.example_note: render.line(note, language)}

    def offer_columns(self, path: str | None, limits: Limits, language: Language) -> dict[Any, Any]:
        """Offer the columns of a new file, and rest the passage box while there is one."""
        if path is None:
            typing = gr.update(interactive=True, placeholder="")
            return {self.column: gr.update(visible=False, choices=[], value=None), self.passages: typing}
        table = read_file(Path(path), limits)
        several = len(table.columns) > 1
        return {
            self.column: gr.update(visible=several, choices=list(table.columns), value=table.suggested_column),
            self.passages: gr.update(interactive=False, placeholder=message("passages_from_file", language)),
        }


def build_form(host: ModelHost, limits: Limits, words: Words, model: gr.Dropdown) -> RankingForm:
    """Lay out the form, filled with the first example. Must be called inside a gr.Blocks context."""
    first = examples()[0]
    buttons = _examples(words)
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
    windows, without_prompts, compare_with = _options(host, words)
    file, column = _file(limits, words)
    return RankingForm(
        model=model,
        examples=buttons,
        example_note=note,
        queries=queries,
        passages=passages,
        layout=layout,
        file=file,
        column=column,
        count=count,
        windows=windows,
        without_prompts=without_prompts,
        compare_with=compare_with,
        run=run,
    )


def _examples(words: Words) -> tuple[tuple[Example, gr.Button], ...]:
    with gr.Row(elem_classes="k-examples"):
        words.make(gr.HTML, {"value": lambda language: render.caption("examples", language)}, **PLAIN)
        return tuple(
            (
                example,
                words.make(gr.Button, {"value": example.title.__getitem__}, size="sm", elem_id=f"example-{example.id}"),
            )
            for example in examples()
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
        without_prompts = words.make(
            gr.Checkbox, {"label": label("without_prompts_option")}, value=False, elem_id="bare"
        )
        compare_with = words.make(
            gr.Dropdown,
            {
                "label": label("compare_option"),
                "choices": lambda language: [
                    (message("compare_none", language), ""),
                    *((name, name) for name in (BM25, *host.names)),
                ],
            },
            value="",
            elem_id="rival",
        )
    return windows, without_prompts, compare_with
