"""What the events of the tab 성능 평가 compute: the values of its components, in the order in which it wires them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.explorer import QueryView
from koe5_demo.benchmark.report import results_csv, results_table, to_markdown
from koe5_demo.benchmark.results import file_name
from koe5_demo.benchmark.run import RunOptions
from koe5_demo.benchmark.vector_cache import VectorCache
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DataError, DemoError
from koe5_demo.exports import BYTE_ORDER_MARK
from koe5_demo.inputs import Layout
from koe5_demo.settings import Settings
from koe5_demo.ui import benchmark_live as running
from koe5_demo.ui import benchmark_offers as offers
from koe5_demo.ui import benchmark_readings as readings
from koe5_demo.ui import benchmark_render as render
from koe5_demo.ui.benchmark_layout import model_choices
from koe5_demo.ui.benchmark_live import Choice, Live
from koe5_demo.ui.benchmark_runs import SHIPPED, RunStore, StoredResult
from koe5_demo.ui.boundary import shown_error, unexpected
from koe5_demo.ui.fair_queue import Bench
from koe5_demo.ui.render import line
from koe5_demo.words import Language, message

N_RUN_OUTPUTS: Final = 8
"""What `Events._run_panels` returns."""
_MEGABYTE: Final = 10**6


class Events:
    """What the events of the tab compute. Arguments come in the order of the components wired to them."""

    def __init__(self, host: ModelHost, settings: Settings, bench: Bench) -> None:
        self._host = host
        self._settings = settings
        self._custom = settings.allow_custom_models
        self._bench = bench
        self._stops = running.Stops()
        self._speeds = offers.SpeedBook(host)
        self._store = RunStore(settings.data_dir / "runs")
        self._cache = VectorCache(settings.data_dir / "vectors", settings.disk_cache_mb * _MEGABYTE)
        self._device = settings.device

    def on_refresh(self, *values: Any) -> list[Any]:
        """Tell anew what there is: models, data sets with their times, saved runs."""
        *chosen, run_id, tongue = values
        language = Language(tongue)
        options = offers.model_options(self._host)
        rows = offers.dataset_rows(self._choice(*chosen).models, self._speeds)
        return [
            gr.update(choices=model_choices(self._host, language)),
            render.absent_models(options, language),
            render.datasets(rows, language),
            self._run_list(run_id, language),
        ]

    def on_about(self, *values: Any) -> str:
        """Estimate anew."""
        *chosen, tongue = values
        return render.datasets(offers.dataset_rows(self._choice(*chosen).models, self._speeds), Language(tongue))

    def on_start(self, *values: Any) -> list[Any]:
        """Check the choice, and ready the buttons; the token names this run to the stop button."""
        *chosen, tongue = values
        if not self._choice(*chosen).complete:
            raise shown_error(message("bench_nothing_chosen", Language(tongue)))
        token = secrets.token_hex(8)
        self._stops.open(token)
        return [token, gr.update(interactive=False), gr.update(interactive=True)]

    def on_run(self, *values: Any) -> Iterator[list[Any]]:
        """Run, showing every result as it comes."""
        *chosen, token, reference, spec, metric, size, name, tongue = values
        language = Language(tongue)
        steps = self._steps(self._choice(*chosen), token, [reference, spec, metric, size, name], language)
        try:
            yield from steps
        except DemoError as error:
            raise shown_error(error.text(language)) from error
        except Exception as error:
            raise unexpected(error, language) from error
        finally:
            self._stops.close(token)

    def on_stop(self, token: str) -> Any:
        """Ask the visitor's run to stop."""
        self._stops.stop(token)
        return gr.update(interactive=False)

    def on_choose_run(self, run_id: str, *rest: Any) -> list[Any]:
        """Show another run from its start."""
        *filters, tongue = rest
        return self._run_panels(run_id, filters, Language(tongue))

    def on_everything(self, run_id: str, *rest: Any) -> list[Any]:
        """Show what is chosen, all of it."""
        *filters, a, b, which, query, tongue = rest
        language = Language(tongue)
        panels = self._run_panels(run_id, filters, language, (a, b))
        return [*panels, *self._look_panels(*self._pair(run_id, a, b), which, query, language)]

    def on_filter(self, run_id: str, *rest: Any) -> list[Any]:
        """Show the published rows of another choice."""
        *filters, tongue = rest
        return self._published(self._results(run_id), filters, Language(tongue))

    def on_a(self, run_id: str, a: str | None, b: str | None, which: str, tongue: str) -> list[Any]:
        """Look at another result."""
        language = Language(tongue)
        stored, other = self._pair(run_id, a, b)
        return [
            self._other_list(run_id, stored, other, language),
            *self._look_panels(stored, other, which, None, language),
        ]

    def on_look(self, run_id: str, *rest: Any) -> list[Any]:
        """Look at the same result again: against another one, or at other queries."""
        a, b, which, query, tongue = rest
        return self._look_panels(*self._pair(run_id, a, b), which, query, Language(tongue))

    def on_which(self, run_id: str, *rest: Any) -> list[Any]:
        """Choose among all queries or the wrong ones."""
        a, b, which, query, tongue = rest
        return self._explorer(*self._pair(run_id, a, b), which, query, Language(tongue))

    def mover(self, step: int) -> Callable[..., list[Any]]:
        """Return the handler that goes to the next or the previous query."""

        def on_move(run_id: str, *rest: Any) -> list[Any]:
            a, b, which, query, tongue = rest
            stored, other = self._pair(run_id, a, b)
            views = self._queries(stored, other, which)
            ids = [view.query_id for view in views]
            place = (ids.index(query) + step) % len(ids) if query in ids else 0
            return self._explorer(stored, other, which, ids[place] if ids else None, Language(tongue))

        return on_move

    def on_open(self, run_id: str, *rest: Any) -> list[Any]:
        """Put a query and its best documents into the ranking tab, and go there."""
        a, b, which, query, _tongue = rest
        views = self._queries(*self._pair(run_id, a, b), which)
        view = next((view for view in views if view.query_id == query), None)
        if view is None:
            return [gr.skip()] * 5
        question, passages = readings.ranking_form(view)
        return [question, passages, Layout.BLOCKS.value, None, gr.Tabs(selected="ranking")]

    def csv(self, run_id: str) -> tuple[str, str]:
        """Return name and text of the run as CSV."""
        return f"koe5-benchmark-{run_id}.csv", BYTE_ORDER_MARK + results_csv(self._bare(run_id))

    def markdown(self, run_id: str) -> tuple[str, str]:
        """Return name and text of the run as a Markdown table, published rows labelled."""
        return f"koe5-benchmark-{run_id}.md", to_markdown(results_table(self._bare(run_id)))

    def json(self, key: str) -> tuple[str, str]:
        """Return name and text of a result in MTEB's form."""
        stored = self._store.result(key)
        return f"{file_name(stored.result.task)}.json", stored.path.read_text(encoding="utf-8")

    def trec(self, key: str) -> tuple[str, str]:
        """Return name and text of a result as a TREC run."""
        stored = self._store.result(key)
        name = f"{file_name(stored.result.model)}-{file_name(stored.result.dataset)}.trec"
        return name, stored.path.with_suffix(".trec").read_text(encoding="utf-8")

    def _choice(self, *chosen: Any) -> Choice:
        datasets, models, lexical, fusions, more, dtype = chosen
        named = [name.strip() for name in (more or "").split(",")] if self._custom else []
        everything = dict.fromkeys([*models, *filter(None, named)])
        return Choice(tuple(datasets), tuple(everything), tuple(lexical), tuple(fusions), dtype)

    def _steps(self, choice: Choice, token: str, filters: list[Any], language: Language) -> Iterator[list[Any]]:
        run_id = self._store.new_run()
        stop = self._stops.open(token)
        options = RunOptions(
            cache=self._cache,
            output=self._store.folder_of(run_id),
            device=self._device,
            should_stop=self._bench.between(stop.is_set),
        )
        for live in running.run(choice, self._host, self._bench.gate, options, settings=self._settings):
            yield self._live(live, run_id, filters, language)

    def _live(self, live: Live, run_id: str, filters: list[Any], language: Language) -> list[Any]:
        stored = self._store.results(run_id) if live.new_result else []
        buttons = [gr.update(interactive=live.ended), gr.update(interactive=not live.ended)]
        told = render.progress(live, len(stored), language)
        if not stored:
            return [told, *buttons, *[gr.skip()] * (N_RUN_OUTPUTS + 1)]
        panels = self._run_panels(run_id, filters, language)
        return [told, *buttons, self._run_list(run_id, language), *panels]

    def _results(self, run_id: str | None) -> list[StoredResult]:
        return self._store.results(run_id or SHIPPED)

    def _bare(self, run_id: str) -> list[Any]:
        return [stored.result for stored in self._results(run_id)]

    def _run_list(self, run_id: str | None, language: Language) -> Any:
        runs = self._store.runs()
        ids = [run.id for run in runs]
        value = run_id if run_id in ids else SHIPPED if SHIPPED in ids else next(iter(ids), None)
        return gr.update(choices=[(render.run_label(run, language), run.id) for run in runs], value=value)

    def _pair(self, run_id: str, a: str | None, b: str | None) -> tuple[StoredResult | None, StoredResult | None]:
        """Return the chosen results, or the first ones that fit."""
        stored = self._results(run_id)
        first = next((item for item in stored if item.key == a), stored[0] if stored else None)
        others = self._store.alike(first) if first else []
        return first, next((item for item in others if item.key == b), others[0] if others else None)

    def _run_panels(
        self, run_id: str, filters: Sequence[Any], language: Language, keys: tuple[Any, Any] = (None, None)
    ) -> list[Any]:
        """Return what a run changes, in the order of `_run_outputs` of the tab."""
        stored = self._results(run_id)
        first, other = self._pair(run_id, *keys)
        names = [(render.result_label(item, first.run_id, language), item.key) for item in stored] if first else []
        return [
            render.results(stored, language),
            render.chart(stored),
            render.manifests(stored, language),
            *self._published(stored, filters, language),
            gr.update(choices=names, value=first.key if first else None),
            self._other_list(run_id, first, other, language),
        ]

    def _published(self, stored: Sequence[StoredResult], filters: Sequence[Any], language: Language) -> list[Any]:
        reference, name_of_set, metric, size, name = filters
        results = [item.result for item in stored]
        spec = DATASETS[name_of_set]
        placed = readings.placement(results, spec, metric, name or "", size, reference)
        rows = readings.paper_view(results, reference)
        return [
            render.paper(rows, reference, readings.footnote(), language),
            render.placement_chart(placed, reference, language),
            render.placement(placed, spec, metric, reference, language),
        ]

    def _other_list(
        self, run_id: str, first: StoredResult | None, other: StoredResult | None, language: Language
    ) -> Any:
        alike = self._store.alike(first) if first else []
        names = [(render.result_label(item, run_id, language), item.key) for item in alike]
        return gr.update(choices=names, value=other.key if other else None)

    def _look_panels(
        self, a: StoredResult | None, b: StoredResult | None, which: str, query: str | None, language: Language
    ) -> list[Any]:
        """Return what a pair of results changes, in the order of `_look_outputs` of the tab."""
        explorer = self._explorer(a, b, which, query, language)
        return [self._comparison(a, b, language), self._reversal(a, language), *explorer]

    def _comparison(self, a: StoredResult | None, b: StoredResult | None, language: Language) -> str:
        if a is None or b is None:
            return line(message("bench_no_other", language), language)
        try:
            data = offers.data_of(a.result)
        except DataError:
            data = None  # the queries that moved then go by their ids
        return render.comparison(readings.comparison(self._store, a, b), data, language)

    def _reversal(self, a: StoredResult | None, language: Language) -> str:
        if a is None:
            return ""
        try:
            found, data = readings.reversal(a.result)
        except DataError as error:
            return line(error.text(language), language)
        return render.reversal(a.result, found, data, language)

    def _queries(self, a: StoredResult | None, b: StoredResult | None, which: str) -> list[QueryView]:
        return readings.queries(a, b, only_wrong=which == "wrong") if a is not None else []

    def _explorer(
        self, a: StoredResult | None, b: StoredResult | None, which: str, query: str | None, language: Language
    ) -> list[Any]:
        """Return the count line, the list of queries and one of them."""
        try:
            views = self._queries(a, b, "all")
        except DataError as error:
            return [line(error.text(language), language), gr.update(choices=[], value=None), ""]
        wrong = [view for view in views if view.wrong]
        told = message("bench_counted", language, n=len(views), wrong=len(wrong))
        offered = wrong if which == "wrong" else views
        view = next((view for view in offered if view.query_id == query), offered[0] if offered else None)
        names = [(render.query_label(item), item.query_id) for item in offered]
        html = render.query(view, language, with_other=b is not None) if view else ""
        return [line(told, language), gr.update(choices=names, value=view.query_id if view else None), html]
