"""What is to be run, in the tab 성능 평가: the paper's table or what is chosen; start, stop and progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.datasets.registry import DATASETS, SUITES, kept_dataset
from koe5_demo.benchmark.live import DatasetOffer, LiveBenchmarks, ModelOffer, RunChoice, RunState, lexical_names
from koe5_demo.benchmark.progress import RunPhase, RunProgress
from koe5_demo.benchmark.published import published_by_mteb
from koe5_demo.benchmark.result_tables import percent
from koe5_demo.benchmark.run import Failure
from koe5_demo.benchmark.systems import FUSIONS, system_name
from koe5_demo.catalog import KOE5
from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import InputError
from koe5_demo.settings import Settings
from koe5_demo.ui.boundary import PLAIN, Words, choices, label
from koe5_demo.ui.render import render_template
from koe5_demo.words import Language, message

DEFAULT_DATASETS: Final = ("ours",)
BENCHMARK_DTYPES: Final = ("fp32", "auto", "bf16", "fp16", "int8")
PUBLISHED_METRIC: Final = "ndcg_at_10"
"""What MTEB's own table of the Korean benchmark is made of."""
_MEGABYTE: Final = 10**6
_MINUTE: Final = 60
_HOUR: Final = 3_600

Values = dict[Any, Any]
"""What the components of a page hold, by component; as a handler's answer, only those that change."""


