"""Measure how high a model's scores are: by the command `calibrate`, or with the vectors of a first benchmark run."""

from __future__ import annotations

import argparse
import datetime
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.datasets.registry import DATASETS, read_dataset
from koe5_demo.benchmark.results import describe_data, describe_model, installed_versions
from koe5_demo.benchmark.run import ResultReady, RunEvent
from koe5_demo.benchmark.stored_vectors import DiskVectors, StoredVectors, VanishedError, store_vectors
from koe5_demo.benchmark.systems import LoadEncoder
from koe5_demo.encoding.opening import ModelOptions, add_model_options, open_model
from koe5_demo.errors import DataError, DemoError
from koe5_demo.ranking.calibration import (
    Calibration,
    Distribution,
    calibration_key,
    load_calibration,
    own_path,
    save,
)
from koe5_demo.ranking.scores import cosines
from koe5_demo.records import Encoder, FloatArray, IntArray, ModelInfo, Notice, OnProgress, Role
from koe5_demo.settings import Settings
from koe5_demo.words import Language

LEAST_PAIRS: Final = 20
MOST_RANDOM_PAIRS: Final = 200_000
"""Enough for a percentile of 99.9 that moves by less than 0.1 between samples; a larger set is sampled."""
SEED: Final = 20_240_701
MOST_DOCUMENTS: Final = 50_000
"""Their vectors are in memory at once; larger sets are left to the command line."""
SHOWN_LEVELS: Final = (1.0, 25.0, 50.0, 75.0, 99.0)
logger = logging.getLogger(__name__)


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


def calibrating(
    events: Iterator[RunEvent], opened: Mapping[str, Encoder], cache: DiskVectors, settings: Settings
) -> Iterator[RunEvent]:
    """Pass the events of a run on, and calibrate a model after its first result if nothing has yet.

    Args:
        events: Of the run.
        opened: The models that the run holds in memory now; lexical and fused systems are none.
        cache: Where the run keeps its vectors.
        settings: Where calibrations are kept.
    """
    for event in events:
        if isinstance(event, ResultReady):
            ran = (one for one in opened.values() if one.info.fingerprint == event.result.fingerprint)
            encoder = next(ran, None)
            if encoder is not None and load_calibration(encoder.info, settings) is None:
                _calibrate(encoder, event.result.dataset, cache, settings)
        yield event


def _calibrate(encoder: Encoder, dataset: str, cache: DiskVectors, settings: Settings) -> None:
    """Measure and keep; what stands in the way is logged, since the run itself went well."""
    try:
        data = read_dataset(dataset)
        if len(data.documents) > MOST_DOCUMENTS:
            return
        queries, documents = (_vectors(encoder, data, role, cache) for role in (Role.QUERY, Role.PASSAGE))
        measured = from_vectors(encoder.info, data, queries, documents)
        save(measured, own_path(encoder.info, settings))
    except (DemoError, VanishedError) as error:
        logger.warning("no calibration of %s: %s", encoder.info.id, error)


def _vectors(encoder: Encoder, data: RetrievalData, role: Role, cache: DiskVectors) -> FloatArray:
    """Return the vectors that the run left in the cache; one that is gone is encoded again."""
    texts = data.queries if role is Role.QUERY else data.documents
    steps = store_vectors(encoder, texts, role, cache, lambda: False)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        stored: StoredVectors = end.value
    return stored.matrix()


def add_parsers(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command; it sets `func`, called with (options, settings)."""
    parser = subparsers.add_parser("calibrate", help="measure the scores of related and of random pairs")
    parser.add_argument("--model", help="catalog id, hub id or folder (default: KOE5_MODEL or koe5)")
    names = ", ".join(DATASETS)
    parser.add_argument("--dataset", default="ours", metavar="NAME_OR_FOLDER", help=f"{names}, or a folder")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: where the page looks, in KOE5_DATA_DIR")
    add_model_options(parser)
    parser.set_defaults(func=run_calibrate)


def run_calibrate(options: argparse.Namespace, settings: Settings, load: LoadEncoder | None = None) -> int:
    """Measure, print a summary, write the file.

    Args:
        options: Parsed arguments.
        settings: The operator's.
        load: Opens an encoder by name; the project's loader when None.

    Raises:
        DataError: If the data set cannot be had or is too small, or the file cannot be written.
        ModelLoadError: If the model cannot be had; no other model takes its place.
    """
    data = read_dataset(options.dataset)
    encoder = (load or _loader(options, settings))(options.model or settings.model)
    measured = measure(encoder, data)
    path = options.output or own_path(encoder.info, settings)
    save(measured, path)
    sys.stdout.write(summary(measured, settings.language))
    _tell(Notice("calibration_written", {"path": str(path)}).text(settings.language))
    return 0


def summary(measured: Calibration, language: Language) -> str:
    """Return a small table: quartiles and ends of both kinds of pairs."""
    header = f"{'':10}" + "".join(f"{f'p{level:g}':>9}" for level in SHOWN_LEVELS)
    rows = [
        f"{name:10}" + "".join(f"{kind.values[kind.levels.index(level)]:9.4f}" for level in SHOWN_LEVELS)
        for name, kind in (("random", measured.random), ("relevant", measured.relevant))
    ]
    return "\n".join([measured.source().text(language), header, *rows]) + "\n"


def _loader(options: argparse.Namespace, settings: Settings) -> LoadEncoder:
    def load(name: str) -> Encoder:
        return open_model(name, settings, ModelOptions.of(options))

    return load


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
