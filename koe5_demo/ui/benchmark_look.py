"""A closer look at one result, in the tab 성능 평가: against another one, its top three reversed, query by query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.compare import Mover, PairedComparison
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.explorer import QueryView, data_of, explore, ranking_form
from koe5_demo.benchmark.published import Reversal, show_reversal
from koe5_demo.benchmark.result_files import file_name
from koe5_demo.benchmark.result_tables import METRIC_LABELS, percent
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.benchmark.saved_runs import SHIPPED, SavedResult, SavedRuns, compare_saved
from koe5_demo.benchmark.systems import system_name
from koe5_demo.errors import DataError
from koe5_demo.ui.benchmark_form import Values, dataset_name
from koe5_demo.ui.benchmark_results import date_of, result_name
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.render import line, render_template
from koe5_demo.words import Language, message

MOST_CHARS: Final = 1_500
SIGNIFICANT: Final = 0.05
QUERY_LABEL_CHARS: Final = 70

Pair = tuple[SavedResult | None, SavedResult | None]
"""The result that is looked at, and the one on the same data that it is held against."""


class CloserLook:
    """The components of the closer look and what fills them: A against B, and query by query.

    The queries of the first result are there when the page is sent; the paired test, which takes a second, comes when
    the tab is opened. The parts are laid out by two calls, each inside its gr.Blocks context.

    Args:
        saved: Whose results can be looked at.
        run: The component that tells which run is shown.
        words: Collects what changes with the language.
    """

    def __init__(self, saved: SavedRuns, run: gr.Dropdown, words: Words) -> None:
        self._saved = saved
        self._run = run
        self._words = words

    def build_comparison(self) -> None:
        """Lay out what compares two results."""
        words, tongue = self._words, self._words.language
        first, other = self._first_pair()
        with gr.Row(elem_classes="k-choices"):
            self.a = words.dropdown(
                "bench_a",
                choices=_labels(self._saved.results(SHIPPED), SHIPPED, tongue),
                value=first.key if first else None,
                min_width=240,
                elem_id="bench-a",
            )
            self.b = words.dropdown(
                "bench_b",
                choices=_labels(self._saved.alike(first), SHIPPED, tongue) if first else [],
                value=other.key if other else None,
                min_width=240,
                elem_id="bench-b",
            )
        self.comparison = gr.HTML(elem_id="bench-comparison", **PLAIN)
        self.reversal = gr.HTML(_reversal_of(first, tongue), elem_id="bench-reversal", **PLAIN)
        with gr.Row(elem_classes="k-share"):
            self.json = words.button("bench_mteb_json", size="sm", elem_id="bench-json")
            self.trec = words.button("bench_trec", size="sm", elem_id="bench-trec")

    def build_queries(self) -> None:
        """Lay out the queries of a result."""
        words = self._words
        first, other = self._first_pair()
        shown = _shown_queries((first, other), "all", None, words.language)
        with gr.Row(elem_classes="k-choices"):
            self.of = words.dropdown(
                "bench_of",
                choices=self.a.choices,
                value=self.a.value,
                scale=2,
                min_width=280,
                elem_id="bench-of",
            )
            self.which = words.make(
                gr.Radio,
                {
                    "label": label("bench_which"),
                    "choices": choices([("bench_which_all", "all"), ("bench_which_wrong", "wrong")]),
                },
                value="all",
                min_width=200,
                elem_id="bench-which",
            )
            self.query = words.dropdown(
                "bench_query_choice",
                choices=shown.names,
                value=shown.query_id,
                scale=3,
                min_width=280,
                elem_id="bench-query",
            )
        with gr.Row(elem_classes="k-share k-steps"):
            self.previous = words.button("bench_previous", size="sm", elem_id="bench-previous")
            self.next = words.button("bench_next", size="sm", elem_id="bench-next")
            self.open = words.button("bench_open", size="sm", elem_id="bench-open")
            self.counted = gr.HTML(shown.counted, elem_id="bench-counted", **PLAIN)
        self.view = gr.HTML(shown.view, elem_id="bench-query-view", **PLAIN)
        self.inputs = {self._run, self.a, self.b, self.which, self.query}
        self.lists = [self.a, self.of, self.b]
        self.explorer_outputs = [self.counted, self.query, self.view]
        self.untested = [self.reversal, *self.explorer_outputs]
        self.outputs = [self.comparison, *self.untested]

    def _first_pair(self) -> Pair:
        first = next(iter(self._saved.results(SHIPPED)), None)
        return first, next(iter(self._saved.alike(first)), None) if first else None

    def pair(self, values: Values) -> Pair:
        """Return the chosen results, or the first ones that fit."""
        saved = self._saved.results(values[self._run] or SHIPPED)
        first = next((item for item in saved if item.key == values[self.a]), saved[0] if saved else None)
        others = self._saved.alike(first) if first else []
        return first, next((item for item in others if item.key == values[self.b]), others[0] if others else None)

    def offer(self, values: Values, language: Language) -> Values:
        """Offer the results of the run shown, and those that the chosen one can be held against."""
        first, _ = self.pair(values)
        saved = self._saved.results(values[self._run] or SHIPPED)
        offered = gr.update(choices=_labels(saved, values[self._run], language), value=first.key if first else None)
        return {self.a: offered, self.of: offered, **self.offer_others(values, language)}

    def offer_others(self, values: Values, language: Language) -> Values:
        """Offer what the chosen result can be held against."""
        first, other = self.pair(values)
        alike = self._saved.alike(first) if first else []
        chosen = other.key if other else None
        return {self.b: gr.update(choices=_labels(alike, values[self._run], language), value=chosen)}

    def compare(self, values: Values, language: Language) -> Values:
        """Hold a pair of results against each other."""
        return {self.comparison: _comparison_of(*self.pair(values), language)}

    def look(self, values: Values, language: Language) -> Values:
        """Look at a pair of results: the paired test, the reversal, the queries."""
        return {**self.compare(values, language), **self.look_untested(values, language)}

    def look_untested(self, values: Values, language: Language) -> Values:
        """Look at a pair of results without the paired test, whose library takes seconds to import."""
        first, _ = self.pair(values)
        return {self.reversal: _reversal_of(first, language), **self.explore(values, language)}

    def explore(self, values: Values, language: Language, step: int = 0) -> Values:
        """Show the count of queries, the list of them, and one: the chosen one, or `step` places from it."""
        shown = _shown_queries(self.pair(values), values[self.which], values[self.query], language, step)
        return {
            self.counted: shown.counted,
            self.query: gr.update(choices=shown.names, value=shown.query_id),
            self.view: shown.view,
        }

    def ranking_texts(self, values: Values) -> tuple[str, str] | None:
        """Return the chosen query and its passages as the ranking tab's boxes hold them; None without one."""
        views = _views(self.pair(values))
        return next((ranking_form(view) for view in views if view.query_id == values[self.query]), None)

    def json_file(self, values: Values) -> tuple[str, str]:
        """Return name and text of a result in MTEB's form."""
        saved = self._saved.result(values[self.a])
        return f"{file_name(saved.result.task)}.json", saved.path.read_text(encoding="utf-8", errors="replace")

    def trec_file(self, values: Values) -> tuple[str, str]:
        """Return name and text of a result as a TREC run."""
        saved = self._saved.result(values[self.a])
        name = f"{file_name(saved.result.model)}-{file_name(saved.result.dataset)}.trec"
        return name, saved.path.with_suffix(".trec").read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class ShownQueries:
    """The list of queries with one of them open: labels with ids, the open one's id, what is told of them, its view."""

    names: list[tuple[str, str]]
    query_id: str | None
    counted: str
    view: str