class RunForm:
    """The button that reproduces the paper's table, the folded form, and what their events compute.

    Must be made inside a gr.Blocks context.

    Args:
        live: What can be run.
        host: Whose model is chosen at first.
        settings: Whether models outside the catalog may be named, and the arithmetic to begin with.
        words: Collects what changes with the language.
    """

    def __init__(self, live: LiveBenchmarks, host: ModelHost, settings: Settings, words: Words) -> None:
        self._live = live
        self._custom = settings.allow_custom_models
        self._dtype = settings.exact_dtype
        with gr.Row(elem_classes="k-paper-run"):
            self.reproduce = words.button("bench_reproduce", variant="primary", elem_id="bench-reproduce")
            self.plan = words.make(gr.HTML, {"value": self._plan}, elem_id="bench-plan", **PLAIN)
        with words.make(gr.Accordion, {"label": label("bench_choose")}, open=False, elem_id="bench-form"):
            self._build_choices(host, words)
            self.start = words.button("bench_start", variant="primary", elem_id="bench-start")
        with gr.Row(elem_classes="k-paper-run"):
            self.stop = words.button("bench_stop", variant="stop", visible=False, elem_id="bench-stop")
            self.progress = gr.HTML(elem_id="bench-progress", **PLAIN)
        self.token = gr.State("")
        self.inputs = {self.datasets, *self.systems.inputs, self.dtype}
        self.told = [self.systems.models, self.absent, self.about, self.chosen, self.plan]
        self.pressed = [self.start, self.reproduce, self.stop]

    def _build_choices(self, host: ModelHost, words: Words) -> None:
        self.suite = words.make(
            gr.Radio,
            {
                "label": label("bench_suites"),
                "info": label("bench_suites_hint"),
                "choices": lambda tongue: [(suite_name(name, tongue), name) for name in SUITES],
            },
            value=None,
            elem_id="bench-suite",
        )
        self.datasets = words.make(
            gr.CheckboxGroup,
            {
                "label": label("bench_datasets"),
                "info": label("bench_datasets_hint"),
                "choices": lambda tongue: [(dataset_name(name, tongue), name) for name in DATASETS],
            },
            value=list(DEFAULT_DATASETS),
            elem_id="bench-datasets",
        )
        self.chosen = gr.HTML(
            chosen_sets(self._live.datasets(()), DEFAULT_DATASETS, words.language), elem_id="bench-chosen", **PLAIN
        )
        self.systems = SystemChoice(self._live, words, "bench", [host.serving], custom=self._custom)
        self.absent = words.make(
            gr.HTML,
            {"value": lambda tongue: absent_models(self._live.models(), tongue)},
            elem_id="bench-absent",
            **PLAIN,
        )
        self.dtype = words.make(
            gr.Dropdown,
            {
                "label": label("bench_dtype"),
                "info": label("bench_dtype_hint"),
                "choices": choices([(f"bench_dtype_{name}", name) for name in dtypes_offered(self._dtype)]),
            },
            value=self._dtype,
            elem_id="bench-dtype",
        )
        with words.make(gr.Accordion, {"label": label("bench_about_sets")}, open=False, elem_id="bench-about"):
            self.about = words.make(
                gr.HTML, {"value": lambda tongue: dataset_table(self._live.datasets(()), tongue)}, **PLAIN
            )

    def _plan(self, language: Language, *, timed: bool = False) -> str:
        choice = self._live.paper_choice()
        offers = [offer for offer in self._live.models() if offer.name in choice.models]
        sets = [offer for offer in self._live.datasets(choice.models if timed else ()) if offer.spec.suite]
        return paper_plan(offers, sets, self._dtype, language)

    def read(self, values: Values) -> RunChoice:
        """Return what was chosen."""
        return self.systems.read(values, datasets=tuple(values[self.datasets]), dtype=values[self.dtype])

    def refresh(self, values: Values, language: Language) -> Values:
        """Tell anew what there is: models, and data sets with their times."""
        return {
            self.systems.models: gr.update(choices=self.systems.offered(language)),
            self.absent: absent_models(self._live.models(), language),
            self.plan: self._plan(language, timed=True),
            **self.estimate(values, language),
        }

    def estimate(self, values: Values, language: Language) -> Values:
        """Tell how long each data set takes with the chosen models, and what the chosen sets are."""
        offers = self._live.datasets(self.read(values).models)
        chosen = chosen_sets(offers, values[self.datasets], language)
        return {self.about: dataset_table(offers, language), self.chosen: chosen}

    def choose_suite(self, values: Values, language: Language) -> Values:
        """Choose the sets of a suite and no others, the smallest first, so that results come early."""
        specs = sorted(SUITES[values[self.suite]], key=lambda spec: spec.text_bytes)
        values = {**values, self.datasets: [spec.id for spec in specs]}
        return {self.datasets: values[self.datasets], **self.choose_datasets(values, language)}

    def choose_datasets(self, values: Values, language: Language) -> Values:
        """Tell what the chosen sets are, what it takes to run them, and which suite they are."""
        offers = self._live.datasets(self.read(values).models)
        told = chosen_sets(offers, values[self.datasets], language)
        return {self.suite: suite_of(values[self.datasets]), self.chosen: told}

    def begin(self, values: Values, language: Language) -> Values:
        """Check the choice, and ready the buttons; the token names this run to the stop button."""
        if not self.read(values).complete:
            raise InputError("bench_nothing_chosen")
        return self.begin_paper(values, language)

    def begin_paper(self, _values: Values, _language: Language) -> Values:
        """Ready the buttons; the token names this run to the stop button."""
        return {self.token: self._live.open_run(), **self.buttons(running=True)}

    def buttons(self, *, running: bool) -> Values:
        """Return what can be pressed."""
        idle = gr.update(interactive=not running)
        return {self.start: idle, self.reproduce: idle, self.stop: gr.update(visible=running, interactive=running)}


class SystemChoice:
    """Which models, lexical systems and fusions run. Must be made inside a gr.Blocks context.

    Args:
        live: What can be run.
        words: Collects what changes with the language.
        place: Begins the components' ids.
        models: Chosen at first.
        custom: Whether models outside the catalog may be named.
    """

    def __init__(self, live: LiveBenchmarks, words: Words, place: str, models: Sequence[str], *, custom: bool) -> None:
        self._live = live
        self._custom = custom
        lexical = choices([(f"bench_lexical_{name}", name) for name in lexical_names()])
        fusions = choices([(f"bench_fusion_{name}", name) for name in FUSIONS])
        with gr.Row(elem_classes="k-choices"):
            self.models = self._boxes(words, place, "models", self.offered, list(models), 280)
            self.lexical = self._boxes(words, place, "lexical", lexical, ["bm25"], 220)
            self.fusions = self._boxes(words, place, "fusions", fusions, [], 220)
        self.more = words.make(
            gr.Textbox, {"label": label("bench_more_models")}, visible=custom, elem_id=f"{place}-more"
        )
        self.inputs = {self.models, self.lexical, self.fusions, self.more}

    def offered(self, language: Language) -> list[tuple[str, str]]:
        """Return the models that can be had, as a menu has them."""
        offers = self._live.models()
        return [(model_label(offer, language), offer.name) for offer in offers if offer.availability != "absent"]

    def read(self, values: Values, *, datasets: tuple[str, ...], dtype: str | None = None) -> RunChoice:
        """Return what was chosen, for some data sets."""
        named = (values[self.more] or "").split(",") if self._custom else []
        models = dict.fromkeys([*values[self.models], *(name.strip() for name in named if name.strip())])
        return RunChoice(datasets, tuple(models), tuple(values[self.lexical]), tuple(values[self.fusions]), dtype)

    def _boxes(
        self, words: Words, place: str, name: str, offered: Any, value: list[str], min_width: int
    ) -> gr.CheckboxGroup:
        return words.make(
            gr.CheckboxGroup,
            {"label": label(f"bench_{name}"), "choices": offered},
            value=value,
            elem_id=f"{place}-{name}",
            min_width=min_width,
        )


