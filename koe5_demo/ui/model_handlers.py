"""What the model tab tells: the model as published, its recipe and results, and what runs here. No gradio."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from koe5_demo import figures
from koe5_demo.benchmark.published import paper_table
from koe5_demo.catalog import CATALOG, KOE5, ModelSpec
from koe5_demo.encoding.cache import CachingEncoder
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.probes import probes
from koe5_demo.plain_plotly import Figure
from koe5_demo.records import ModelInfo, Role
from koe5_demo.training.recipe import KOE5_RECIPE, Recipe

PAPER_MODEL: Final = "KoE5"
PAPER_METRIC: Final = "ndcg_at_1"
STATM: Final = Path("/proc/self/statm")
MEGABYTE: Final = 1_000_000
ROUNDS: Final = 3


@dataclass(frozen=True)
class ModelPage:
    """What the tab's text is made of.

    Attributes:
        koe5: The model as published.
        recipe: Its training, as published.
        models: The catalog.
        loaded: Each model in memory: its name, what it is, and where its files came from (hub, folder, embedded).
        memory_mb: Resident memory of this process, in 10^6 bytes.
    """

    koe5: ModelSpec
    recipe: Recipe
    models: tuple[ModelSpec, ...]
    loaded: tuple[tuple[str, ModelInfo, str], ...]
    memory_mb: float


@dataclass(frozen=True)
class Speed:
    """How fast a model is here, measured just now.

    Attributes:
        info: What was measured.
        n_texts, n_tokens: Of one round of the 16 built-in probe texts.
        tokens_per_s, texts_per_s: Of the fastest of three rounds; nothing came from a cache.
    """

    info: ModelInfo
    n_texts: int
    n_tokens: int
    tokens_per_s: float
    texts_per_s: float


def model_page(host: ModelHost) -> ModelPage:
    """Return what the tab tells now."""
    loaded = []
    for name in host.names:
        encoder = host.ready_encoder(name)
        if encoder is not None:
            loaded.append((name, encoder.info, _origin(name, encoder.info)))
    return ModelPage(KOE5, KOE5_RECIPE, tuple(CATALOG.values()), tuple(loaded), resident_bytes() / MEGABYTE)


def measure_speed(host: ModelHost, name: str) -> Speed:
    """Encode the probe texts three times past the cache and return the best round.

    Raises:
        ModelLoadError: If the model is not ready.
    """
    encoder = host.encoder(name)
    inner = encoder.inner if isinstance(encoder, CachingEncoder) else encoder
    texts = [probe.text for probe in probes()]
    n_tokens, best = 0, float("inf")
    for _ in range(ROUNDS):
        start = perf_counter()
        encoded = inner.encode(texts, Role.PASSAGE)
        best = min(best, perf_counter() - start)
        n_tokens = int(encoded.tokens_used.sum())
    return Speed(inner.info, len(texts), n_tokens, n_tokens / best, len(texts) / best)


def paper_chart() -> Figure:
    """Draw the paper's own table: NDCG@1 of its five models on its three data sets, as published."""
    table = paper_table()
    datasets = list(dict.fromkeys(dataset for cells in table.values() for dataset, _ in cells))
    groups = [(dataset, "NDCG@1") for dataset in datasets]
    shares = {model: [cells.get((dataset, PAPER_METRIC)) for dataset in datasets] for model, cells in table.items()}
    # KoE5 first: it gets the page's own colour.
    ordered = sorted(shares.items(), key=lambda item: item[0] != PAPER_MODEL)
    series = {model: [None if share is None else 100 * share for share in row] for model, row in ordered}
    return figures.grouped_bars(groups, series)


def resident_bytes() -> int:
    """Return the memory that this process holds, in bytes; 0 where the system does not tell (it is no Linux)."""
    try:
        pages = int(STATM.read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _origin(name: str, info: ModelInfo) -> str:
    if info.hub_id is not None:
        return "hub"
    spec = CATALOG.get(name)
    return "embedded" if spec is not None and spec.folder is not None else "folder"
