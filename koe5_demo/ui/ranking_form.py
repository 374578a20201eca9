"""The left half of the ranking tab: what the visitor fills in, read into one record and filled from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError
from koe5_demo.inputs import UPLOADED, Layout, check_limits, read_file
from koe5_demo.ranking.examples import Example, example_note, example_of, examples
from koe5_demo.ranking.form import FilledForm, read_texts, shown_at_first, told_of_reading
from koe5_demo.ranking.lexical import BM25
from koe5_demo.settings import Limits
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.model_bar import model_choices
from koe5_demo.ui.render import caption, fold, line, notices, render_template
from koe5_demo.words import Language, message

Values = Mapping[Any, Any]
"""What gradio hands to a handler whose inputs are a set: the value of each component."""


@dataclass(frozen=True)
class Applied:
    """The example that was pressed last, and the form as it was before it: the visitor's own, not another example."""

    example: Example
    before: FilledForm

    @property
    def can_be_undone(self) -> bool:
        """Whether it replaced something that was typed; going from example to example loses nothing."""
        typed = bool(self.before.queries.strip() or self.before.passages.strip())
        return typed and example_of(self.before.queries, self.before.passages) is None


@dataclass(frozen=True)
class ExampleBar:
    """The examples above the form, the note of the one in the boxes, and the way back to what it replaced."""

    buttons: tuple[tuple[Example, gr.Button], ...]
    note: gr.HTML
    undo: gr.Button
    applied: gr.State


