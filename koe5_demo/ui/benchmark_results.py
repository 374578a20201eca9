"""What was published and measured, in the tab 성능 평가: the paper's table, a run, its place among published models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.datasets.records import DatasetSpec, Problems
from koe5_demo.benchmark.datasets.registry import DATASETS, SUITE
from koe5_demo.benchmark.metrics import HEADLINE_METRICS, PAPER_METRICS
from koe5_demo.benchmark.published import (
    PAPER_NAMES,
    SIZES,
    Footnote,
    Placement,
    footnote,
    placement,
    published_sets,
)
from koe5_demo.benchmark.result_tables import (
    METRIC_LABELS,
    PaperRow,
    paper_board,
    percent,
    published_rows,
    remarks,
    results_csv,
    results_table,
    to_markdown,
)
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.benchmark.saved_runs import SHIPPED, SavedResult, SavedRun, SavedRuns
from koe5_demo.benchmark.systems import FUSIONS, system_name
from koe5_demo.exports import BYTE_ORDER_MARK
from koe5_demo.ui.benchmark_form import Values, dataset_name
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.render import SHOWN_REVISION, render_template
from koe5_demo.words import Language, message

SMALL_SET: Final = 500
TERMS: Final = ("ndcg", "f1", "rrf", "interval")
"""What is explained at a tap."""
NOWHERE: Final = -1
BELOW: Final = ("recovered", "difference")
"""Kinds of rows whose numbers stand below those of the row before."""
FUSED_FILE: Final = re.compile(f"^({'|'.join(FUSIONS)})-")
"""How the name of a fusion's folder begins."""


