"""What the model tab tells: what answers, what else could, and the model as published with its recipe. No gradio."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any, Final, Literal

from koe5_demo.benchmark.live import model_offer
from koe5_demo.benchmark.published import paper_table
from koe5_demo.catalog import CATALOG, KOE5, ModelSpec
from koe5_demo.encoding.cache import CachingEncoder
from koe5_demo.encoding.endpoint import shown_name
from koe5_demo.encoding.host import ModelHost
from koe5_demo.encoding.probes import probes
from koe5_demo.records import ModelInfo, Prompts, Role
from koe5_demo.training.recipe import KOE5_RECIPE, Recipe
from koe5_demo.ui.render import render_template
from koe5_demo.words import Language, message

PAPER_MODEL: Final = "KoE5"
PAPER_METRIC: Final = "ndcg_at_1"
CITATION: Final = """@misc{KoE5,
  author = {NLP & AI Lab and Human-Inspired AI research},
  title  = {KoE5: A New Dataset and Model for Improving Korean Embedding Performance},
  year   = {2024},
  url    = {https://github.com/nlpai-lab/KoE5},
}"""
STATM: Final = Path("/proc/self/statm")
MEGABYTE: Final = 1_000_000
ROUNDS: Final = 3


@dataclass(frozen=True)
class Speed:
    """How fast a model is here.

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


@dataclass(frozen=True)
class ModelCard:
    """A model that can be asked for.

    Attributes:
        spec: Its record.
        state: Whether it is loaded, on this machine, to be downloaded, under way, or out of reach.
        info: What it is once it is loaded.
        origin: Where its files came from (hub, folder, embedded); empty before it is loaded.
        answers: Whether it is the one that answers now.
    """

    spec: ModelSpec
    state: Literal["ready", "here", "download", "absent", "coming"]
    info: ModelInfo | None
    origin: str
    answers: bool


@dataclass(frozen=True)
class ModelPage:
    """What the tab's text is made of.

    Attributes:
        koe5: The model as published.
        recipe: Its training, as published.
        answering: Id of the model that answers, and what it is; None while none is loaded.
        models: The catalog, and before it a model that the operator chose outside of it.
        memory_mb: Resident memory of this process, in 10^6 bytes.
    """

    koe5: ModelSpec
    recipe: Recipe
    answering: ModelCard | None
    models: tuple[ModelCard, ...]
    memory_mb: float


def model_page(host: ModelHost, chosen: str) -> ModelPage:
    """Return what the tab tells now; `chosen` is the model that the visitor asks."""
    cards = tuple(_card(host, name, chosen) for name in host.names)
    answering = next((card for card in cards if card.answers and card.info is not None), None)
    return ModelPage(KOE5, KOE5_RECIPE, answering, cards, resident_bytes() / MEGABYTE)


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


def now_html(page: ModelPage, language: Language) -> str:
    """Return which model answers: its state and size, what runs it, and the memory of the server."""
    return render_template("model_now.html", language, page=page, card=page.answering, tongue=language)


def card_html(card: ModelCard, language: Language) -> str:
    """Return a model of the catalog: what it is, how large, and what it takes to use it."""
    return render_template("model_card.html", language, card=card)


def about_html(page: ModelPage, language: Language) -> str:
    """Return what KoE5 is, how it was trained, and what was published of it."""
    table = paper_table()
    datasets = list(dict.fromkeys(dataset for dataset, _ in table[PAPER_MODEL]))
    ordered = sorted(table.items(), key=lambda item: item[0] != PAPER_MODEL)
    printed = [(model, [100 * cells[dataset, PAPER_METRIC] for dataset in datasets]) for model, cells in ordered]
    return render_template("model.html", language, page=page, datasets=datasets, printed=printed)


def speed_html(measured: Speed | None, language: Language) -> str:
    """Return how fast a model is here; that it is not known for None."""
    return render_template("speed.html", language, speed=measured)


class Speeds:
    """The speed of every model that was measured on this machine. Safe with threads.

    Args:
        host: Where the models come from.
    """

    def __init__(self, host: ModelHost) -> None:
        self._host = host
        self._lock = Lock()
        self._known: dict[str, Speed] = {}

    def measured(self, name: str, *, again: bool = False) -> Speed | None:
        """Return the speed of a model, measured at the first call or `again`; None while it is not ready."""
        encoder = self._host.ready_encoder(name)
        if encoder is None:
            return None
        with self._lock:
            key = encoder.info.fingerprint
            if again or key not in self._known:
                self._known[key] = measure_speed(self._host, name)
            return self._known[key]


def button_state(card: ModelCard, language: Language) -> dict[str, Any]:
    """Return how the button that chooses a model reads, and whether it can be pressed."""
    key = "use_model_now" if card.answers else "use_model_download" if card.state == "download" else "use_model"
    return {"value": message(key, language), "interactive": not card.answers and card.state != "absent"}


def resident_bytes() -> int:
    """Return the memory that this process holds, in bytes; 0 where the system does not tell (it is no Linux)."""
    try:
        pages = int(STATM.read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _card(host: ModelHost, name: str, chosen: str) -> ModelCard:
    encoder, offer = host.ready_encoder(name), model_offer(host, name)
    under_way = not host.state(name).settled
    info = encoder.info if encoder is not None else None
    spec = CATALOG.get(name) or outsider(name, info)
    origin = "" if info is None else "hub" if info.hub_id else "embedded" if spec.folder is not None else "folder"
    return ModelCard(spec, "coming" if under_way else offer.availability, info, origin, name == chosen)


def outsider(name: str, info: ModelInfo | None) -> ModelSpec:
    """Return the record of a model that the catalog does not have: what is known of it is what it tells when loaded."""
    dimensions, limit = (info.dimensions, info.known_limit or 0) if info is not None else (0, 0)
    told = message("outsider", Language.KO), message("outsider", Language.EN)
    return ModelSpec(shown_name(name), None, "", dimensions, limit, Prompts(), "", 0, "", 0, *told)
