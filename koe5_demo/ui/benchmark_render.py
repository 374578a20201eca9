"""The benchmark tab as HTML and figures: records in, escaped markup out. No gradio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from koe5_demo import figures
from koe5_demo.benchmark.compare import Mover, PairedComparison
from koe5_demo.benchmark.datasets.records import DatasetSpec, Problems, RetrievalData
from koe5_demo.benchmark.datasets.registry import SUITE
from koe5_demo.benchmark.explorer import QueryView
from koe5_demo.benchmark.metrics import HEADLINE_METRICS, PAPER_METRICS
from koe5_demo.benchmark.progress import Phase, Progress
from koe5_demo.benchmark.published import PAPER_NAMES, Reversal, paper_table, published_by_mteb
from koe5_demo.benchmark.report import METRIC_LABELS, PaperRow
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.run import Failure
from koe5_demo.ui.benchmark_live import Live
from koe5_demo.ui.benchmark_offers import DatasetRow, ModelOption
from koe5_demo.ui.benchmark_readings import Footnote, Placement
from koe5_demo.ui.benchmark_runs import SHIPPED, SavedRun, StoredResult
from koe5_demo.ui.render import SHOWN_REVISION, render_template
from koe5_demo.words import Language, message

MOST_CHARS: Final = 1_500
SMALL_SET: Final = 500
SIGNIFICANT: Final = 0.05
QUERY_LABEL_CHARS: Final = 70
CHARTED: Final = (*PAPER_METRICS, "ndcg_at_10")
_MINUTE: Final = 60
_HOUR: Final = 3_600


def lead(language: Language) -> str:
    """Return what the tab is for."""
    return render_template("bench_lead.html", language)


def datasets(rows: Sequence[DatasetRow], language: Language) -> str:
    """Return what is known of every data set."""
    return render_template("bench_datasets.html", language, rows=[_dataset(row, language) for row in rows])


def absent_models(options: Sequence[ModelOption], language: Language) -> str:
    """Return which models cannot be had; nothing where all can."""
    names = ", ".join(option.name for option in options if option.availability == "absent")
    return (
        render_template("line.html", language, parts=[message("bench_models_absent", language, names=names)])
        if names
        else ""
    )


def model_label(option: ModelOption, language: Language) -> str:
    """Return how a model is offered."""
    return message(f"bench_model_{option.availability}", language, name=option.name, mb=option.download_mb)


def progress(live: Live, n_results: int, language: Language) -> str:
    """Return how far a run is, and what could not be had."""
    if live.ended:
        n_kept = n_results
        line = message(
            "bench_stopped" if live.stopped else "bench_ended" if n_kept else "bench_none", language, n=n_kept
        )
    else:
        line = _step(live, language)
    kind = "busy" if not live.ended or live.stopped else "ok" if n_results else "bad"
    step = live.progress
    within = step.done / step.total if step is not None and step.total else 0.0
    position = min(100 * live.n_done + round(99 * within), 100 * live.n_all)
    return render_template(
        "bench_progress.html",
        language,
        live=live,
        line=line,
        kind=kind,
        position=position,
        percent=round(position / max(live.n_all, 1)),
        failures=[_failure(failure, language) for failure in live.failures],
    )


def run_label(run: SavedRun, language: Language) -> str:
    """Return how a saved run is named in a list."""
    models, sets = ", ".join(run.models), ", ".join(run.datasets)
    if run.started is None:
        return message("bench_run_shipped", language, models=models, datasets=sets)
    return message("bench_run_saved", language, date=f"{run.started:%Y-%m-%d %H:%M:%S}", models=models, datasets=sets)


def result_label(stored: StoredResult, shown_run: str, language: Language) -> str:
    """Return how a result is named in a list; the run's name is added where it is not the one shown."""
    names = {"model": stored.result.model, "dataset": stored.result.dataset}
    if stored.run_id == shown_run:
        return message("bench_key", language, **names)
    run = message("bench_shipped", language) if stored.run_id == SHIPPED else _date(stored.result)
    return message("bench_key_other", language, **names, run=run)