class RunResults:
    """The paper's table, a run's results, its place among published models, and what fills them.

    Everything is there when the page is sent, so that nothing moves when the tab is opened. The parts are laid out by
    three calls, each inside the gr.Blocks context where its part is to stand.

    Args:
        saved: The runs that can be shown.
        words: Collects what changes with the language.
    """

    def __init__(self, saved: SavedRuns, words: Words) -> None:
        self._saved = saved
        self._words = words

    def build_board(self) -> None:
        """Lay out the paper's table with what was measured here, and why its AutoRAG row cannot be compared."""
        self.board = self._words.make(gr.HTML, {"value": self.board_html}, elem_id="bench-paper", **PLAIN)

    def build_run(self) -> None:
        """Lay out the results of one run."""
        words, shown = self._words, self._saved.results(SHIPPED)
        with gr.Row(elem_classes="k-run-row"):
            self.run = words.make(
                gr.Dropdown,
                {"label": label("bench_run_choice"), "choices": self._run_choices},
                value=SHIPPED if shown else None,
                scale=4,
                elem_id="bench-run",
            )
            self.csv = words.button("bench_csv", size="sm", elem_id="bench-csv")
            self.markdown = words.button("bench_markdown", size="sm", elem_id="bench-markdown")
        tongue = words.language
        self.results = gr.HTML(results_html(shown, tongue), elem_id="bench-results", **PLAIN)
        self.records = gr.HTML(records(shown, tongue), elem_id="bench-manifests", **PLAIN)

    def build_published(self) -> None:
        """Lay out the published models of a data set with the run among them."""
        words, specs = self._words, published_sets()
        with gr.Row(elem_classes="k-choices"):
            self.published_set = words.dropdown(
                "bench_set",
                choices=[spec.id for spec in specs],
                value=specs[1].id,
                min_width=160,
                elem_id="bench-published-set",
            )
            self.published_metric = words.dropdown(
                "bench_metric",
                choices=[(METRIC_LABELS[name], name) for name in HEADLINE_METRICS if name != "recall_at_10"],
                value="ndcg_at_1",
                min_width=120,
                elem_id="bench-published-metric",
            )
            self.published_size = words.make(
                gr.Dropdown,
                {"label": label("bench_parameters"), "choices": choices([(f"bench_size_{key}", key) for key in SIZES])},
                value="all",
                min_width=140,
                elem_id="bench-published-size",
            )
            self.published_name = words.make(
                gr.Textbox, {"label": label("bench_name")}, min_width=160, elem_id="bench-published-name"
            )
            self.reference = words.dropdown(
                "bench_reference",
                choices=[(PAPER_NAMES[hub_id], hub_id) for hub_id in PAPER_NAMES],
                value=next(iter(PAPER_NAMES)),
                min_width=160,
                elem_id="bench-reference",
            )
        reference: str = self.reference.value
        placed = placement([], specs[1], "ndcg_at_1", "", "all", reference)
        first = placement_html(placed, specs[1], "ndcg_at_1", reference, words.language)
        self.published = gr.HTML(first, elem_id="bench-published", **PLAIN)
        self.filters: set[Any] = {
            self.reference,
            self.published_set,
            self.published_metric,
            self.published_size,
            self.published_name,
        }
        self.inputs = {self.run, *self.filters}
        self.outputs = [self.results, self.records, self.published]

    def board_html(self, language: Language) -> str:
        """Return the paper's table with the newest results of this machine."""
        measured = [item.result for item in self._saved.newest([spec.id for spec in SUITE])]
        return board(paper_board(measured), footnote(), language)

    def run_list(self, run_id: str | None, language: Language) -> Values:
        """Offer every run, `run_id` chosen if it is there."""
        offered = self._run_choices(language)
        ids = [id_ for _, id_ in offered]
        value = run_id if run_id in ids else SHIPPED if SHIPPED in ids else next(iter(ids), None)
        return {self.run: gr.update(choices=offered, value=value)}

    def show(self, saved: Sequence[SavedResult], values: Values, language: Language) -> Values:
        """Show the results of a run, and where they stand."""
        return {
            self.results: results_html(saved, language),
            self.records: records(saved, language),
            **self.place(saved, values, language),
        }

    def place(self, saved: Sequence[SavedResult], values: Values, language: Language) -> Values:
        """Put the results of a run among published ones, as the filters choose them."""
        found = [item.result for item in saved]
        spec, metric = DATASETS[values[self.published_set]], values[self.published_metric]
        reference, name = values[self.reference], values[self.published_name] or ""
        placed = placement(found, spec, metric, name, values[self.published_size], reference)
        return {self.published: placement_html(placed, spec, metric, reference, language)}

    def _run_choices(self, language: Language) -> list[tuple[str, str]]:
        return [(run_label(run, language), run.id) for run in self._saved.runs()]

    def csv_file(self, values: Values) -> tuple[str, str]:
        """Return name and text of the run as CSV."""
        run_id, found = self._chosen(values)
        return f"koe5-benchmark-{run_id}.csv", BYTE_ORDER_MARK + results_csv(found)

    def markdown_file(self, values: Values) -> tuple[str, str]:
        """Return name and text of the run as a Markdown table, published rows labelled."""
        run_id, found = self._chosen(values)
        return f"koe5-benchmark-{run_id}.md", to_markdown(results_table(found))

    def _chosen(self, values: Values) -> tuple[str, list[RunResult]]:
        run_id = values[self.run] or SHIPPED
        return run_id, [item.result for item in self._saved.results(run_id)]


def run_label(run: SavedRun, language: Language) -> str:
    """Return how a saved run is named in a list."""
    models = ", ".join(system_name(FUSED_FILE.sub(r"\1:", name), language) for name in run.models)
    sets = ", ".join(dataset_name(name, language) for name in run.datasets)
    if run.started is None:
        return message("bench_run_shipped", language, models=models, datasets=sets)
    return message("bench_run_saved", language, date=f"{run.started:%Y-%m-%d %H:%M:%S}", models=models, datasets=sets)


