"""The public endpoints: the functions of the page for programs, with the JSON of the command line.

The docstrings are what API users and agents read. Messages of errors are in English.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import gradio as gr
from gradio.events import api as add_endpoint

from koe5_demo import exports, inputs
from koe5_demo.benchmark.datasets.registry import DATASETS
from koe5_demo.benchmark.progress import RunQueue
from koe5_demo.benchmark.result_tables import result_record
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import system_sources
from koe5_demo.catalog import CATALOG
from koe5_demo.edge.logs import told
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError, InputError
from koe5_demo.prompts import checked_role, with_prompts
from koe5_demo.ranking.calibration import load_calibration
from koe5_demo.ranking.result import RankingRequest, rank_all
from koe5_demo.ranking.scores import checked_top_k, similarity
from koe5_demo.records import Encoder
from koe5_demo.settings import Settings
from koe5_demo.ui.boundary import MODEL_QUEUE, stop_if_left, unexpected
from koe5_demo.ui.gradio_seams import has_left
from koe5_demo.words import Language

ENDPOINTS: Final = ("rank", "similarity", "embed", "tokens", "models", "benchmark")
BENCHMARK_QUEUE: Final = "benchmark-api"
P = ParamSpec("P")
R = TypeVar("R")


class Api:
    """The endpoints over one host.

    Args:
        host: Where models come from.
        settings: Limits, and where benchmark vectors are kept.
        queue: Of benchmark runs, shared with the page's.
    """

    def __init__(self, host: ModelHost, settings: Settings, queue: RunQueue | None = None) -> None:
        self._host = host
        self._settings = settings
        self._queue = queue or RunQueue()

    def rank(
        self,
        queries: list[str],
        passages: list[str],
        model: str = "",
        top_k: int | None = None,
        windows: bool = False,
        compare: str = "",
        bare: bool = False,
        explain: bool = False,
        calibration: bool = False,
        map: bool = False,  # noqa: A002 the name of the command line's option
    ) -> dict[str, Any]:
        """Order passages by cosine similarity to each query, best first.

        Args:
            queries: Questions or phrases, without prefixes.
            passages: Candidate passages, without prefixes.
            model: Catalog id such as "koe5" or "mini"; empty for the model that serves now.
            top_k: How many passages to return for a query; all when null.
            windows: Score a passage that is too long for the model by its best window.
            compare: A second ranking beside it: "bm25" or another model's id.
            bare: Rank without the model's prefixes too.
            explain: Take the scores of each query's ten best passages apart, word by word.
            calibration: Tell how many percent of measured related and random pairs score lower.
            map: Lay the texts out in two dimensions, from 8 texts on.

        Returns:
            {"model": {...}, "results": [{"query", "hits": [{"rank", "index", "score", "tokens", "truncated",
            "passage"}]}], "notices"}; scores are cosines in [-1, 1], index counts from 0. What was asked for beside
            comes in a hit as "window", "compared", "without_prompts", "explanation" and "percentiles", and at the top
            as "compared_with", "calibration" and "map".
        """
        most = checked_top_k(top_k)
        asked = inputs.clean_each(_strings(queries), "blank_query")
        given = inputs.clean_each(_strings(passages), "blank_passage")
        notices = inputs.check(asked, given, self._settings.limits)
        request = RankingRequest(
            queries=asked.texts,
            passages=given.texts,
            windows=_switch("windows", windows),
            compare_with=_name("compare", compare),
            without_prompts=_switch("bare", bare),
            explain=_switch("explain", explain),
            calibration=_switch("calibration", calibration),
            text_map=_switch("map", map),
            model=_name("model", model),
            notices=tuple(notices),
        )
        encoder = self._encoder(model)
        second = self._encoder(request.second_model) if request.second_model else None
        measured = load_calibration(encoder.info, self._settings) if request.calibration else None
        result = rank_all(request, encoder, second_encoder=second, calibration=measured, on_progress=stop_if_left)
        return exports.ranking_json(result, most)

    def similarity(self, texts: list[str], role: str = "none", model: str = "") -> dict[str, Any]:
        """Compute the cosine of every pair of texts.

        Args:
            texts: Texts, without prefixes.
            role: Which prefix the model gets before each text: "query", "passage" or "none".
            model: Catalog id; empty for the model that serves now.

        Returns:
            {"model": {...}, "texts": [...], "matrix": [[...]]}.
        """
        chosen, clean = checked_role(role), self._texts(texts)
        encoder = self._encoder(model)
        return exports.similarity_json(clean, similarity(clean, encoder, role=chosen), encoder.info, chosen)

    def embed(self, texts: list[str], role: str = "passage", model: str = "") -> dict[str, Any]:
        """Return the unit-length vector of each text.

        Args:
            texts: Texts, without prefixes.
            role: "query", "passage" or "none".
            model: Catalog id; empty for the model that serves now.

        Returns:
            {"model": {...}, "dimensions", "vectors": [[...]], "tokens": [...], "truncated": [...]}.
        """
        chosen, clean = checked_role(role), self._texts(texts)
        encoder = self._encoder(model)
        encoded = encoder.encode(clean, chosen, on_progress=stop_if_left)
        return exports.vectors_json(encoded, encoder.info, chosen)

    def tokens(self, texts: list[str], role: str = "passage", model: str = "") -> dict[str, Any]:
        """Count the tokens of each text as the model gets it, prefix and special tokens included.

        Args:
            texts: Texts, without prefixes.
            role: "query", "passage" or "none".
            model: Catalog id; empty for the model that serves now.

        Returns:
            {"model": {...}, "limit", "texts": [{"sent", "tokens", "truncated"}]}; "sent" is the text with its prefix,
            "limit" null where nobody stated one.
        """
        chosen, clean = checked_role(role), self._texts(texts)
        encoder = self._encoder(model)
        counts = encoder.count_tokens(clean, chosen)
        limit = encoder.info.max_tokens
        sent = with_prompts(clean, chosen, encoder.info.prompts)
        rows = [
            {"sent": text, "tokens": int(n), "truncated": bool(n > limit)} for text, n in zip(sent, counts, strict=True)
        ]
        about = exports.model_json(encoder.info, chosen)
        return {"model": about, "limit": encoder.info.known_limit, "texts": rows}

    def models(self) -> dict[str, Any]:
        """List the models that may be asked for.

        Returns:
            {"serving", "models": [{"id", "hub_id", "revision", "dimensions", "max_tokens", "licence", "cached",
            "state"}]}: those of the command line, and how far each is on this server.
        """
        rows = [{**row, "state": self._host.state(row["id"]).phase.value} for row in exports.catalog_json()]
        return {"serving": self._host.serving, "models": rows}

    def benchmark(self, dataset: str = "ours", models: list[str] | None = None) -> dict[str, Any]:
        """Run retrieval benchmarks and return their metrics.

        Args:
            dataset: One of the data sets by name, "ours" is the small one that needs no download.
            models: Catalog ids, "bm25", or "rrf:<id>"; null for the model that serves now and "bm25".

        Returns:
            {"runs": [{"model", "dataset", "metrics", "manifest"}], "failures": [...]}; metrics are in [0, 1].
        """
        if not isinstance(dataset, str) or dataset not in DATASETS:
            raise InputError("bad_option", name="dataset", value=dataset, valid=", ".join(DATASETS))
        names = _strings(models) if models else [self._host.serving, "bm25"]
        cache = DiskVectors(self._settings.data_dir / "vectors", self._settings.disk_cache_mb * 1_000_000)
        options = RunOptions(
            cache=cache,
            queue=self._queue,
            device=self._settings.device,
            should_stop=has_left,
        )
        done = finished(run_suite([dataset], system_sources(names, self._encoder), options))
        if done.stopped:
            raise DemoError("visitor_left")
        failures = [
            {"dataset": failure.dataset, "model": failure.model, "error": failure.error.text(Language.EN)}
            for failure in done.failures
        ]
        return {"runs": [result_record(result) for result in done.results], "failures": failures}

    def _encoder(self, name: str) -> Encoder:
        if not name:
            return self._host.answering()
        self._host.request(_name("model", name))
        return self._host.encoder(name)

    def _texts(self, texts: list[str]) -> tuple[str, ...]:
        clean = inputs.clean_each(_strings(texts))
        inputs.check_texts(clean, self._settings.limits)
        return clean.texts


def build_api(host: ModelHost, settings: Settings, queue: RunQueue) -> None:
    """Name the public endpoints. Must be called inside a gr.Blocks context."""
    api = Api(host, settings, queue)
    options: dict[str, dict[str, Any]] = {
        "models": {"queue": False},
        "benchmark": {"concurrency_id": BENCHMARK_QUEUE, "concurrency_limit": 1},
    }
    for name in ENDPOINTS:
        add_endpoint(_open(getattr(api, name)), api_name=name, **options.get(name, {"concurrency_id": MODEL_QUEUE}))


def _open(function: Callable[P, R]) -> Callable[P, R]:
    """Return an endpoint that tells a DemoError in English, and a bug by number."""

    @wraps(function)
    def endpoint(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with told(f"api/{function.__name__}", [*args, *kwargs.values()]):
                return function(*args, **kwargs)
        except DemoError as error:
            raise gr.Error(error.text(Language.EN), print_exception=False) from error
        except Exception as error:
            raise unexpected(error, Language.EN) from error

    return endpoint


def _strings(texts: Any) -> list[str]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError("bad_texts", kind=type(texts).__name__)
    return texts


def _name(option: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError("bad_option", name=option, value=type(value).__name__, valid=", ".join(CATALOG))
    return value


def _switch(option: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError("bad_option", name=option, value=type(value).__name__, valid="true, false")
    return value