def results(stored: Sequence[StoredResult], language: Language) -> str:
    """Return one row a result, the published rows of its model below it; nothing for no result."""
    if not stored:
        return render_template("line.html", language, parts=[message("bench_none", language)])
    rows: list[dict[str, Any]] = []
    for item in stored:
        rows += [_measured(item.result), *_published_rows(item.result, language)]
    smallest = min((item.result for item in stored), key=lambda result: len(result.query_ids))
    n = len(smallest.query_ids)
    notes = [message("bench_small", language, n=n, step=100 / n)] if n <= SMALL_SET else []
    metrics = [METRIC_LABELS[metric] for metric in HEADLINE_METRICS]
    return render_template("bench_results.html", language, rows=rows, metrics=metrics, notes=notes)


def manifests(stored: Sequence[StoredResult], language: Language) -> str:
    """Return the full record behind every result, folded."""
    if not stored:
        return ""
    items = [
        {"title": result_label(item, item.run_id, language), "rows": _record(item.result, language)} for item in stored
    ]
    return render_template("bench_manifests.html", language, items=items)


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
        datasets=[spec.id for spec in SUITE],
        metrics=[METRIC_LABELS[metric] for metric in PAPER_METRICS],
        has_run=any(row.kind == "run" for row in rows),
        note=_note(note, language) if note is not None else None,
    )


def reversal(result: RunResult, found: Reversal, data: RetrievalData, language: Language) -> str:
    """Return what reversing the top three does to the measures, and to one query."""
    first, straight, backwards = map(percent, (found.ndcg_at_1, found.ndcg_at_3, found.reversed_ndcg_at_3))
    below = found.reversed_ndcg_at_3 < found.ndcg_at_1
    query, top = "", []
    if found.example is not None:
        query_id, ids = found.example
        texts = dict(zip(data.document_ids, data.documents, strict=True))
        grades = data.qrels[query_id]
        query = data.queries[data.query_ids.index(query_id)]
        top = [{"text": texts[id_][:MOST_CHARS], "relevant": grades.get(id_, 0) >= 1} for id_ in ids]
    return render_template(
        "bench_reversal.html",
        language,
        model=result.model,
        dataset=result.dataset,
        found=found,
        first=first,
        straight=straight,
        backwards=backwards,
        metrics=[METRIC_LABELS["ndcg_at_1"], METRIC_LABELS["ndcg_at_3"]],
        verdict=message("bench_below" if below else "bench_not_below", language, reversed=backwards, first=first),
        query=query,
        pairs=list(zip(top, reversed(top), strict=True)),
    )


def placement(placed: Placement, spec: DatasetSpec, metric: str, reference: str, language: Language) -> str:
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


def comparison(paired: PairedComparison, data: RetrievalData | None, language: Language) -> str:
    """Return the paired test: a verdict, one row a measure, the queries that moved most."""
    rows = [
        {
            "metric": METRIC_LABELS[row.metric],
            "a": percent(row.a),
            "b": percent(row.b),
            "difference": percent(row.difference, signed=True),
            "low": percent(row.low, signed=True),
            "high": percent(row.high, signed=True),
            "p": p_value(row.p_value),
            "counts": f"{row.wins:,} / {row.ties:,} / {row.losses:,}",
        }
        for row in paired.differences
    ]
    names = {"a": paired.model_a, "b": paired.model_b, "dataset": paired.dataset, "n": paired.n_queries}
    return render_template(
        "bench_comparison.html",
        language,
        lead=message("bench_comparison_of", language, **names),
        verdict=_verdict(paired, language),
        rows=rows,
        movers=[_mover(mover, data) for mover in paired.movers],
        ndcg=METRIC_LABELS["ndcg_at_10"],
    )