def results_html(saved: Sequence[SavedResult], language: Language) -> str:
    """Return one row a result, the published rows of its model below it; a line that says so for no result."""
    if not saved:
        return render_template("line.html", language, parts=[message("bench_none", language)])
    names = telling_names([item.result for item in saved])
    rows: list[dict[str, Any]] = []
    for result in (item.result for item in saved):
        measured = {
            "kind": "run",
            "dataset": dataset_name(result.dataset, language),
            "system": system_name(names[result.fingerprint], language),
            "remarks": remarks(result, language),
            "cells": [_cell(result.metrics[metric]) for metric in HEADLINE_METRICS],
            "made_by": _made_by(result),
        }
        rows += [measured, *_published(result, language)]
    n = min(len(item.result.query_ids) for item in saved)
    notes = [message("bench_small", language, n=n, step=100 / n)] if n <= SMALL_SET else []
    metrics = [METRIC_LABELS[metric] for metric in HEADLINE_METRICS]
    return render_template("bench_results.html", language, rows=rows, metrics=metrics, notes=notes)


def records(saved: Sequence[SavedResult], language: Language) -> str:
    """Return the full record behind every result, folded."""
    names = telling_names([item.result for item in saved])
    items = [
        {
            "title": result_name(item.result, names[item.result.fingerprint], language),
            "rows": _record(item.result, language),
        }
        for item in saved
    ]
    return render_template("bench_manifests.html", language, items=items) if items else ""


def board(rows: Sequence[PaperRow], note: Footnote | None, language: Language) -> str:
    """Return the paper's table with the terms that it needs, and the footnote on AutoRAG."""
    columns = [(spec.id, metric) for spec in SUITE for metric in PAPER_METRICS]
    shown: list[dict[str, Any]] = []
    for row in rows:
        cells = [percent(row.cells.get(column), signed=row.kind == "difference") for column in columns]
        if row.kind in BELOW and shown:  # small numbers in the row above: what it should have been, how far it is off
            told = message(f"bench_{row.kind}", language, model=PAPER_NAMES[row.model])
            shown[-1] |= {"below": cells, "below_kind": row.kind, "note": told}
            continue
        name = system_name(row.model, language) if row.kind == "run" else PAPER_NAMES.get(row.model, row.model)
        shown.append(
            {
                "kind": row.kind,
                "name": name,
                "begins": not shown or shown[-1]["name"] != name,
                "made_by": row.made_by or message("bench_made_paper", language),
                "cells": cells,
                "average": _cell(row.average),
                "below": [],
                "below_kind": "",
                "note": "",
            }
        )
    return render_template(
        "bench_board.html",
        language,
        rows=shown,
        datasets=[spec.id if spec.split == "test" else f"{spec.id} ({spec.split})" for spec in SUITE],
        metrics=[METRIC_LABELS[metric] for metric in PAPER_METRICS],
        invited_after=NOWHERE
        if any(row.kind == "run" for row in rows)
        else [row["kind"] for row in shown].index("mteb"),
        terms=TERMS,
        note=_note(note, language) if note is not None else None,
    )


def placement_html(placed: Placement, spec: DatasetSpec, metric: str, reference: str, language: Language) -> str:
    """Return the published models with the run among them, a bar for each value, and how many of them are shown."""
    n_drawn = sum(bar.kind != "run" for bar in placed.bars)
    parts = [message("bench_placed", language, n=placed.n_published, shown=n_drawn, runs=placed.n_runs)]
    if not placed.n_runs:
        parts.append(message("bench_not_run", language, dataset=spec.id))
    names = {"name": PAPER_NAMES.get(reference, reference)}
    bars = [
        {
            **vars(bar),
            "name": system_name(bar.name, language),
            "shown": percent(bar.value),
            "size": message("bench_millions", language, n=bar.parameters / 1e6) if bar.parameters else "",
            "kind_label": message(f"bench_legend_{bar.kind}", language, **names),
        }
        for bar in placed.bars
    ]
    return render_template("bench_published.html", language, parts=parts, bars=bars, metric=METRIC_LABELS[metric])