@dataclass(frozen=True)
class RankingForm:
    """The components; `model` is the page's choice of a model, which belongs to what is filled in.

    The browser changes `recount`, hidden, where the form is to be told anew although nothing in it need have changed.
    """

    model: gr.Dropdown
    examples: ExampleBar
    queries: gr.Textbox
    fold: gr.HTML
    passages: gr.Textbox
    layout: gr.Radio
    file: gr.File
    file_box: gr.Accordion
    file_card: gr.HTML
    file_part: gr.Column
    sheet: gr.Dropdown
    column: gr.Dropdown
    beside: gr.Dropdown
    remove: gr.Button
    count: gr.HTML
    windows: gr.Checkbox
    without_prompts: gr.Checkbox
    compare_with: gr.Dropdown
    recount: gr.Textbox
    run: gr.Button
    share: gr.Button

    @property
    def inputs(self) -> set[Any]:
        """The components that `read` looks at."""
        texts = {self.queries, self.passages, self.layout, self.file, self.sheet, self.column, self.beside}
        return {self.model, *texts, self.windows, self.without_prompts, self.compare_with}

    @property
    def outputs(self) -> list[Any]:
        """The components that `fill` fills."""
        texts = [self.queries, self.passages, self.layout, self.file]
        return [*texts, self.windows, self.without_prompts, self.compare_with]

    @property
    def of_file(self) -> list[Any]:
        """The components that change with a file: one takes the place of the passage box."""
        return [self.passages, self.layout, self.file_box, self.file_part, self.sheet, self.column, self.beside]

    @property
    def told(self) -> list[Any]:
        """The components that tell what is filled in."""
        return [self.count, self.fold, self.file_card, self.examples.note]

    def read(self, values: Values) -> FilledForm:
        """Return what is filled in; a file takes the place of the passage box."""
        file = values[self.file]
        return FilledForm(
            queries=values[self.queries] or "",
            passages="" if file else values[self.passages] or "",
            layout=Layout(values[self.layout]),
            file=Path(file) if file else None,
            sheet=values[self.sheet] if file else None,
            column=values[self.column] if file else None,
            shown_columns=tuple(values[self.beside] or ()) if file else (),
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

    def fill_example(self, example: Example, filled: FilledForm, applied: Applied | None) -> dict[Any, Any]:
        """Return the values that show an example in place of what is filled in.

        What the example before switched on goes off again; what the visitor wishes stays, where this one has no wish.
        """
        came_with_it = applied is not None and filled.compare_with == applied.example.compare_with != ""
        own = replace(filled, compare_with=applied.before.compare_with) if applied and came_with_it else filled
        untouched = example_of(filled.queries, filled.passages) is not None
        before = replace(applied.before, compare_with=own.compare_with) if applied and untouched else own
        now = Applied(example, before)
        return {
            self.queries: example.text_of_queries,
            self.passages: example.text_of_passages,
            self.layout: Layout.BLOCKS.value,
            self.file: None,
            self.compare_with: example.compare_with or own.compare_with,
            self.examples.applied: now,
            self.examples.undo: gr.update(visible=now.can_be_undone),
        }

    def take_back(self, applied: Applied | None) -> dict[Any, Any]:
        """Return the values that put back what an example replaced."""
        done = {self.examples.applied: None, self.examples.undo: gr.update(visible=False)}
        return done | (self.fill(applied.before) if applied is not None else {})

    def tell(self, filled: FilledForm, limits: Limits, host: ModelHost, language: Language) -> dict[Any, Any]:
        """Return how much was read and how much of it the model will see, and what the example in the boxes shows.

        What will not be ranked because it is too much is told in place of that.
        """
        note = line(example_note(filled.queries, filled.passages, language), language)
        told = {self.examples.note: note, self.file_card: _file_card(filled, None, language)}
        try:
            texts = read_texts(filled, limits)
            n_passages = len(texts[1].texts)
            told |= {self.fold: fold(n_passages, language), self.file_card: _file_card(filled, n_passages, language)}
            check_limits(*texts, limits)
            parts = told_of_reading(filled, texts, host.ready_encoder(filled.model), language)
            told[self.count] = render_template("line.html", language, parts=parts)
        except DemoError as error:
            told[self.count] = notices((), language, warning=error.text(language))
        return told

    def offer_columns(self, path: str | None, limits: Limits, sheet: str | None = None) -> dict[Any, Any]:
        """Show a file in place of the passage box, with its sheets and columns to choose from; without one, the box.

        Args:
            path: The file; None where it was taken away.
            limits: Of the file.
            sheet: Of a workbook; the first one when None.
        """
        if path is None:
            return {
                self.passages: gr.update(visible=True),
                self.layout: gr.update(visible=True),
                self.file_box: gr.update(visible=True),
                self.file_part: gr.update(visible=False),
                self.sheet: gr.update(visible=False, choices=[], value=None),
                self.column: gr.update(choices=[], value=None),
                self.beside: gr.update(choices=[], value=[]),
            }
        table = read_file(Path(path), limits, sheet=sheet)
        chosen, several = table.suggested_column, len(table.columns) > 1
        return {
            self.passages: gr.update(visible=False),
            self.layout: gr.update(visible=False),
            self.file_box: gr.update(visible=False),
            self.file_part: gr.update(visible=True),
            self.sheet: gr.update(visible=len(table.sheets) > 1, choices=list(table.sheets), value=table.sheet or None),
            self.column: gr.update(visible=several, choices=list(table.columns), value=chosen),
            self.beside: gr.update(visible=several, choices=list(table.columns), value=shown_at_first(table, chosen)),
        }


def _file_card(filled: FilledForm, n_passages: int | None, language: Language) -> str:
    """Return the file's name and what was read of it, if it was."""
    if filled.file is None:
        return ""
    name, column = filled.file.name, filled.column or ""
    return render_template("file_card.html", language, name=name, column=column, n=n_passages)


def build_examples(words: Words) -> ExampleBar:
    """Lay out the examples. Must be called inside a gr.Blocks context."""
    first = examples()[0]
    with gr.Row(elem_classes="k-examples"):
        words.make(gr.HTML, {"value": partial(caption, "examples")}, **PLAIN)
        buttons = tuple(
            (one, words.make(gr.Button, {"value": one.title.__getitem__}, size="sm", elem_id=f"example-{one.id}"))
            for one in examples()
        )
        undo = words.make(gr.Button, {"value": label("undo_example")}, size="sm", visible=False, elem_id="example-undo")
    note = gr.HTML(line(first.note[words.language], words.language), elem_id="example-note", **PLAIN)
    return ExampleBar(buttons, note, undo, gr.State(None))


def build_form(host: ModelHost, limits: Limits, words: Words, model: gr.Dropdown, bar: ExampleBar) -> RankingForm:
    """Lay out the form, filled with the first example. Must be called inside a gr.Blocks context."""
    first = examples()[0]
    made: dict[str, Any] = {
        "queries": words.make(
            gr.Textbox,
            {"label": label("queries_label", limit=limits.queries)},
            value=first.text_of_queries,
            lines=3,
            max_lines=3,
            elem_id="queries",
        ),
        "fold": gr.HTML(fold(len(first.passages), words.language), elem_id="fold", **PLAIN),
    }
    with gr.Column(elem_id="passages-box"):
        made["passages"] = words.make(
            gr.Textbox,
            {"label": label("passages_label", limit=limits.passages, chars=limits.chars_per_text)},
            value=first.text_of_passages,
            # Equal bounds: gradio measures a growing box line by line, which takes minutes for a thousand lines.
            lines=6,
            max_lines=6,
            elem_id="passages",
        )
        made |= _file(limits, words)
        made["layout"] = words.make(
            gr.Radio,
            {
                "label": label("layout"),
                "choices": choices([("layout_lines", Layout.LINES.value), ("layout_blocks", Layout.BLOCKS.value)]),
            },
            value=Layout.BLOCKS.value,
            elem_id="layout",
        )
    made |= _options(host, words)
    with gr.Column(elem_id="run-box"):
        made["count"] = gr.HTML(elem_id="count", **PLAIN)
        made["recount"] = gr.Textbox(visible="hidden", elem_id="recount")
        with gr.Row(elem_classes="k-run"):
            made["run"] = words.make(gr.Button, {"value": label("run")}, variant="primary", elem_id="run")
            made["share"] = words.make(gr.Button, {"value": label("share_short")}, size="lg", elem_id="share-link")
    return RankingForm(model=model, examples=bar, **made)


def _file(limits: Limits, words: Words) -> dict[str, Any]:
    with gr.Column(visible=False, elem_id="file-part") as part:
        with gr.Row(elem_classes="k-file-row"):
            card = gr.HTML(elem_id="file-card", **PLAIN)
            remove = words.make(gr.Button, {"value": label("file_remove")}, size="sm", elem_id="file-remove")
        sheet = words.make(gr.Dropdown, {"label": label("sheet")}, choices=[], visible=False, elem_id="sheet")
        column = words.make(gr.Dropdown, {"label": label("column")}, choices=[], elem_id="column")
        beside = words.make(
            gr.Dropdown, {"label": label("file_beside")}, choices=[], multiselect=True, elem_id="beside"
        )
    with words.make(gr.Accordion, {"label": label("file", mb=limits.file_mb)}, open=False, elem_id="file-box") as box:
        file = words.make(
            gr.File,
            {"label": label("file", mb=limits.file_mb)},
            show_label=False,
            file_types=[f".{kind}" for kind in UPLOADED],
            file_count="single",
            type="filepath",
            height=90,
            elem_id="file",
        )
    return {
        "file": file,
        "file_box": box,
        "file_card": card,
        "file_part": part,
        "sheet": sheet,
        "column": column,
        "beside": beside,
        "remove": remove,
    }


def rivals(host: ModelHost, language: Language) -> list[tuple[str, str]]:
    """Return what a ranking can be compared with, as the list offers it."""
    return [(message("compare_none", language), ""), (BM25, BM25), *model_choices(host, language)]


def _options(host: ModelHost, words: Words) -> dict[str, Any]:
    compare_with = words.make(
        gr.Dropdown,
        {"label": label("compare_with"), "choices": lambda language: rivals(host, language)},
        value="",
        elem_id="rival",
    )
    with words.make(gr.Accordion, {"label": label("options")}, open=False, elem_id="options"):
        windows = words.make(gr.Checkbox, {"label": label("windows")}, value=False, elem_id="windows")
        without_prompts = words.make(
            gr.Checkbox, {"label": label("without_prompts_option")}, value=False, elem_id="bare"
        )
    return {"windows": windows, "without_prompts": without_prompts, "compare_with": compare_with}