def query(view: QueryView, language: Language, *, with_other: bool) -> str:
    """Return a query with its best documents, right answers marked."""
    found = {hit.document_id for hit in view.hits}
    values: dict[str, object] = {"ndcg": f"{100 * view.ndcg_at_10:.2f}"}
    key = "bench_query_line_plain"
    if view.tokens is not None:
        key, values["tokens"] = "bench_query_line", f"{view.tokens:,}"
    return render_template(
        "bench_query.html",
        language,
        view=view,
        line=message(key, language, **values),
        with_other=with_other,
        missed=[gold for gold in view.gold if gold.document_id not in found],
        most_chars=MOST_CHARS,
    )


def query_label(view: QueryView) -> str:
    """Return how a query is named in a list: right or wrong, its NDCG@10, its text."""
    line = " ".join(view.text.split())
    short = line if len(line) <= QUERY_LABEL_CHARS else f"{line[: QUERY_LABEL_CHARS - 1]}…"
    return f"{'✗' if view.wrong else '✓'} {100 * view.ndcg_at_10:.0f} · {short}"


def chart(stored: Sequence[StoredResult]) -> Any:
    """Return the grouped bar chart of a run; None without results."""
    if not stored:
        return None
    sets = list(dict.fromkeys(item.result.dataset for item in stored))
    metrics = CHARTED if len(sets) > 1 else HEADLINE_METRICS
    groups = [(name, METRIC_LABELS[metric]) for name in sets for metric in metrics]
    places = [(name, metric) for name in sets for metric in metrics]
    series = {
        model: [_value(stored, model, name, metric) for name, metric in places]
        for model in dict.fromkeys(item.result.model for item in stored)
    }
    return figures.grouped_bars(groups, series)


def placement_chart(placed: Placement, reference: str, language: Language) -> Any:
    """Return the chart of published models with the run among them."""
    labels = {kind: _kind_label(kind, reference, language) for kind in ("published", "reference", "run")}
    return figures.ranked_bars([(bar.name, 100 * bar.value, bar.kind) for bar in placed.bars], labels)


def percent(value: float | None, *, signed: bool = False) -> str:
    """Return a value in [0, 1] times 100 with two decimals; nothing for None."""
    if value is None:
        return ""
    return f"{100 * value:+.2f}" if signed else f"{100 * value:.2f}"


def p_value(value: float) -> str:
    """Return a p-value with as many decimals as 9,999 resamples give."""
    return f"{value:.4f}" if value >= 1e-4 else "< 0.0001"  # noqa: PLR2004 what is printed


def _dataset(row: DatasetRow, language: Language) -> dict[str, Any]:
    spec = row.spec
    known = row.n_documents > 0
    sizes = {"documents": row.n_documents, "queries": row.n_queries}
    return {
        "spec": spec,
        "summary": spec.summary_ko if language is Language.KO else spec.summary_en,
        "size": message("bench_size_of", language, **sizes) if known else message("bench_unknown", language),
        "time": _duration(row.seconds, language),
        "here": row.here,
        "link": spec.source if spec.source.startswith("https://") else "",
    }


def _duration(seconds: float | None, language: Language) -> str:
    if seconds is None:
        return message("bench_unknown", language)
    if seconds < 2 * _MINUTE:
        return message("bench_seconds", language, n=max(1.0, seconds))
    if seconds < 2 * _HOUR:
        return message("bench_minutes", language, n=seconds / _MINUTE)
    return message("bench_hours", language, n=seconds / _HOUR)


def _step(live: Live, language: Language) -> str:
    parts = [message("bench_done_of", language, done=live.n_done, total=live.n_all)]
    step = live.progress
    if step is None:
        return parts[0]
    where = " / ".join(filter(None, (step.dataset, step.model)))
    phase = message(f"bench_phase_{step.phase.value}", language)
    parts.append(f"{where}: {phase}" if where else phase)
    return " · ".join([*parts, *_numbers(step, language)])


def _numbers(step: Progress, language: Language) -> list[str]:
    if step.phase is Phase.WAITING:
        return [message("bench_ahead", language, n=step.done)]
    parts = []
    if step.total:
        unit = " MB" if step.phase is Phase.LOADING_MODEL else ""
        parts.append(message("bench_texts", language, done=step.done, total=step.total) + unit)
    if step.texts_per_s:
        parts.append(message("bench_speed", language, n=step.texts_per_s))
    if step.seconds_left:
        parts.append(message("bench_left", language, n=step.seconds_left))
    return parts