def dataset_name(name: str, language: Language, *, counted: bool = True) -> str:
    """Return how a data set is called on the page; the one of this project says what it is, and how large."""
    spec = DATASETS.get(name)
    if spec is None or not spec.ours:
        return name
    key = "bench_set_ours_counted" if counted else "bench_set_ours"
    return message(key, language, n=len(kept_dataset(name).queries))


def suite_name(name: str, language: Language) -> str:
    """Return how a suite is offered: its name, and how many sets it has."""
    shown = message("bench_suite_paper", language) if name == "paper" else name
    return message("bench_suite_of", language, name=shown, n=len(SUITES[name]))


def suite_of(datasets: Sequence[str]) -> str | None:
    """Return the suite that has these data sets and no others; None where none has."""
    chosen = set(datasets)
    return next((name for name, specs in SUITES.items() if {spec.id for spec in specs} == chosen), None)


def dtypes_offered(exact: str) -> tuple[str, ...]:
    """Return the arithmetics to choose from; just `exact` where a GPU is lent only after the models are open."""
    return (exact,) if zero_gpu.ACTIVE else BENCHMARK_DTYPES


def paper_plan(models: Sequence[ModelOffer], sets: Sequence[DatasetOffer], dtype: str, language: Language) -> str:
    """Return what the button that reproduces the paper's table is going to do, and how long that takes."""
    parts = []
    absent = not any(offer.name == KOE5.id for offer in models)
    for offer in models:
        key = "bench_plan_stand_in" if absent else f"bench_plan_{offer.availability}"
        parts.append(message(key, language, name=system_name(offer.name, language), mb=offer.download_mb))
    n_here = sum(offer.here for offer in sets)
    if n_here < len(sets):
        key = "bench_plan_sets_absent" if absent else "bench_plan_sets"
        parts.append(message(key, language, n=len(sets) - n_here))
    seconds = [offer.seconds for offer in sets if offer.seconds is not None]
    if seconds and len(seconds) == len(sets) and not (absent and n_here < len(sets)):
        parts.append(_duration(sum(seconds), language))
    parts.append(message("bench_plan_dtype", language, dtype=message(f"bench_dtype_{dtype}", language).split(" · ")[0]))
    return render_template("line.html", language, parts=parts)


def chosen_sets(offers: Sequence[DatasetOffer], chosen: Sequence[str], language: Language) -> str:
    """Return what the chosen data sets are, where they are, how long they take, and what is published of KoE5."""
    shown = sorted((offer for offer in offers if offer.spec.id in chosen), key=lambda offer: offer.spec.text_bytes)
    if not shown:
        return ""
    away = [offer for offer in shown if not offer.here]
    parts = [message("bench_chosen_count", language, n=len(shown))]
    if away:
        key = "bench_chosen_away" if all(offer.reachable for offer in away) else "bench_chosen_unreachable"
        parts.append(message(key, language, n=len(away), mb=sum(offer.spec.text_bytes for offer in away) / _MEGABYTE))
    seconds = [offer.seconds for offer in shown if offer.seconds is not None]
    if len(seconds) == len(shown):
        parts.append(message("bench_chosen_time", language, time=_duration(sum(seconds), language)))
    rows = []
    for offer in shown:
        found = published_by_mteb(KOE5.hub_id or "", offer.spec.task, offer.spec.split)
        value = found.metrics.get(PUBLISHED_METRIC) if found is not None else None
        rows.append({**_row(offer, language), "published": percent(value)})
    return render_template("bench_chosen.html", language, rows=rows, parts=parts)


