"""One result, a system on a data set, and the record beside every number: what was run on what, when and how fast."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.metrics import HEADLINE_METRICS, TIE_RULE, PerQuery
from koe5_demo.benchmark.rankings import Ranked
from koe5_demo.records import FloatArray, IntArray, ModelInfo
from koe5_demo.version import __version__
from koe5_demo.words import Language

_PACKAGES: Final = (
    "numpy",
    "bm25s",
    "kiwipiepy",
    "pytrec_eval-terrier",
    "sentence-transformers",
    "transformers",
    "torch",
    "onnxruntime",
)


@dataclass(frozen=True)
class Manifest:
    """What stands beside a result.

    Attributes:
        model: `ModelInfo` as a dictionary: id, hub_id, revision, engine, dtype, device, dimensions, max_tokens,
            prompts, fingerprint, note.
        data: Name, task, source, licence, subset, split, revision (a commit), content hash, sizes, problems.
        tie_rule: How equal scores are ordered.
        versions: Of this project, Python and the packages that matter, as installed.
        date: When the run ended, ISO 8601, UTC.
        seconds: By part: load_data, encode, search, score.
        texts_encoded, texts_cached: Which vectors were computed, which came from the cache.
        tokens_encoded, tokens_per_s: Speed of what was computed; 0 when all came from the cache.
        queries_cut, documents_cut: Texts longer than the model reads.
        cache_damage: Damaged cache segments that were found and encoded again.
    """

    model: dict[str, Any]
    data: dict[str, Any]
    tie_rule: str
    versions: dict[str, str]
    date: str
    seconds: dict[str, float]
    texts_encoded: int = 0
    texts_cached: int = 0
    tokens_encoded: int = 0
    tokens_per_s: float = 0.0
    queries_cut: int = 0
    documents_cut: int = 0
    cache_damage: int = 0
    notes: list[str] = field(default_factory=list)

    def identity(self) -> tuple[str, str, str]:
        """Return what a stored result must share to stand for a new run: fingerprint, content of the data, tie rule."""
        return str(self.model["fingerprint"]), str(self.data["content"]), self.tie_rule


def make_manifest(
    info: ModelInfo, data: RetrievalData, ranked: Ranked, *, load_data_s: float, score_s: float
) -> Manifest:
    """Collect the record of one result."""
    queries_cut, documents_cut = ranked.lengths.n_cut() if ranked.lengths else (0, 0)
    return Manifest(
        model=describe_model(info),
        data=describe_data(data),
        tie_rule=TIE_RULE,
        versions=installed_versions(),
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        seconds={
            "load_data": round(load_data_s, 3),
            "encode": round(ranked.encode_s, 3),
            "search": round(ranked.search_s, 3),
            "score": round(score_s, 3),
        },
        texts_encoded=ranked.texts_encoded,
        texts_cached=ranked.texts_cached,
        tokens_encoded=ranked.tokens_encoded,
        tokens_per_s=round(ranked.tokens_encoded / ranked.encode_s, 1) if ranked.encode_s > 0 else 0.0,
        queries_cut=queries_cut,
        documents_cut=documents_cut,
        cache_damage=ranked.damaged,
        notes=[remarks] if (remarks := info.remarks(Language.EN)) else [],
    )


def describe_model(info: ModelInfo) -> dict[str, Any]:
    """Return a `ModelInfo` as plain JSON values; its notices stand in the note, in English."""
    described = asdict(replace(info, note=info.remarks(Language.EN)))
    del described["notices"]
    return described


def describe_data(data: RetrievalData) -> dict[str, Any]:
    """Return what identifies a data set, without its texts."""
    return {
        "name": data.name,
        "task": data.task,
        "source": data.source,
        "licence": data.licence,
        "subset": data.subset,
        "split": data.split,
        "revision": data.revision,
        "content": data.content_hash(),
        "n_documents": len(data.documents),
        "n_queries": len(data.queries),
        "n_judgements": data.n_judgements,
        "problems": data.problems.counts(),
    }


@cache
def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def installed_versions() -> dict[str, str]:
    """Return the versions of this project, Python and the packages that matter."""
    found = {package: _installed(package) for package in _PACKAGES}
    return {
        "koe5_demo": __version__,
        "python": platform.python_version(),
        **{package: number for package, number in found.items() if number is not None},
    }


@dataclass(frozen=True)
class RunResult:
    """A system on a data set.

    Attributes:
        manifest: The record beside every number.
        metrics: Averages by name (`ndcg_at_10`, ...), in [0, 1].
        per_query: Measures of each query, in the order of `query_ids`.
        query_ids: Judged queries.
        hits: Ids of the documents found, best first, one tuple a query: up to 100 in a fresh result, 10 in
            a loaded one.
        hit_scores: Their scores.
        query_tokens: (n_queries,) int64 before any cut; None for lexical search.
        hit_tokens: Tokens of the documents in `hits`; None for lexical search.
        max_tokens: Where the model cuts; 0 for lexical search.
    """

    manifest: Manifest
    metrics: Mapping[str, float]
    per_query: PerQuery
    query_ids: tuple[str, ...]
    hits: tuple[tuple[str, ...], ...]
    hit_scores: tuple[FloatArray, ...]
    query_tokens: IntArray | None
    hit_tokens: tuple[IntArray, ...] | None
    max_tokens: int

    @property
    def model(self) -> str:
        """Id of the model or system."""
        return str(self.manifest.model["id"])

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.manifest.data["name"])

    @property
    def task(self) -> str:
        """MTEB's name of the data set."""
        return str(self.manifest.data["task"])

    @property
    def fingerprint(self) -> str:
        """What tells two models of one name apart."""
        return str(self.manifest.model["fingerprint"])

    @property
    def unprompted(self) -> bool:
        """Whether a model encoded the bare texts: none of its prompts is anything. Lexical search has no prompts."""
        model = self.manifest.model
        return bool(model["dimensions"]) and not any(model["prompts"].values())

    def headline(self) -> dict[str, float]:
        """Return the measures that tables show."""
        return {name: self.metrics[name] for name in HEADLINE_METRICS}