def _shown_queries(pair: Pair, which: str, query_id: str | None, language: Language, step: int = 0) -> ShownQueries:
    """Open the query `step` places from a chosen one, or the first one, among all queries or the wrong ones."""
    try:
        views = _views(pair)
    except DataError as error:
        return ShownQueries([], None, line(error.text(language), language), "")
    wrong = [view for view in views if view.wrong]
    offered = wrong if which == "wrong" else views
    ids = [view.query_id for view in offered]
    place = (ids.index(query_id) + step) % len(ids) if query_id in ids else 0
    view = offered[place] if offered else None
    told = message("bench_counted", language, n=len(views), wrong=len(wrong))
    other = system_name(pair[1].result.model, language) if pair[1] is not None else ""
    return ShownQueries(
        [(query_label(item), item.query_id) for item in offered],
        view.query_id if view else None,
        line(told, language),
        query_html(view, language, other=other) if view else "",
    )


def comparison(paired: PairedComparison, data: RetrievalData | None, language: Language) -> str:
    """Return the paired test: a verdict, one row a measure, the queries that moved most."""
    most = max(0.01, *(abs(end) for row in paired.differences for end in (row.low, row.high)))
    rows = [
        {
            "metric": METRIC_LABELS[row.metric],
            "a": percent(row.a),
            "b": percent(row.b),
            "difference": percent(row.difference, signed=True),
            "low": percent(row.low, signed=True),
            "high": percent(row.high, signed=True),
            "left": round(50 + 50 * row.low / most, 1),
            "width": round(50 * (row.high - row.low) / most, 1),
            "point": round(50 + 50 * row.difference / most, 1),
            "p": p_value(row.p_value),
            "counts": f"{row.wins:,} / {row.ties:,} / {row.losses:,}",
        }
        for row in paired.differences
    ]
    names = {"a": system_name(paired.model_a, language), "b": system_name(paired.model_b, language)}
    about = {"dataset": dataset_name(paired.dataset, language, counted=False), "n": paired.n_queries}
    return render_template(
        "bench_comparison.html",
        language,
        lead=message("bench_comparison_of", language, **names, **about),
        verdict=_verdict(paired, language),
        rows=rows,
        movers=[_mover(mover, data) for mover in paired.movers],
        ndcg=METRIC_LABELS["ndcg_at_10"],
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
        model=system_name(result.model, language),
        dataset=dataset_name(result.dataset, language, counted=False),
        found=found,
        first=first,
        straight=straight,
        backwards=backwards,
        metrics=[METRIC_LABELS["ndcg_at_1"], METRIC_LABELS["ndcg_at_3"]],
        verdict=message("bench_below" if below else "bench_not_below", language, reversed=backwards, first=first),
        query=query,
        pairs=list(zip(top, reversed(top), strict=True)),
    )