def result_name(result: RunResult, name: str, language: Language) -> str:
    """Return how one result is called: its system, as `telling_names` has it, and its data set."""
    names = {"model": system_name(name, language), "dataset": dataset_name(result.dataset, language)}
    return message("bench_key", language, **names)


def date_of(result: RunResult) -> str:
    """Return when a result was made, to the minute."""
    return result.manifest.date[:16].replace("T", " ")


def _cell(value: float | None) -> dict[str, object]:
    """Return a value as a cell shows it: times 100, and the width of the bar under it in percent."""
    return {"text": percent(value), "width": round(100 * (value or 0), 1)}


def _published(result: RunResult, language: Language) -> list[dict[str, Any]]:
    hub_id = result.manifest.model["hub_id"]
    return [
        {
            "kind": row.kind,
            "dataset": dataset_name(result.dataset, language),
            "system": f"{PAPER_NAMES.get(hub_id, hub_id)}: {message(f'bench_kind_{row.kind}', language)}",
            "remarks": "",
            "cells": [_cell(row.metrics.get(metric)) for metric in HEADLINE_METRICS],
            "made_by": row.origin,
        }
        for row in published_rows(result)
    ]


def _made_by(result: RunResult) -> str:
    model = result.manifest.model
    facts = (str(model["revision"])[:SHOWN_REVISION], model["engine"], model["dtype"], model["device"], date_of(result))
    return " · ".join(filter(None, facts))


def _record(result: RunResult, language: Language) -> list[tuple[str, str]]:
    manifest = result.manifest
    model, data, prompts = manifest.model, manifest.data, manifest.model["prompts"]
    texts = {
        "encoded": manifest.texts_encoded,
        "cached": manifest.texts_cached,
        "speed": manifest.tokens_per_s,
        "queries": manifest.queries_cut,
        "documents": manifest.documents_cut,
    }
    source = " · ".join(filter(None, (data["source"], data["subset"], data["split"], data["licence"])))
    problems = Problems(**{name: n for name, n in data["problems"].items() if name in Problems.__dataclass_fields__})
    rows = [
        ("bench_m_model", f"{model['id']} · {model['hub_id'] or '–'} @ {model['revision'] or '–'}"),
        ("bench_m_prompts", f"{prompts['query']!r} · {prompts['passage']!r}"),
        ("bench_m_engine", f"{model['engine']} · {model['dtype']} · {model['device']}"),
        ("bench_m_data", f"{data['name']} · {source} @ {data['revision'] or data['content']}"),
        ("bench_m_ties", manifest.tie_rule),
        ("bench_m_date", manifest.date),
        ("bench_m_seconds", " · ".join(f"{name} {value:g}" for name, value in manifest.seconds.items())),
        ("bench_m_texts", message("bench_m_texts_of", language, **texts)),
        ("bench_m_versions", " · ".join(f"{name} {number}" for name, number in manifest.versions.items())),
        ("bench_m_problems", " ".join(notice.text(language) for notice in problems.notices())),
        ("bench_m_notes", " ".join(manifest.notes)),
    ]
    return [(message(key, language), value) for key, value in rows if value]


def _note(note: Footnote, language: Language) -> list[str]:
    counts = note.recovered
    at_1, at_2, at_3 = counts.at_rank
    numbers = {
        "model": note.model,
        "paper1": percent(note.paper[0]),
        "paper3": percent(note.paper[1]),
        "n_models": note.n_models,
        "n_fits": note.n_fits,
        "queries": counts.queries,
        "at_1": at_1,
        "at_2": at_2,
        "at_3": at_3,
        "value": percent(counts.ndcg_at_3),
        "reversed": percent(counts.reversed_ndcg_at_3),
        "mteb1": percent(note.mteb[0]),
        "mteb3": percent(note.mteb[1]),
    }
    paragraphs = ("bench_note_values", "bench_note_cause", "bench_note_recovered", "bench_note_mteb")
    return [message(key, language, **numbers) for key in paragraphs]