def result_of(
    manifest: Manifest,
    metrics: Mapping[str, float],
    per_query: PerQuery,
    data: RetrievalData,
    ranked: Ranked,
) -> RunResult:
    """Put a result together."""
    rankings, lengths = ranked.rankings, ranked.lengths
    found = [row[row >= 0] for row in rankings.positions]
    return RunResult(
        manifest=manifest,
        metrics=metrics,
        per_query=per_query,
        query_ids=data.query_ids,
        hits=tuple(tuple(data.document_ids[position] for position in row) for row in found),
        hit_scores=tuple(scores[: len(row)] for row, scores in zip(found, rankings.scores, strict=True)),
        query_tokens=lengths.queries if lengths else None,
        hit_tokens=tuple(lengths.documents[row] for row in found) if lengths else None,
        max_tokens=lengths.max_tokens if lengths else 0,
    )


_TELLING_FACTS: Final = ("hub_id", "device", "revision", "dtype", "engine", "fingerprint")
_SHOWN_CHARS: Final = 40


def telling_names(results: Sequence[RunResult]) -> dict[str, str]:
    """Return a name for each fingerprint among some results: the model's id, and what else tells equal ids apart.

    Two servers that each have a model `e5` become `e5 (http://a/v1)` and `e5 (http://b/v1)`, two folders of one name
    `model (0f3a…)` and `model (77bc…)` by their content.
    """
    models = {result.fingerprint: result.manifest.model for result in results}
    names = {}
    for fingerprint, model in models.items():
        rivals = [other for key, other in models.items() if key != fingerprint and other["id"] == model["id"]]
        told = []
        for fact in _TELLING_FACTS:
            if any(other[fact] != model[fact] for other in rivals):
                told.append(str(model[fact])[:_SHOWN_CHARS])
                rivals = [other for other in rivals if other[fact] == model[fact]]
        names[fingerprint] = f"{model['id']} ({', '.join(told)})" if told else str(model["id"])
    return names
