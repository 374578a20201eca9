"""What a run gave, in the tab 성능 평가: its table and chart, the paper's table, its place among published models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from koe5_demo import figures
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
    paper_view,
    published_rows,
    remarks,
    results_csv,
    results_table,
    to_markdown,
)
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.benchmark.saved_runs import SHIPPED, SavedResult, SavedRun, SavedRuns
from koe5_demo.exports import BYTE_ORDER_MARK
from koe5_demo.ui.benchmark_form import Values, heading
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.render import SHOWN_REVISION, render_template
from koe5_demo.words import Language, message

SMALL_SET: Final = 500
CHARTED: Final = (*PAPER_METRICS, "ndcg_at_10")
REFERENCES: Final = tuple(PAPER_NAMES)


class RunResults:
    """The components of the results, empty at first, and what fills them. Must be made inside a gr.Blocks context.

    Args:
        saved: The runs that can be shown.
        words: Collects what changes with the language.
    """

    def __init__(self, saved: SavedRuns, words: Words) -> None:
        self._saved = saved
        heading(words, "bench_results")
        self.run = words.make(gr.Dropdown, {"label": label("bench_run_choice")}, choices=[], elem_id="bench-run")
        self.results = gr.HTML(elem_id="bench-results", min_height=120, **PLAIN)
        with gr.Row():
            self.csv = words.make(gr.Button, {"value": label("bench_csv")}, size="sm", elem_id="bench-csv")
            self.markdown = words.make(
                gr.Button, {"value": label("bench_markdown")}, size="sm", elem_id="bench-markdown"
            )
        self.chart = words.make(gr.Plot, {"label": label("bench_chart")}, show_label=False, elem_id="bench-chart")
        self.records = gr.HTML(elem_id="bench-manifests", **PLAIN)
        heading(words, "bench_paper")
        self.reference = words.make(
            gr.Dropdown,
            {"label": label("bench_reference")},
            choices=[(PAPER_NAMES[hub_id], hub_id) for hub_id in REFERENCES],
            value=REFERENCES[0],
            elem_id="bench-reference",
        )
        self.paper = gr.HTML(elem_id="bench-paper", **PLAIN)
        heading(words, "bench_reversal")
        self.reversal = gr.HTML(elem_id="bench-reversal", **PLAIN)
        self._build_published(words)
        self.filters: set[Any] = {
            self.reference,
            self.published_set,
            self.published_metric,
            self.published_size,
            self.published_name,
        }
        self.inputs = {self.run, *self.filters}
        self.published_outputs = [self.paper, self.published_chart, self.published]
        self.outputs = [self.results, self.chart, self.records, *self.published_outputs]

    def _build_published(self, words: Words) -> None:
        heading(words, "bench_published")
        with gr.Row(elem_classes="k-choices"):
            specs = published_sets()
            self.published_set = words.make(
                gr.Dropdown,
                {"label": label("bench_set")},
                choices=[spec.id for spec in specs],
                value=specs[1].id,
                min_width=160,
                elem_id="bench-published-set",
            )
            self.published_metric = words.make(
                gr.Dropdown,
                {"label": label("bench_metric")},
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
        self.published_chart = words.make(
            gr.Plot, {"label": label("bench_published")}, show_label=False, elem_id="bench-published-chart"
        )
        self.published = gr.HTML(elem_id="bench-published", **PLAIN)

    def run_list(self, run_id: str | None, language: Language) -> Values:
        """Offer every run, `run_id` chosen if it is there."""
        runs = self._saved.runs()
        ids = [run.id for run in runs]
        value = run_id if run_id in ids else SHIPPED if SHIPPED in ids else next(iter(ids), None)
        return {self.run: gr.update(choices=[(run_label(run, language), run.id) for run in runs], value=value)}

    def show(self, saved: Sequence[SavedResult], values: Values, language: Language) -> Values:
        """Show the results of a run, and where they stand."""
        return {
            self.results: results_html(saved, language),
            self.chart: chart(saved),
            self.records: records(saved, language),
            **self.place(saved, values, language),
        }

    def place(self, saved: Sequence[SavedResult], values: Values, language: Language) -> Values:
        """Put the results of a run beside published ones, as the filters choose them."""
        found = [item.result for item in saved]
        spec, metric = DATASETS[values[self.published_set]], values[self.published_metric]
        reference, name = values[self.reference], values[self.published_name] or ""
        placed = placement(found, spec, metric, name, values[self.published_size], reference)
        return {
            self.paper: paper(paper_view(found, reference), reference, footnote(), language),
            self.published_chart: placement_chart(placed, reference, language),
            self.published: placement_html(placed, spec, metric, reference, language),
        }

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
    models, sets = ", ".join(run.models), ", ".join(run.datasets)
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
            "dataset": result.dataset,
            "system": names[result.fingerprint],
            "remarks": remarks(result, language),
            "cells": [percent(result.metrics[metric]) for metric in HEADLINE_METRICS],
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
            "title": message("bench_key", language, model=names[item.result.fingerprint], dataset=item.result.dataset),
            "rows": _record(item.result, language),
        }
        for item in saved
    ]
    return render_template("bench_manifests.html", language, items=items) if items else ""


def paper(rows: Sequence[PaperRow], reference: str, note: Footnote | None, language: Language) -> str:
    """Return the paper's table with the footnote on AutoRAG."""
    columns = [(spec.id, metric) for spec in SUITE for metric in PAPER_METRICS]
    system = ""
    shown = []
    for row in rows:
        system = row.model if row.kind == "run" else system
        signed = row.kind == "difference"
        shown.append(
            {
                "kind": row.kind,
                "label": _paper_label(row, system, reference, language),
                "cells": [percent(row.cells.get(column), signed=signed) for column in columns],
                "average": percent(row.average, signed=signed),
            }
        )
    return render_template(
        "bench_paper.html",
        language,
        rows=shown,
        datasets=[spec.id if spec.split == "test" else f"{spec.id} ({spec.split})" for spec in SUITE],
        metrics=[METRIC_LABELS[metric] for metric in PAPER_METRICS],
        has_run=any(row.kind == "run" for row in rows),
        note=_note(note, language) if note is not None else None,
    )


