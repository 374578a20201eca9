"""Is a score high? How the scores of related and of unrelated pairs are spread, measured with the very model in use.

Cosines of different models lie in different ranges, so a score is told by the share of measured pairs that it beats.
Related pairs are those that a retrieval data set judges relevant; random pairs are its other pairs of query and
document; `koe5_demo.benchmark.calibrating` measures them. A stored calibration holds percentiles and what was
measured, no texts.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from koe5_demo.catalog import ASSETS
from koe5_demo.errors import DataError
from koe5_demo.records import ModelInfo, Notice
from koe5_demo.settings import Settings
from koe5_demo.whole_files import whole_file

SHIPPED: Final = ASSETS / "calibration"
FOLDER: Final = "calibration"
FORMAT: Final = "koe5-demo-calibration"
VERSION: Final = 1
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
        if score < self.values[0] or score > self.values[-1]:
            return 0.0 if score < self.values[0] else 100.0
        first, last = bisect_left(self.values, score), bisect_right(self.values, score)
        if last > first:
            return (self.levels[first] + self.levels[last - 1]) / 2
        part = (score - self.values[first - 1]) / (self.values[first] - self.values[first - 1])
        return self.levels[first - 1] + part * (self.levels[first] - self.levels[first - 1])


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