def dataset_table(offers: Sequence[DatasetOffer], language: Language) -> str:
    """Return what is known of every data set."""
    rows = [
        {
            **_row(offer, language),
            "summary": offer.spec.summary_ko if language is Language.KO else offer.spec.summary_en,
            "link": offer.spec.source if offer.spec.source.startswith("https://") else "",
        }
        for offer in offers
    ]
    return render_template("bench_datasets.html", language, rows=rows)


def absent_models(offers: Sequence[ModelOffer], language: Language) -> str:
    """Return which models cannot be had; nothing where all can."""
    names = ", ".join(system_name(offer.name, language) for offer in offers if offer.availability == "absent")
    told = [message("bench_models_absent", language, names=names)]
    return render_template("line.html", language, parts=told) if names else ""


def model_label(offer: ModelOffer, language: Language) -> str:
    """Return a model's name with what stands between a visitor and it, a download of so many MB say."""
    return message(
        f"bench_model_{offer.availability}", language, name=system_name(offer.name, language), mb=offer.download_mb
    )


def progress(state: RunState, n_results: int, language: Language) -> str:
    """Return how far a run is, and what could not be had."""
    if state.ended:
        key = "bench_stopped" if state.stopped else "bench_ended" if n_results else "bench_none"
        line = message(key, language, n=n_results)
    else:
        line = " · ".join(_steps(state, language))
    kind = "busy" if not state.ended or state.stopped else "ok" if n_results else "bad"
    step = state.progress
    within = step.done / step.total if step is not None and step.total else 0.0
    position = min(100 * state.n_done + round(99 * within), 100 * state.n_all)
    return render_template(
        "bench_progress.html",
        language,
        state=state,
        line=line,
        kind=kind,
        position=position,
        percent=round(position / max(state.n_all, 1)),
        failures=[
            (_where(failure, language) or message("bench_failed", language), failure.error.text(language))
            for failure in state.failures
        ],
        notices=[notice.text(language) for notice in state.notices],
    )


def _row(offer: DatasetOffer, language: Language) -> dict[str, Any]:
    """Return what both tables of data sets tell of one."""
    where = "bench_yes" if offer.here else "bench_no" if offer.reachable else "bench_unreachable"
    keys = ("bench_size_of", "bench_size_said") if offer.spec.n_documents else ("bench_unknown", "bench_unknown")
    sizes = {"documents": offer.spec.n_documents, "queries": offer.spec.n_queries}
    size, size_said = (message(key, language, **sizes) for key in keys)
    return {
        "spec": offer.spec,
        "name": dataset_name(offer.spec.id, language),
        "size": size,
        "size_said": size_said,
        "time": _duration(offer.seconds, language),
        "here": offer.here,
        "where": message(where, language),
    }


def _duration(seconds: float | None, language: Language) -> str:
    if seconds is None:
        return message("bench_unknown", language)
    if seconds < 2 * _MINUTE:
        return message("bench_seconds", language, n=max(1.0, seconds))
    if seconds < 2 * _HOUR:
        return message("bench_minutes", language, n=seconds / _MINUTE)
    return message("bench_hours", language, n=seconds / _HOUR)


def _steps(state: RunState, language: Language) -> list[str]:
    """Return how much is done, what goes on, and the numbers of that."""
    parts = [message("bench_done_of", language, done=state.n_done, total=state.n_all)]
    step = state.progress
    if step is None:
        return parts
    where, phase = _where(step, language), message(f"bench_phase_{step.phase.value}", language)
    parts.append(f"{where}: {phase}" if where else phase)
    if step.phase is RunPhase.WAITING:
        return [*parts, message("bench_ahead", language, n=step.done)]
    if step.total:
        unit = " MB" if step.phase is RunPhase.LOADING_MODEL else ""
        parts.append(message("bench_texts", language, done=step.done, total=step.total) + unit)
    if step.texts_per_s:
        parts.append(message("bench_speed", language, n=step.texts_per_s))
    if step.seconds_left:
        parts.append(message("bench_left", language, n=step.seconds_left))
    return parts


def _where(thing: RunProgress | Failure, language: Language) -> str:
    named = (dataset_name(thing.dataset, language) if thing.dataset else "", system_name(thing.model, language))
    return " / ".join(filter(None, named))