def placement_html(placed: Placement, spec: DatasetSpec, metric: str, reference: str, language: Language) -> str:
    """Return how much of the published results is drawn, and the chart as a table."""
    n_drawn = sum(bar.kind != "run" for bar in placed.bars)
    parts = [message("bench_placed", language, n=placed.n_published, shown=n_drawn, runs=placed.n_runs)]
    if not placed.n_runs:
        parts.append(message("bench_not_run", language, dataset=spec.id))
    bars = [
        {
            **vars(bar),
            "shown": percent(bar.value),
            "size": message("bench_millions", language, n=bar.parameters / 1e6) if bar.parameters else "",
            "kind_label": _kind_label(bar.kind, reference, language),
        }
        for bar in placed.bars
    ]
    return render_template("bench_published.html", language, parts=parts, bars=bars, metric=METRIC_LABELS[metric])


def chart(saved: Sequence[SavedResult]) -> Any:
    """Return the grouped bar chart of a run; None without results."""
    if not saved:
        return None
    found = {(item.result.fingerprint, item.result.dataset): item.result for item in saved}
    sets = list(dict.fromkeys(dataset for _, dataset in found))
    metrics = CHARTED if len(sets) > 1 else HEADLINE_METRICS
    places = [(name, metric) for name in sets for metric in metrics]
    series = {
        name: [100 * found[key, place].metrics[m] if (key, place) in found else None for place, m in places]
        for key, name in telling_names(list(found.values())).items()
    }
    return figures.grouped_bars([(name, METRIC_LABELS[metric]) for name, metric in places], series)


def placement_chart(placed: Placement, reference: str, language: Language) -> Any:
    """Return the chart of published models with the run among them."""
    labels = {kind: _kind_label(kind, reference, language) for kind in ("published", "reference", "run")}
    return figures.ranked_bars([(bar.name, 100 * bar.value, bar.kind) for bar in placed.bars], labels)


def percent(value: float | None, *, signed: bool = False) -> str:
    """Return a value in [0, 1] times 100 with two decimals; nothing for None."""
    if value is None:
        return ""
    return f"{100 * value:+.2f}" if signed else f"{100 * value:.2f}"


def date_of(result: RunResult) -> str:
    """Return when a result was made, to the minute."""
    return result.manifest.date[:16].replace("T", " ")


def _published(result: RunResult, language: Language) -> list[dict[str, Any]]:
    hub_id = result.manifest.model["hub_id"]
    return [
        {
            "kind": row.kind,
            "dataset": result.dataset,
            "system": f"{PAPER_NAMES.get(hub_id, hub_id)}: {message(f'bench_kind_{row.kind}', language)}",
            "remarks": "",
            "cells": [percent(row.metrics.get(metric)) for metric in HEADLINE_METRICS],
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


def _paper_label(row: PaperRow, system: str, reference: str, language: Language) -> str:
    name = PAPER_NAMES.get(reference, reference)
    if row.kind == "difference":
        return message("bench_kind_difference", language, system=system, model=name)
    owner = row.model if row.kind == "run" else name
    return f"{owner}: {message(f'bench_kind_{row.kind}', language)}"


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


def _kind_label(kind: str, reference: str, language: Language) -> str:
    return message(f"bench_legend_{kind}", language, name=PAPER_NAMES.get(reference, reference))
