"""Measure how high a model's scores are: for the command `calibrate`, or with the vectors of a first benchmark run."""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.benchmark.results import describe_data, describe_model, installed_versions
from koe5_demo.benchmark.run import ResultReady, RunEvent
from koe5_demo.benchmark.stored_vectors import DiskVectors, VanishedError, text_keys
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
from koe5_demo.records import Encoder, FloatArray, IntArray, ModelInfo, Role
from koe5_demo.settings import Settings

LEAST_PAIRS: Final = 20
MOST_RANDOM_PAIRS: Final = 200_000
"""Enough for a percentile of 99.9 that moves by less than 0.1 between samples; a larger set is sampled."""
SEED: Final = 20_240_701
MOST_DOCUMENTS: Final = 50_000
"""Their vectors are in memory at once; larger sets are left to the command line."""
logger = logging.getLogger(__name__)


def measure(encoder: Encoder, data: RetrievalData) -> Calibration:
    """Encode a data set and measure.

    Args:
        encoder: The model.
        data: With judged queries.

    Raises:
        DataError: If there are too few pairs.
    """
    queries = encoder.encode(data.queries, Role.QUERY).vectors
    documents = encoder.encode(data.documents, Role.PASSAGE).vectors
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
    relevant, random = judged_pairs(data, least_grade=1), random_pairs(data)
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


def judged_pairs(data: RetrievalData, least_grade: float = -math.inf) -> IntArray:
    """Return (n, 2) int64 positions of queries and documents judged so high, as far as the corpus has them."""
    documents = {id_: n for n, id_ in enumerate(data.document_ids)}
    pairs = [
        (n, documents[document])
        for n, query in enumerate(data.query_ids)
        for document, grade in data.qrels[query].items()
        if document in documents and grade >= least_grade
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def random_pairs(data: RetrievalData) -> IntArray:
    """Return (n, 2) int64 positions of queries and documents that are not judged for each other.

    All of them, or `MOST_RANDOM_PAIRS` drawn with a fixed seed where there are more.
    """
    n_queries, n_documents = len(data.queries), len(data.documents)
    judged = judged_pairs(data)
    taken = np.unique(judged[:, 0] * n_documents + judged[:, 1])
    total = n_queries * n_documents
    if total <= MOST_RANDOM_PAIRS:
        drawn = np.arange(total)
    else:
        drawn = np.unique(np.random.default_rng(SEED).integers(0, total, size=MOST_RANDOM_PAIRS))
    kept = drawn[~np.isin(drawn, taken)]
    return np.stack([kept // max(1, n_documents), kept % max(1, n_documents)], axis=1).astype(np.int64)


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
    """Measure with the vectors that the run left in its cache, and keep the outcome.

    What stands in the way, vectors that are gone again say, is logged: the run itself went well.
    """
    try:
        data = read_dataset(dataset)
        if len(data.documents) > MOST_DOCUMENTS:
            return
        queries, documents = (
            cache.shelf(encoder.info.fingerprint, role).vectors(text_keys(texts), encoder.info.dimensions)
            for role, texts in ((Role.QUERY, data.queries), (Role.PASSAGE, data.documents))
        )
        measured = from_vectors(encoder.info, data, queries, documents)
        save(measured, own_path(encoder.info, settings))
    except (DemoError, VanishedError) as error:
        logger.warning("no calibration of %s: %s", encoder.info.id, error)
