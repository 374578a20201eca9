"""What can be benchmarked: models and data sets, what each takes, and what is read of them. No gradio."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import Final, Literal

from huggingface_hub import constants

from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.registry import DATASETS, on_this_machine, read_dataset
from koe5_demo.benchmark.results import RunResult
from koe5_demo.catalog import CATALOG
from koe5_demo.encoding.cache import CachingEncoder
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.host import Phase as ModelPhase
from koe5_demo.encoding.hub import cached_folder
from koe5_demo.errors import DataError
from koe5_demo.records import Encoder, Role

SAMPLE_TEXTS: Final = 24

Availability = Literal["ready", "here", "download", "absent"]


@dataclass(frozen=True)
class ModelOption:
    """A model that can be chosen, or why it cannot."""

    name: str
    availability: Availability
    download_mb: int = 0


@dataclass(frozen=True)
class DatasetRow:
    """A data set as it is offered.

    Attributes:
        spec: Its record.
        n_documents, n_queries: Sizes; 0 where unknown.
        here: Whether it can be read without a network.
        seconds: Estimated time to encode it with the chosen models; None where a speed is not known.
    """

    spec: DatasetSpec
    n_documents: int
    n_queries: int
    here: bool
    seconds: float | None


class SpeedBook:
    """Measured tokens per second of the models on this device, each measured once. Safe with threads."""

    def __init__(self, host: ModelHost) -> None:
        self._host = host
        self._speeds: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def speed(self, name: str) -> tuple[float, int] | None:
        """Return (tokens/s, longest input) of a model that is ready, measuring it at the first call; else None."""
        with self._lock:
            if name not in self._speeds:
                if self._host.state(name).phase is not ModelPhase.READY:
                    return None
                encoder = computing(self._host.encoder(name))
                self._speeds[name] = (tokens_per_second(encoder), encoder.info.max_tokens)
            return self._speeds[name]


def computing(encoder: Encoder) -> Encoder:
    """Return the encoder behind the page's memory cache: a benchmark keeps its vectors on disk."""
    return encoder.inner if isinstance(encoder, CachingEncoder) else encoder


def tokens_per_second(encoder: Encoder) -> float:
    """Measure an encoder on a few texts of this project's own set."""
    texts = dataset("ours").documents[:SAMPLE_TEXTS]
    start = time.perf_counter()
    encoded = encoder.encode(texts, Role.PASSAGE)
    return float(encoded.tokens_used.sum()) / max(time.perf_counter() - start, 1e-6)


def lexical_names() -> tuple[str, ...]:
    """Return the lexical systems that run here: over morphemes only where the extra is installed."""
    return ("bm25", "bm25-kiwi") if find_spec("kiwipiepy") else ("bm25",)


def model_options(host: ModelHost) -> list[ModelOption]:
    """Return every model with what it takes to run it."""
    return [_model_option(host, name) for name in host.names]


def dataset_rows(models: Sequence[str], speeds: SpeedBook) -> list[DatasetRow]:
    """Return every data set of the registry, with an estimate for the chosen models."""
    known = [speeds.speed(name) for name in models]
    return [_dataset_row(spec, known) for spec in DATASETS.values()]


@lru_cache(maxsize=3)
def dataset(name: str) -> RetrievalData:
    """Return a data set; a few stay in memory.

    Raises:
        DataError: If it cannot be had.
    """
    return read_dataset(name)


def data_of(result: RunResult) -> RetrievalData:
    """Return the texts and judgements that a result was made with.

    Raises:
        DataError: If they cannot be had, or are not the same any more.
    """
    data = dataset(result.dataset)
    if data.content_hash() != result.manifest.data["content"]:
        raise DataError("runs_share_nothing", a=result.dataset, b=data.name)
    return data


def _model_option(host: ModelHost, name: str) -> ModelOption:
    spec = CATALOG.get(name)
    state = host.state(name)
    if state.phase is ModelPhase.READY:
        return ModelOption(name, "ready")
    if spec is None or spec.hub_id is None or cached_folder(spec.hub_id, spec.revision) is not None:
        return ModelOption(name, "here")
    unreachable = constants.HF_HUB_OFFLINE or state.phase is ModelPhase.FAILED
    return ModelOption(name, "absent" if unreachable else "download", spec.download_mb)


def _dataset_row(spec: DatasetSpec, speeds: Sequence[tuple[float, int] | None]) -> DatasetRow:
    here = on_this_machine(spec)
    if spec.folder is not None and here:
        data = dataset(spec.id)
        texts = (*data.documents, *data.queries)
        spec = replace(
            spec,
            n_documents=len(data.documents),
            n_queries=len(data.queries),
            text_bytes=sum(len(text.encode()) for text in texts),
        )
    known = [speed for speed in speeds if speed is not None]
    seconds = None
    if spec.text_bytes and known and len(known) == len(speeds):
        seconds = sum(spec.estimated_seconds(*speed) for speed in known)
    return DatasetRow(spec, spec.n_documents, spec.n_queries, here, seconds)
