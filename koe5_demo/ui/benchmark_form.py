"""What is to be run, in the tab 성능 평가: the choices, what is said of them, start, stop and progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr

from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.live import DatasetOffer, LiveBenchmarks, ModelOffer, RunChoice, RunState, lexical_names
from koe5_demo.benchmark.progress import RunPhase, RunProgress
from koe5_demo.benchmark.systems import FUSIONS
from koe5_demo.encoding import zero_gpu
from koe5_demo.encoding.host import ModelHost
from koe5_demo.settings import Settings
from koe5_demo.ui.boundary import PLAIN, Words, choices, label, shown_error
from koe5_demo.ui.render import caption, render_template
from koe5_demo.words import Language, message

DEFAULT_DATASETS: Final = ("ours",)
BENCHMARK_DTYPES: Final = ("fp32", "auto", "bf16", "fp16", "int8")
_MINUTE: Final = 60
_HOUR: Final = 3_600

Values = dict[Any, Any]
"""What the components of a page hold, by component; as a handler's answer, only those that change."""


class RunForm:
    """The components of the form, and what their events compute. Must be made inside a gr.Blocks context.

    Args:
        live: What can be run.
        host: Whose model is chosen at first.
        settings: Whether models outside the catalog may be named, and the arithmetic to begin with.
        words: Collects what changes with the language.
    """

    def __init__(self, live: LiveBenchmarks, host: ModelHost, settings: Settings, words: Words) -> None:
        self._live = live
        self._custom = settings.allow_custom_models
        heading(words, "bench_choose")
        self.datasets = words.make(
            gr.CheckboxGroup,
            {"label": label("bench_datasets"), "info": label("bench_datasets_hint")},
            choices=list(DATASETS),
            value=list(DEFAULT_DATASETS),
            elem_id="bench-datasets",
        )
        with gr.Row(elem_classes="k-choices"):
            self.models = words.make(
                gr.CheckboxGroup,
                {"label": label("bench_models"), "choices": self._model_choices},
                value=[host.serving],
                elem_id="bench-models",
                min_width=280,
            )
            self.lexical = words.make(
                gr.CheckboxGroup,
                {
                    "label": label("bench_lexical"),
                    "choices": choices([(f"bench_lexical_{name}", name) for name in lexical_names()]),
                },
                value=["bm25"],
                elem_id="bench-lexical",
                min_width=220,
            )
            self.fusions = words.make(
                gr.CheckboxGroup,
                {
                    "label": label("bench_fusions"),
                    "choices": choices([(f"bench_fusion_{name}", name) for name in FUSIONS]),
                },
                value=[],
                elem_id="bench-fusions",
                min_width=220,
            )
        self.absent = gr.HTML(elem_id="bench-absent", **PLAIN)
        self.more = words.make(
            gr.Textbox, {"label": label("bench_more_models")}, visible=self._custom, elem_id="bench-more"
        )
        self.dtype = words.make(
            gr.Dropdown,
            {
                "label": label("bench_dtype"),
                "info": label("bench_dtype_hint"),
                "choices": choices([(f"bench_dtype_{name}", name) for name in dtypes_offered(settings)]),
            },
            value=settings.exact_dtype,
            elem_id="bench-dtype",
        )
        with words.make(gr.Accordion, {"label": label("bench_about_sets")}, open=False, elem_id="bench-about"):
            self.about = gr.HTML(**PLAIN)
        with gr.Row():
            self.start = words.make(
                gr.Button, {"value": label("bench_start")}, variant="primary", elem_id="bench-start"
            )
            self.stop = words.make(
                gr.Button, {"value": label("bench_stop")}, variant="stop", interactive=False, elem_id="bench-stop"
            )
        self.progress = gr.HTML(elem_id="bench-progress", **PLAIN)
        self.token = gr.State("")
        self.inputs = {self.datasets, self.models, self.lexical, self.fusions, self.more, self.dtype}

    def read(self, values: Values) -> RunChoice:
        """Return what was chosen."""
        named = (values[self.more] or "").split(",") if self._custom else []
        models = dict.fromkeys([*values[self.models], *(name.strip() for name in named if name.strip())])
        return RunChoice(
            datasets=tuple(values[self.datasets]),
            models=tuple(models),
            lexical=tuple(values[self.lexical]),
            fusions=tuple(values[self.fusions]),
            dtype=values[self.dtype],
        )

    def refresh(self, values: Values, language: Language) -> Values:
        """Tell anew what there is: models, and data sets with their times."""
        return {
            self.models: gr.update(choices=self._model_choices(language)),
            self.absent: absent_models(self._live.models(), language),
            **self.estimate(values, language),
        }

    def estimate(self, values: Values, language: Language) -> Values:
        """Tell how long each data set takes with the chosen models."""
        return {self.about: dataset_table(self._live.datasets(self.read(values).models), language)}

    def begin(self, values: Values, language: Language) -> Values:
        """Check the choice, and ready the buttons; the token names this run to the stop button."""
        if not self.read(values).complete:
            raise shown_error(message("bench_nothing_chosen", language))
        return {self.token: self._live.open_run(), **self.buttons(running=True)}

    def buttons(self, *, running: bool) -> Values:
        """Return what can be pressed."""
        return {self.start: gr.update(interactive=not running), self.stop: gr.update(interactive=running)}

    def _model_choices(self, language: Language) -> list[tuple[str, str]]:
        offers = self._live.models()
        return [(model_label(offer, language), offer.name) for offer in offers if offer.availability != "absent"]


def heading(words: Words, key: str) -> None:
    """Put a heading on the page."""
    words.make(gr.HTML, {"value": lambda tongue: caption(key, tongue)}, **PLAIN)


def dtypes_offered(settings: Settings) -> tuple[str, ...]:
    """Return the arithmetics to choose from; just one where a GPU is lent only after the models are open."""
    return (settings.exact_dtype,) if zero_gpu.ACTIVE else BENCHMARK_DTYPES


def dataset_table(offers: Sequence[DatasetOffer], language: Language) -> str:
    """Return what is known of every data set."""
    rows = [
        {
            "spec": offer.spec,
            "summary": offer.spec.summary_ko if language is Language.KO else offer.spec.summary_en,
            "size": message("bench_size_of", language, documents=offer.n_documents, queries=offer.n_queries)
            if offer.n_documents
            else message("bench_unknown", language),
            "time": _duration(offer.seconds, language),
            "here": offer.here,
            "link": offer.spec.source if offer.spec.source.startswith("https://") else "",
        }
        for offer in offers
    ]
    return render_template("bench_datasets.html", language, rows=rows)


def absent_models(offers: Sequence[ModelOffer], language: Language) -> str:
    """Return which models cannot be had; nothing where all can."""
    names = ", ".join(offer.name for offer in offers if offer.availability == "absent")
    told = [message("bench_models_absent", language, names=names)]
    return render_template("line.html", language, parts=told) if names else ""


def model_label(offer: ModelOffer, language: Language) -> str:
    """Return how a model is offered."""
    return message(f"bench_model_{offer.availability}", language, name=offer.name, mb=offer.download_mb)


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
            (_where(failure) or message("bench_failed", language), failure.error.text(language))
            for failure in state.failures
        ],
        notices=[notice.text(language) for notice in state.notices],
    )


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
    where, phase = _where(step), message(f"bench_phase_{step.phase.value}", language)
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


def _where(thing: RunProgress | Any) -> str:
    return " / ".join(filter(None, (thing.dataset, thing.model)))