def query_html(view: QueryView, language: Language, *, other: str = "") -> str:
    """Return a query with its best documents, right answers marked, and their ranks in the result called `other`."""
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
        other=other,
        missed=[gold for gold in view.gold if gold.document_id not in found],
        most_chars=MOST_CHARS,
    )


def query_label(view: QueryView) -> str:
    """Return how a query is named in a list: right or wrong, its NDCG@10, its text."""
    text = " ".join(view.text.split())
    short = text if len(text) <= QUERY_LABEL_CHARS else f"{text[: QUERY_LABEL_CHARS - 1]}…"
    return f"{'✗' if view.wrong else '✓'} {100 * view.ndcg_at_10:.0f} · {short}"


def p_value(value: float) -> str:
    """Return a p-value with as many decimals as 9,999 resamples give."""
    return f"{value:.4f}" if value >= 1e-4 else "< 0.0001"  # noqa: PLR2004 what is printed


def _labels(saved: list[SavedResult], shown_run: str | None, language: Language) -> list[tuple[str, str]]:
    """Return (label, key) of results; the run's name is added where it is not the one shown."""
    names = telling_names([item.result for item in saved])
    labels = []
    for item in saved:
        told = result_name(item.result, names[item.result.fingerprint], language)
        if item.run_id != (shown_run or SHIPPED):
            run = message("bench_shipped", language) if item.run_id == SHIPPED else date_of(item.result)
            told = f"{told} · {run}"
        labels.append((told, item.key))
    return labels


def _views(pair: Pair) -> list[QueryView]:
    """Return the queries of a result with their best documents, and their ranks in another one.

    Raises:
        DataError: If the texts cannot be had.
    """
    first, other = pair
    return explore(first.result, data_of(first.result), other.result if other else None) if first else []


def _comparison_of(a: SavedResult | None, b: SavedResult | None, language: Language) -> str:
    if a is None or b is None:
        return line(message("bench_no_other", language), language)
    try:
        data = data_of(a.result)
    except DataError:
        data = None  # the queries that moved then go by their ids
    return comparison(compare_saved(a, b), data, language)


def _reversal_of(a: SavedResult | None, language: Language) -> str:
    if a is None:
        return ""
    try:
        data = data_of(a.result)
    except DataError as error:
        return line(error.text(language), language)
    return reversal(a.result, show_reversal(a.result, data.qrels), data, language)


def _verdict(paired: PairedComparison, language: Language) -> str:
    row = next(row for row in paired.differences if row.metric == "ndcg_at_10")
    key = "bench_verdict_real" if row.p_value < SIGNIFICANT else "bench_verdict_noise"
    ahead, behind = (paired.model_b, paired.model_a) if row.difference > 0 else (paired.model_a, paired.model_b)
    values = {
        "ahead": system_name(ahead, language),
        "behind": system_name(behind, language),
        "points": percent(abs(row.difference)),
        "p": p_value(row.p_value),
    }
    return message(key, language, **values)


def _mover(mover: Mover, data: RetrievalData | None) -> dict[str, Any]:
    text = data.queries[data.query_ids.index(mover.query_id)] if data is not None else mover.query_id
    return {"query": text, "a": percent(mover.a), "b": percent(mover.b)}