def _failure(failure: Failure, language: Language) -> tuple[str, str]:
    where = " / ".join(filter(None, (failure.dataset, failure.model)))
    return where or message("bench_failed", language), failure.error.text(language)


def _measured(result: RunResult) -> dict[str, Any]:
    return {
        "kind": "run",
        "dataset": result.dataset,
        "system": result.model,
        "cells": [percent(result.metrics[metric]) for metric in HEADLINE_METRICS],
        "made_by": _made_by(result),
    }


def _published_rows(result: RunResult, language: Language) -> list[dict[str, Any]]:
    """Return the published rows of the same model on the same set; none for fusions."""
    model = result.manifest.model
    if not model["hub_id"] or ":" in result.model:
        return []
    printed = paper_table().get(PAPER_NAMES.get(model["hub_id"], ""), {})
    rows = [("paper", [printed.get((result.dataset, metric)) for metric in HEADLINE_METRICS], "")]
    found = published_by_mteb(model["hub_id"], result.task, result.manifest.data["split"], model["revision"])
    if found is not None:
        origin = f"{found.source} · MTEB {found.mteb_version}"
        rows.append(("mteb", [found.metrics.get(metric) for metric in HEADLINE_METRICS], origin))
    return [
        {
            "kind": kind,
            "dataset": result.dataset,
            "system": f"{PAPER_NAMES.get(model['hub_id'], model['hub_id'])}: {message(f'bench_kind_{kind}', language)}",
            "cells": [percent(value) for value in values],
            "made_by": origin,
        }
        for kind, values, origin in rows
        if any(value is not None for value in values)
    ]


def _made_by(result: RunResult) -> str:
    model = result.manifest.model
    facts = (str(model["revision"])[:SHOWN_REVISION], model["engine"], model["dtype"], model["device"], _date(result))
    return " · ".join(filter(None, facts))


def _date(result: RunResult) -> str:
    return result.manifest.date[:16].replace("T", " ")


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
        ("bench_m_problems", " ".join(n.text(language) for n in Problems(**data["problems"]).notices())),
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
    return [
        message(
            "bench_note_values",
            language,
            model=note.model,
            paper1=percent(note.paper[0]),
            paper3=percent(note.paper[1]),
        ),
        message("bench_note_cause", language, n_models=note.n_models, n_fits=note.n_fits),
        message(
            "bench_note_recovered",
            language,
            model=note.model,
            queries=counts.queries,
            at_1=counts.at_rank[0],
            at_2=counts.at_rank[1],
            at_3=counts.at_rank[2],
            value=percent(counts.ndcg_at_3),
            reversed=percent(counts.reversed_ndcg_at_3),
        ),
        message(
            "bench_note_mteb",
            language,
            mteb1=percent(note.mteb[0]),
            mteb3=percent(note.mteb[1]),
            paper1=percent(note.paper[0]),
        ),
    ]


def _kind_label(kind: str, reference: str, language: Language) -> str:
    return message(f"bench_legend_{kind}", language, name=PAPER_NAMES.get(reference, reference))


def _verdict(paired: PairedComparison, language: Language) -> str:
    row = next(row for row in paired.differences if row.metric == "ndcg_at_10")
    key = "bench_verdict_real" if row.p_value < SIGNIFICANT else "bench_verdict_noise"
    return message(key, language, difference=percent(row.difference, signed=True), p=p_value(row.p_value))


def _mover(mover: Mover, data: RetrievalData | None) -> dict[str, str]:
    text = data.queries[data.query_ids.index(mover.query_id)] if data is not None else mover.query_id
    return {"query": text, "a": percent(mover.a), "b": percent(mover.b)}


def _value(stored: Sequence[StoredResult], model: str, dataset: str, metric: str) -> float | None:
    found = (s.result for s in stored if s.result.model == model and s.result.dataset == dataset)
    return next((100 * result.metrics[metric] for result in found), None)
