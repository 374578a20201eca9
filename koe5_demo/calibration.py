"""Is a score high? How the scores of related and of unrelated pairs are spread, measured with the very model in use.

Cosines of different models lie in different ranges, so a score is told by the share of measured pairs that it beats.
Related pairs are those that a retrieval data set judges relevant; random pairs are its other pairs of query and
document. A stored calibration holds percentiles and what was measured, no texts.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.results import describe_data, describe_model, installed_versions
from koe5_demo.catalog import ASSETS
from koe5_demo.errors import DataError
from koe5_demo.ranking import cosines
from koe5_demo.records import Encoder, FloatArray, IntArray, ModelInfo, Notice, OnProgress, Role
from koe5_demo.settings import Settings
from koe5_demo.whole_files import whole_file

SHIPPED: Final = ASSETS / "calibration"
FOLDER: Final = "calibration"
FORMAT: Final = "koe5-demo-calibration"
VERSION: Final = 1
LEAST_PAIRS: Final = 20
MOST_RANDOM_PAIRS: Final = 200_000
"""Enough for a percentile of 99.9 that moves by less than 0.1 between samples; a larger set is sampled."""
SEED: Final = 20_240_701
LEVELS: Final = tuple(
    round(level, 1) for level in (*np.arange(0, 1, 0.1), *range(1, 99), *np.arange(99, 100, 0.1), 100)
)
"""Percentiles that are kept: 0 to 100, and tenths at both ends, where a good score lies among random pairs."""


@dataclass(frozen=True)
class Distribution:
    """How the scores of some pairs are spread.

    Attributes:
        n: Pairs measured.
        mean: Of their scores.
        levels: Percentages, rising from 0 to 100.
        values: The score at each level, not falling.
    """

    n: int
    mean: float
    levels: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, scores: npt.ArrayLike) -> Distribution:
        """Summarise scores, at least one."""
        found = np.asarray(scores, dtype=np.float64)
        values = np.percentile(found, LEVELS)
        return cls(
            int(found.size),
            round(float(found.mean()), 6),
            tuple(float(level) for level in LEVELS),
            tuple(round(float(value), 6) for value in values),
        )

    def percentile(self, score: float) -> float:
        """Return how many percent of the pairs score lower, between stored levels in proportion; 0 to 100.

        A score that many pairs share lies in the middle of them.
        """
        values, levels = np.asarray(self.values), np.asarray(self.levels)
        if score < values[0] or score > values[-1]:
            return 0.0 if score < values[0] else 100.0
        first, last = np.searchsorted(values, score, side="left"), np.searchsorted(values, score, side="right")
        if last > first:
            return float((levels[first] + levels[last - 1]) / 2)
        return float(np.interp(score, values, levels))


@dataclass(frozen=True)
class Percentiles:
    """How many percent of the measured pairs score lower than a score."""

    random: float
    relevant: float


@dataclass(frozen=True)
class Calibration:
    """The spread of one model's scores.

    Attributes:
        key: Of the model, see `calibration_key`.
        relevant, random: Pairs that belong together; pairs of a query and a document not judged for it.
        model: The model's record as JSON values.
        data: What identifies the data set; no texts.
        date: ISO 8601, UTC.
        versions: Of this project, Python and the packages that matter.
    """

    key: str
    relevant: Distribution
    random: Distribution
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    date: str
    versions: Mapping[str, str]

    def percentile(self, score: float) -> Percentiles:
        """Return the place of a score among both kinds of pairs."""
        return Percentiles(random=self.random.percentile(score), relevant=self.relevant.percentile(score))

    def notice(self, score: float) -> Notice:
        """Say in words how high a score is."""
        place = self.percentile(score)
        percents = {"random": percent_text(place.random), "relevant": percent_text(place.relevant)}
        return Notice("calibration_words", {"score": score, **percents})

    def source(self) -> Notice:
        """Say what was measured."""
        values: dict[str, object] = {"model": self.model["id"], "dataset": self.data["name"], "date": self.date[:10]}
        return Notice("calibration_source", {**values, "n_relevant": self.relevant.n, "n_random": self.random.n})


def percent_text(percent: float) -> str:
    """Return a percentage for a sentence: whole numbers, tenths below 1 and above 99; never rounded up to 100.

    >>> [percent_text(x) for x in (0, 0.25, 40.4, 99.26, 99.97, 100)]
    ['0', '0.2', '40', '99.2', '99.9', '100']
    """
    if percent in (0, 100):
        return f"{percent:.0f}"
    if percent < 1 or percent >= 99:  # noqa: PLR2004
        return f"{math.floor(percent * 10 + 1e-6) / 10:.1f}"
    return f"{percent:.0f}"


def calibration_key(info: ModelInfo) -> str:
    """Return 32 hexadecimal digits that name a model's content, whatever engine, dtype or device computes it.

    All engines give a model's own vectors up to a bound far below what a percentile can show, so they share a
    calibration. A folder is named by the hash of its content, a hub model by its commit.
    """
    parts = (info.hub_id or "", info.revision, str(info.max_tokens), info.prompts.query, info.prompts.passage)
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def measure(encoder: Encoder, data: RetrievalData, *, on_progress: OnProgress | None = None) -> Calibration:
    """Encode a data set and measure.

    Args:
        encoder: The model.
        data: With judged queries.
        on_progress: Called as `Encoder.encode` calls it, for the documents.

    Raises:
        DataError: If there are too few pairs.
    """
    queries = encoder.encode(data.queries, Role.QUERY).vectors
    documents = encoder.encode(data.documents, Role.PASSAGE, on_progress=on_progress).vectors
    return from_vectors(encoder.info, data, queries, documents)


def from_vectors(info: ModelInfo, data: RetrievalData, queries: FloatArray, documents: FloatArray) -> Calibration:
    """Measure with vectors that are there already, as after a benchmark run.

    Args:
        info: The model that made them.
        data: The data set.
        queries: (n_queries, dimensions) unit rows, in the data set's order.
        documents: (n_documents, dimensions) unit rows, in the data set's order.

    Raises:
        DataError: If there are fewer than `LEAST_PAIRS` pairs of either kind.
    """
    relevant, random = relevant_pairs(data), random_pairs(data)
    if min(len(relevant), len(random)) < LEAST_PAIRS:
        counts = {"n_relevant": len(relevant), "n_random": len(random), "least": LEAST_PAIRS}
        raise DataError("calibration_too_few", name=data.name, **counts)
    return Calibration(
        key=calibration_key(info),
        relevant=Distribution.of(_pair_scores(queries, documents, relevant)),
        random=Distribution.of(_pair_scores(queries, documents, random)),
        model=describe_model(info),
        data=describe_data(data),
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        versions=installed_versions(),
    )


def relevant_pairs(data: RetrievalData) -> IntArray:
    """Return (n, 2) int64 positions of queries and documents judged relevant, as far as the corpus has them."""
    return _judged(data, least_grade=1)


def random_pairs(data: RetrievalData) -> IntArray:
    """Return (n, 2) int64 positions of queries and documents that are not judged for each other.

    All of them, or `MOST_RANDOM_PAIRS` drawn with a fixed seed where there are more.
    """
    n_queries, n_documents = len(data.queries), len(data.documents)
    judged = _judged(data, least_grade=None)
    taken = np.unique(judged[:, 0] * n_documents + judged[:, 1])
    total = n_queries * n_documents
    if total <= MOST_RANDOM_PAIRS:
        drawn = np.arange(total)
    else:
        drawn = np.unique(np.random.default_rng(SEED).integers(0, total, size=MOST_RANDOM_PAIRS))
    kept = drawn[~np.isin(drawn, taken)]
    return np.stack([kept // max(1, n_documents), kept % max(1, n_documents)], axis=1).astype(np.int64)


def save(calibration: Calibration, path: Path) -> None:
    """Write a calibration as JSON.

    Raises:
        DataError: If the file cannot be written.
    """
    content = {"format": FORMAT, "version": VERSION, **asdict(calibration)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write((json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode("utf-8"))
    except OSError as error:
        raise DataError("output_failed", name=str(path), reason=error.strerror or str(error)) from error


def own_path(info: ModelInfo, settings: Settings) -> Path:
    """Return where a calibration measured on this machine is kept."""
    return settings.data_dir / FOLDER / f"{calibration_key(info)}.json"


def load_calibration(
    info: ModelInfo, settings: Settings | None = None, *, shipped: Path = SHIPPED
) -> Calibration | None:
    """Return the calibration of a model: measured on this machine, else one that came with the project, else None.

    A file that cannot be read counts as not there: the page then says that no calibration exists.
    """
    key = calibration_key(info)
    own = [own_path(info, settings)] if settings is not None else []
    candidates = (read(path) for path in [*own, *sorted(shipped.glob("*.json"))])
    return next((found for found in candidates if found is not None and found.key == key), None)


def read(path: Path) -> Calibration | None:
    """Return a stored calibration, or None where there is no file or none of this kind and version."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            return None
        return Calibration(
            key=str(content["key"]),
            relevant=_distribution(content["relevant"]),
            random=_distribution(content["random"]),
            model={"id": str(content["model"]["id"]), **content["model"]},
            data={"name": str(content["data"]["name"]), **content["data"]},
            date=str(content["date"]),
            versions=dict(content["versions"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _distribution(raw: Mapping[str, Any]) -> Distribution:
    levels, values = np.asarray(raw["levels"], dtype=np.float64), np.asarray(raw["values"], dtype=np.float64)
    rising = levels.shape == values.shape and levels.ndim == 1 and bool(np.all(np.diff(levels) > 0))
    if not rising or not np.isfinite(values).all() or np.any(np.diff(values) < 0) or len(levels) <= 1:
        raise ValueError("no distribution")
    return Distribution(int(raw["n"]), float(raw["mean"]), tuple(levels.tolist()), tuple(values.tolist()))


def _judged(data: RetrievalData, *, least_grade: int | None) -> IntArray:
    documents = {id_: n for n, id_ in enumerate(data.document_ids)}
    return _pairs(
        (n, documents[document])
        for n, query in enumerate(data.query_ids)
        for document, grade in data.qrels[query].items()
        if document in documents and (least_grade is None or grade >= least_grade)
    )


def _pairs(pairs: Iterable[tuple[int, int]]) -> IntArray:
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


def _pair_scores(queries: FloatArray, documents: FloatArray, pairs: IntArray) -> FloatArray:
    """Return (n,) float32 cosines; query by query, so that no table of all pairs is in memory."""
    scores = np.empty(len(pairs), dtype=np.float32)
    order = np.argsort(pairs[:, 0], kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(pairs[order, 0])) + 1):
        query = queries[pairs[group[:1], 0]]
        scores[group] = cosines(query, documents[pairs[group, 1]])[0]
    return scores
