"""The sub-tab 내 데이터로 of the tab 성능 평가: a benchmark on the visitor's own questions and passages.

What a visitor hands in lives in the state of the session and nowhere else: the uploaded file is read once and deleted
(a workbook of several sheets is kept there, so that another sheet can be read), the run is not saved, and what is
handed out goes to the browser as text.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark import result_tables
from koe5_demo.benchmark.live import LiveBenchmarks, RunChoice
from koe5_demo.benchmark.own.answer import main_results, make_answer
from koe5_demo.benchmark.own.columns import Columns
from koe5_demo.benchmark.own.reading import OwnSet
from koe5_demo.benchmark.own.report import (
    Report,
    make_report,
    to_report_html,
    to_report_markdown,
    to_report_xlsx,
)
from koe5_demo.benchmark.own.session import PARTS, OwnState, open_upload
from koe5_demo.benchmark.result_files import mteb_form, trec_run
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.systems import VARIANTS
from koe5_demo.catalog import ASSETS, EMBEDDED_MODEL
from koe5_demo.errors import InputError
from koe5_demo.inputs import UPLOADED
from koe5_demo.settings import Settings
from koe5_demo.ui.benchmark_form import SystemChoice, Values, progress
from koe5_demo.ui.boundary import PLAIN, QUIET, Spoken, Words, guarded, label, language_of, latest, wire
from koe5_demo.ui.render import hint, notices, render_template
from koe5_demo.words import Language, message

OWN_QUEUE: Final = "own-data"
RUNS_AT_ONCE: Final = 8
EXAMPLE: Final = ASSETS / "own-example"
PREVIEW_ROWS: Final = 5
COLUMNS: Final = ("query", "passage", "id", "label")
_SAVE_TEXT: Final = "(name, text, kind) => window.koe5.download(name, text, kind)"
_SAVE_BYTES: Final = (
    "(name, text, kind) => window.koe5.download(name, Uint8Array.from(atob(text), (char) => char.charCodeAt(0)), kind)"
)


def previews(state: OwnState, language: Language) -> list[tuple[str, list[list[str]]]]:
    """Return the first rows of what was handed in, as tables with titles, for whoever checks the mapping."""
    if state.whole is None:
        files = state.files.values()
        titles = [f"{table.name} · {table.sheet}" if len(table.sheets) > 1 else table.name for table in files]
        return [
            (f"{title} ({len(table.rows):,})", [list(table.columns), *map(list, table.rows[:PREVIEW_ROWS])])
            for title, table in zip(titles, files, strict=True)
        ]
    data, tables = state.whole.data, []
    parts = (("own_h_question", data.query_ids, data.queries), ("own_h_passage", data.document_ids, data.documents))
    for key, ids, texts in parts:
        name = message(key, language)
        rows = map(list, zip(ids[:PREVIEW_ROWS], texts[:PREVIEW_ROWS], strict=True))
        tables.append((f"{name} ({len(texts):,})", [["id", name], *rows]))
    return tables


@dataclass(frozen=True, eq=False)
class Arrived:
    """What a run has given so far, of which set: a newer one may have taken its place by then.

    Attributes:
        own: The set.
        results: Of its run.
    """

    own: OwnSet | None = None
    results: tuple[RunResult, ...] = ()


@dataclass
class OwnDesk:
    """What a visitor has handed in by now; kept in the session.

    It changes in place: gradio hands an event the values of the moment it began, and of two events at once, two files
    or a new language and "clear", the later one must neither lose nor bring back what the other one changed.
    """

    state: OwnState = field(default_factory=OwnState)


class OwnDataPanel:
    """The components of the sub-tab, and what their events compute. Must be made inside a gr.Blocks context.

    Args:
        live: What can be run.
        settings: Limits, and whether models outside the catalog may be named.
        words: Collects what changes with the language.
    """

    def __init__(self, live: LiveBenchmarks, settings: Settings, words: Words) -> None:
        self._live = live
        self._limits = settings.limits
        self._custom = settings.allow_custom_models
        self.desk = gr.State(OwnDesk())
        self.token = gr.State("")
        self.arrived = gr.State(Arrived())
        self.last_step = gr.State(None)
        self.spoken = words.spoken
        lead = {"rows": settings.limits.rows, "mb": settings.limits.file_mb}
        words.make(gr.HTML, {"value": lambda t: notices([], t, warning=message("own_lead", t, **lead))}, **PLAIN)
        self._build_files(words)
        self.preview = gr.HTML(elem_id="own-preview", **PLAIN)
        with gr.Row(visible=False, elem_classes="k-choices") as self.mapping:
            self.columns = {
                name: words.dropdown(f"own_column_{name}", choices=[""], value="", elem_id=f"own-{name}")
                for name in COLUMNS
            }
        self.counts = gr.HTML(elem_id="own-counts", **PLAIN)
        self._build_choice(words)
        self.progress = gr.HTML(elem_id="own-progress", **PLAIN)
        self.answer = gr.HTML(elem_id="own-answer", **PLAIN)
        self._build_downloads(words)

    def _build_files(self, words: Words) -> None:
        with gr.Row(elem_classes="k-choices"):
            self.uploads = {
                part: words.make(
                    gr.File,
                    {"label": label(f"own_file_{part}")},
                    file_types=[f".{kind}" for kind in (*UPLOADED, *(("zip",) if part == PARTS[0] else ()))],
                    file_count="single",
                    type="filepath",
                    height=120,
                    elem_id=f"own-file-{part}",
                )
                for part in PARTS
            }
        with gr.Row(visible=False, elem_classes="k-choices") as self.sheet_row:
            self.sheets = {
                part: words.dropdown(
                    f"own_sheet_{part}",
                    choices=[""],
                    value="",
                    visible=False,
                    elem_id=f"own-sheet-{part}",
                )
                for part in PARTS
            }
        with gr.Row():
            self.example = words.button("own_example", size="sm", elem_id="own-example")
            self.clear = words.button("own_clear", size="sm", elem_id="own-clear")

    def _build_choice(self, words: Words) -> None:
        ready = [offer.name for offer in self._live.models() if offer.availability == "ready"]
        self.systems = SystemChoice(self._live, words, "own", ready[:1] or [EMBEDDED_MODEL], custom=self._custom)
        self.variants = words.make(gr.Checkbox, {"label": label("own_variants")}, value=True, elem_id="own-variants")
        with gr.Row():
            self.start = words.button("bench_start", variant="primary", elem_id="own-start")
            self.stop = words.button("bench_stop", variant="stop", interactive=False, elem_id="own-stop")

    def _build_downloads(self, words: Words) -> None:
        with gr.Column(visible=False) as self.downloads:
            self.with_texts = words.make(
                gr.Checkbox, {"label": label("own_with_texts")}, value=False, elem_id="own-with-texts"
            )
            with gr.Row():
                self.saves = {
                    kind: words.button(f"own_save_{kind}", size="sm", elem_id=f"own-save-{kind}")
                    for kind in ("html", "xlsx", "csv", "md", "trec", "json")
                }

    @property
    def choice_inputs(self) -> set[Any]:
        """The components that say what is run."""
        return {*self.systems.inputs, self.variants}

    @property
    def shown(self) -> list[Any]:
        """The components that `show` changes."""
        return [
            self.sheet_row,
            *self.sheets.values(),
            self.preview,
            self.mapping,
            *self.columns.values(),
            self.counts,
            self.answer,
            self.downloads,
            self.systems.models,
        ]

    def read(self, values: Values) -> RunChoice:
        """Return what was chosen, the visitor's set as its only data set."""
        chosen = self.systems.read(values, datasets=("own",))
        return replace(chosen, fusions=(*chosen.fusions, *VARIANTS)) if values[self.variants] else chosen

    def take_file(self, part: str, values: Values, language: Language) -> Values:
        """Read an uploaded file into the session and delete it; show what it holds."""
        path = values[self.uploads[part]]
        if not path:
            return {self.uploads[part]: None}
        try:
            read, book = open_upload(Path(path).read_bytes(), Path(path).name, self._limits)
        except OSError as error:
            raise InputError("file_gone") from error
        finally:
            with contextlib.suppress(OSError):
                Path(path).unlink()
        desk = self._desk(values)
        desk.state = desk.state.with_file(part, read, self._limits, book)
        return {self.uploads[part]: None, **self.show(desk, values, language)}

    def turn_to(self, part: str, values: Values, language: Language) -> Values:
        """Read the sheet that the menu of a part says."""
        desk = self._desk(values)
        book = desk.state.books.get(part)
        if book is not None:  # else the session was let go
            table, turned = open_upload(book.content, book.name, self._limits, sheet=values[self.sheets[part]])
            desk.state = desk.state.with_file(part, table, self._limits, turned)
        return self.show(desk, values, language)

    def take_example(self, values: Values, language: Language) -> Values:
        """Take the set that ships with the project."""
        state = OwnState()
        for part, name in (("questions", "test.csv"), ("distractors", "passages.csv")):
            read, _ = open_upload((EXAMPLE / name).read_bytes(), name, self._limits)
            state = state.with_file(part, read, self._limits)
        return self.take(state, values, language)

    def forget(self, values: Values, language: Language) -> Values:
        """Let go of everything, a run under way too."""
        self._live.stop(values[self.token])
        return {self.progress: "", self.last_step: None, **self.take(OwnState(), values, language)}

    def take(self, state: OwnState, values: Values, language: Language) -> Values:
        """Take a state in place of what was handed in before."""
        desk = self._desk(values)
        desk.state = state
        return self.show(desk, values, language)

    def remap(self, values: Values, language: Language) -> Values:
        """Count anew with the columns that the menus say."""
        chosen = {name: values[menu] for name, menu in self.columns.items()}
        desk = self._desk(values)
        desk.state = replace(desk.state, columns=Columns(**chosen)).counted(self._limits)
        return self.show(desk, values, language)

    def show(self, desk: OwnDesk, values: Values, language: Language) -> Values:
        """Return what the page shows, in the language of then if the event was given `spoken`.

        Anew if either has changed meanwhile, as of two answers the older may arrive last.
        """
        spoken: Spoken = values.get(self.spoken, Spoken())
        while True:
            state = desk.state
            shown = spoken.said(language.value, partial(self._shown_of, state, values))
            if desk.state is state:
                return {self.desk: desk, **shown}

    def _desk(self, values: Values) -> OwnDesk:
        """Return what the visitor has handed in, which a restart or many other visitors may have taken away."""
        return values[self.desk] or OwnDesk()

    def _shown_of(self, state: OwnState, values: Values, language: Language) -> Values:
        first, passages = state.files.get("questions"), state.files.get("passages")
        heads = {name: list(first.columns) if first is not None else [] for name in COLUMNS}
        if passages is not None:
            heads["passage"] = list(passages.columns)
        menus = {
            menu: gr.update(choices=["", *heads[name]], value=getattr(state.columns, name) or "")
            for name, menu in self.columns.items()
        }
        sheets = {
            menu: gr.update(visible=True, choices=list(book.sheets), value=book.sheet)
            if (book := state.books.get(part)) is not None
            else gr.update(visible=False, choices=[""], value="")
            for part, menu in self.sheets.items()
        }
        return {
            self.sheet_row: gr.update(visible=bool(state.books)),
            **sheets,
            self.preview: render_template("own_tables.html", language, tables=previews(state, language)),
            self.mapping: gr.update(visible=first is not None),
            **menus,
            **self.tell(state, values, language),
            self.answer: self.answered(state, language),
            self.downloads: gr.update(visible=bool(state.results)),
            self.systems.models: gr.update(choices=self.systems.offered(language)),
        }

    def tell(self, state: OwnState, values: Values, language: Language) -> Values:
        """Return what was counted, what the chosen models cut, and how long they take."""
        if state.trouble is not None:
            return {self.counts: notices([], language, warning=state.trouble.text(language))}
        if state.own is None:
            return {self.counts: hint("own_empty", language)}
        models = self.read(values).models
        told = [*state.own.told(), *self._live.too_long(state.own.data, models)]
        lines = [notice.text(language) for notice in told]
        seconds = self._live.estimated_seconds(state.own.data, models)
        if seconds is not None:
            lines.append(message("own_seconds", language, n=max(1.0, seconds)))
        return {self.counts: render_template("notices.html", language, items=lines, warning="")}

    def report(self, state: OwnState, language: Language, *, with_texts: bool) -> Report | None:
        """Return the report of the last run; None before one."""
        if state.own is None or not state.results:
            return None
        answer = make_answer(state.results, state.own.data)
        return make_report(answer, state.own, state.results, language, with_texts=with_texts)

    def answered(self, state: OwnState, language: Language) -> str:
        """Return the answer as the page shows it, the visitor's own texts with it."""
        report = self.report(state, language, with_texts=True)
        return "" if report is None else render_template("own_answer.html", language, report=report)

    def file(self, kind: str, state: OwnState, language: Language, *, with_texts: bool) -> tuple[str, str, str]:
        """Return name, content and media type of a file to take away; a workbook's content is in base64.

        Raises:
            InputError: If nothing was run yet.
        """
        report = self.report(state, language, with_texts=with_texts)
        if report is None or state.own is None:
            raise InputError("own_no_result")
        name = f"{state.own.data.name}.{kind}"
        if kind == "html":
            return name, to_report_html(report), "text/html;charset=utf-8"
        if kind == "xlsx":
            workbook = base64.b64encode(to_report_xlsx(report)).decode()
            return name, workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        if kind == "csv":
            return name, result_tables.results_csv(main_results(state.results)), "text/csv;charset=utf-8"
        if kind == "md":
            return name, to_report_markdown(report), "text/markdown;charset=utf-8"
        if kind == "trec":
            return name, "".join(map(trec_run, state.results)), "text/plain;charset=utf-8"
        forms = [mteb_form(result) for result in state.results]
        return name, json.dumps(forms, ensure_ascii=False, indent=2), "application/json"

    def begin(self, values: Values, _language: Language) -> Values:
        """Check that there is something to run, and ready the buttons."""
        if self._desk(values).state.own is None:
            raise InputError("own_empty")
        if not self.read(values).complete:
            raise InputError("bench_nothing_chosen")
        return {self.token: self._live.open_run(), **self.buttons(running=True)}

    def buttons(self, *, running: bool) -> Values:
        """Return what can be pressed."""
        return {self.start: gr.update(interactive=not running), self.stop: gr.update(interactive=running)}

    def run(self, values: Values, language: Language) -> Iterator[Values]:
        """Run, telling how far it is and of every result as it comes."""
        arrived = Arrived(self._desk(values).state.own)
        if arrived.own is None:
            raise InputError("own_empty")
        for step in self._live.run_own(arrived.own.data, self.read(values), values[self.token]):
            shown: Values = {}
            if step.result is not None:
                arrived = replace(arrived, results=(*arrived.results, step.result))
                shown[self.arrived] = arrived
            last = replace(step, result=None), len(arrived.results)
            told = progress(*last, values[self.spoken].now(language))
            yield {**shown, self.progress: told, self.last_step: last, **self.buttons(running=not step.ended)}

    def take_results(self, values: Values, language: Language) -> Values:
        """Show the answer as it grows, unless another set has taken the place of its own: then the run ends."""
        arrived: Arrived = values[self.arrived]
        desk = self._desk(values)
        if arrived.own is not desk.state.own:
            self._live.stop(values[self.token])
            return {self.progress: ""}
        desk.state = state = replace(desk.state, results=arrived.results)
        return {self.desk: desk, self.answer: self.answered(state, language), self.downloads: gr.update(visible=True)}

    def wire_files(self, language: gr.Radio) -> None:
        """Wire files, menus, the example, and the language."""
        on = partial(wire, language=language)
        inputs, outputs = {self.desk, self.spoken, *self.choice_inputs}, [self.desk, *self.shown]
        for part, upload in self.uploads.items():
            take = partial(self.take_file, part)
            on(upload.upload, take, {*inputs, upload}, [*outputs, upload], name=f"own_{part}")
        for part, menu in self.sheets.items():
            turn = partial(self.turn_to, part)
            on(latest(menu.input), turn, {*inputs, menu}, outputs, name=f"own_sheet_{part}")
        for menu in self.columns.values():
            on(latest(menu.input), self.remap, {*inputs, *self.columns.values()}, outputs, name="own_remap")
        on(self.example.click, self.take_example, inputs, outputs, name="own_take_example")
        on(
            self.clear.click,
            self.forget,
            {*inputs, self.token},
            [*outputs, self.progress, self.last_step],
            name="own_forget",
        )

        def own_tell(values: Values, language: Language) -> Values:
            return self.tell(self._desk(values).state, values, language)

        def own_show(values: Values, language: Language) -> Values:
            last = values[self.last_step]
            told = {self.progress: progress(last[0], last[1], language)} if last else {}
            return {**told, **self.show(self._desk(values), values, language)}

        on(latest(self.systems.models.input, self.systems.more.input), own_tell, inputs, [self.counts])
        # Here the switch knows better than `spoken`, which is told at the same time.
        on(language.change, own_show, {*inputs - {self.spoken}, self.last_step}, [*outputs, self.progress])

    def wire_run(self, language: gr.Radio) -> None:
        """Wire start, run, stop."""
        inputs, buttons = {self.desk, *self.choice_inputs}, [self.start, self.stop]
        told = [self.token, *buttons]
        started = wire(self.start.click, self.begin, inputs, told, language=language, name="own_begin")

        def own_run(values: Values) -> Iterator[Values]:
            yield from self.run(values, language_of(values[language]))

        started.success(
            guarded(own_run),
            {*inputs, self.token, language, self.spoken},
            [self.progress, self.last_step, self.arrived, *buttons],
            concurrency_id=OWN_QUEUE,
            concurrency_limit=RUNS_AT_ONCE,
            **QUIET,
        )

        wire(
            self.arrived.change,
            self.take_results,
            {self.arrived, self.desk, self.token},
            [self.progress, self.desk, self.answer, self.downloads],
            language=language,
            spoken=self.spoken,
            name="own_take_results",
        )

        def own_stop(values: Values) -> Values:
            self._live.stop(values[self.token])
            return {self.stop: gr.update(interactive=False)}

        self.stop.click(own_stop, {self.token}, [self.stop], queue=False, **QUIET)

    def wire_downloads(self, language: gr.Radio) -> None:
        """Hand files to the browser as text that it saves itself."""
        boxes = [gr.Textbox(visible="hidden", elem_id=f"own-download-{part}") for part in ("name", "text", "kind")]

        def save(kind: str, values: Values, language: Language) -> Values:
            made = self.file(kind, self._desk(values).state, language, with_texts=bool(values[self.with_texts]))
            return dict(zip(boxes, made, strict=True))

        for kind, button in self.saves.items():
            inputs = {self.desk, self.with_texts}
            made = wire(button.click, partial(save, kind), inputs, boxes, language=language, name=f"own_save_{kind}")
            made.success(fn=None, inputs=boxes, js=_SAVE_BYTES if kind == "xlsx" else _SAVE_TEXT)


def build_own_data_tab(live: LiveBenchmarks, settings: Settings, words: Words, language: gr.Radio) -> OwnDataPanel:
    """Lay out the sub-tab and wire its events. Must be called inside the sub-tab's context.

    Args:
        live: What can be run, and the saved runs.
        settings: Limits of what a visitor may hand in.
        words: Collects what changes with the language.
        language: The page's switch.

    Returns:
        The panel, for who brings a set of another tab: `panel.take(of_set(own), ...)`.
    """
    panel = OwnDataPanel(live, settings, words)
    panel.wire_files(language)
    panel.wire_run(language)
    panel.wire_downloads(language)
    return panel
