"""A model's scores are calibrated with the vectors of its first benchmark run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Final

from koe5_demo import calibration
from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.datasets.registry import read_dataset
from koe5_demo.benchmark.run import ResultReady, RunEvent
from koe5_demo.benchmark.stored_vectors import DiskVectors, VanishedError, store_vectors
from koe5_demo.errors import DemoError
from koe5_demo.records import Encoder, FloatArray, Role
from koe5_demo.settings import Settings

MOST_DOCUMENTS: Final = 50_000
"""Their vectors are in memory at once; larger sets are left to the command line."""
logger = logging.getLogger(__name__)


def calibrating(
    events: Iterator[RunEvent], opened: Mapping[str, Encoder], cache: DiskVectors, settings: Settings
) -> Iterator[RunEvent]:
    """Pass the events of a run on, and calibrate a model after its first result if nothing has yet.

    Args:
        events: Of the run.
        opened: The models that the run holds in memory now; lexical and fused systems are none.
        cache: Where the run keeps its vectors: nothing is encoded again.
        settings: Where calibrations are kept.
    """
    for event in events:
        if isinstance(event, ResultReady):
            ran = (one for one in opened.values() if one.info.fingerprint == event.result.fingerprint)
            encoder = next(ran, None)
            if encoder is not None and calibration.load_calibration(encoder.info, settings) is None:
                _calibrate(encoder, event.result.dataset, cache, settings)
        yield event


def _calibrate(encoder: Encoder, dataset: str, cache: DiskVectors, settings: Settings) -> None:
    """Measure and keep; what stands in the way is logged, since the run itself went well."""
    try:
        data = read_dataset(dataset)
        if len(data.documents) > MOST_DOCUMENTS:
            return
        queries, documents = (_vectors(encoder, data, role, cache) for role in (Role.QUERY, Role.PASSAGE))
        measured = calibration.from_vectors(encoder.info, data, queries, documents)
        calibration.save(measured, calibration.own_path(encoder.info, settings))
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
        return end.value.matrix()  # type: ignore[no-any-return]  # what a generator returns
