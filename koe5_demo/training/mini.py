"""Train the embedded model from pairs: vocabulary, lexical weights, distillation, contrast, packing.

1. The most frequent n-grams of the data's words become the rows of the learned table; inverse document frequencies
   become the starting weights of the lexical half.
2. With a teacher, the semantic half learns to reproduce its vectors of short texts.
3. Both halves learn together to find each query's passage among the batch's, while the semantic half keeps
   matching the teacher.
4. The table is rounded to a few bits a weight and written as a folder that `SentenceTransformer` loads.

Everything random comes from the recipe's seed; on one machine and thread count the result is the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.ngram import NgramEmbedding
from koe5_demo.encoding.ngram_lookup import IntArray, NgramLookup
from koe5_demo.encoding.ngram_model import NgramConfig, NgramModel
from koe5_demo.encoding.ngram_weights import NgramWeights
from koe5_demo.records import OnProgress
from koe5_demo.training.mini_data import (
    Pairs,
    Ragged,
    WordBag,
    WordBook,
    bag,
    choose_vocabulary,
    gram_tables,
    inverse_document_frequency,
    read_pairs,
)
from koe5_demo.training.mini_dev import hold_out, measure
from koe5_demo.training.mini_model import (
    MiniModel,
    contrastive_loss,
    join,
    lexical_batch,
    semantic_batch,
    teacher_losses,
)
from koe5_demo.training.mini_recipe import MiniRecipe, SourceGroup
from koe5_demo.training.mini_teacher import open_teacher, remembered_vectors, teacher_texts

__all__ = ["MiniRecipe", "train_mini"]

PROMPTS = {"query": "query: ", "passage": "passage: "}
_MAX_NEGATIVES = 200
_LOG_EVERY = 20
_EVERYDAY_SHARE = 0.35


@dataclass(frozen=True)
class _Taught:
    """Texts and what the teacher said of them; the first `n_everyday` are everyday sentences."""

    texts: list[str]
    vectors: npt.NDArray[np.float16]
    n_everyday: int


@dataclass(frozen=True)
class Lesson:
    """Texts whose vectors the teacher has given; the first `n_everyday` are everyday sentences."""

    texts: Ragged
    vectors: npt.NDArray[np.float16]
    n_everyday: int

    @cached_property
    def pools(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return which texts are everyday sentences, which are single words, and which have several words."""
        lengths = np.diff(self.texts.offsets)
        return np.arange(self.n_everyday), np.flatnonzero(lengths <= 1), np.flatnonzero(lengths > 1)


@dataclass(frozen=True)
class Corpus:
    """The data as numbers."""

    query: Ragged
    passage: Ragged
    negative: Ragged
    query_key: IntArray
    passage_key: IntArray
    groups: tuple[tuple[SourceGroup, IntArray], ...]
    lesson: Lesson | None
    vocabulary: list[str]
    semantic: Ragged
    lexical: Ragged
    n_words: int


def train_mini(
    data_path: Path,
    output: Path,
    *,
    settings: MiniRecipe | None = None,
    teacher: Path | None = None,
    on_texts: OnProgress | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Train the embedded model and write it to a folder.

    Args:
        data_path: Parquet file with `query`, `passage` and, if it has them, `negative` and `source`.
        output: Folder to write; files of an earlier model in it are replaced.
        settings: The recipe; the shipped model's when None.
        teacher: ONNX sentence encoder (see `mini_teacher`); without one the similarity of sentences suffers most.
        on_texts: Called with (texts asked of the teacher, all of them).
        on_progress: Called with (steps done, all steps).

    Returns:
        What was done, ready for JSON: recipe, numbers of pairs, words, n-grams, teacher texts, losses, scores on what
        was held out, seconds.

    Raises:
        ValueError: If the data has no usable pairs or the teacher's width is not the recipe's.
    """
    recipe = settings or MiniRecipe()
    started = time.monotonic()
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    pairs, dev_sets = hold_out(read_pairs(data_path), recipe.held_out)
    lesson = _ask_teacher(pairs, teacher, recipe, rng, on_texts) if teacher else None
    corpus = _read_corpus(pairs, lesson, recipe)
    idf = inverse_document_frequency(
        corpus.passage, corpus.lexical, corpus.n_words, bits=recipe.bucket_bits, sample=recipe.idf_passages, rng=rng
    )
    model = MiniModel(recipe, len(corpus.vocabulary), idf)
    trainer = _Trainer(model, corpus, recipe, rng, on_progress)
    losses = [*trainer.warm_up(), *trainer.contrast()]
    written = write_mini(model, corpus.vocabulary, recipe, output)
    return {
        "recipe": asdict(recipe),
        "pairs": len(corpus.query),
        "words": corpus.n_words,
        "ngrams": len(corpus.vocabulary),
        "teacher_texts": len(corpus.lesson.texts) if corpus.lesson else 0,
        "learned_lexical_share": float(torch.sigmoid(model.lexical_logit.detach())),
        "losses": losses,
        "held_out": measure(written, dev_sets),
        "seconds": round(time.monotonic() - started, 1),
    }


def write_mini(model: MiniModel, vocabulary: list[str], recipe: MiniRecipe, output: Path) -> SentenceTransformer:
    """Round the trained weights and write the folder that `SentenceTransformer` loads; return the model as written."""
    weights = NgramWeights.from_floats(
        model.table.detach().numpy(), model.lexical_weights(recipe.lexical_trust), bits=recipe.weight_bits
    )
    shares = dict.fromkeys(PROMPTS, recipe.retrieval_share) | {"none": recipe.similarity_share}
    config = NgramConfig(recipe.lexical_dim, recipe.hashes, recipe.max_words, shares, PROMPTS)
    module = NgramEmbedding(NgramModel(NgramLookup(vocabulary), weights, config))
    prompts = PROMPTS | {"document": PROMPTS["passage"]}
    output.mkdir(parents=True, exist_ok=True)
    written: SentenceTransformer = SentenceTransformer(modules=[module], device="cpu", prompts=prompts)
    written.save(str(output), create_model_card=False)
    (output / "recipe.json").write_text(json.dumps(asdict(recipe), ensure_ascii=False, indent=2) + "\n", "utf-8")
    return written


def _ask_teacher(
    pairs: Pairs, teacher: Path, recipe: MiniRecipe, rng: np.random.Generator, on_texts: OnProgress | None
) -> _Taught:
    texts, n_everyday = teacher_texts(
        pairs,
        max_chars=recipe.teacher_max_chars,
        n_sentences=recipe.teacher_sentences,
        n_words=recipe.teacher_words,
        rng=rng,
    )
    vectors = remembered_vectors(teacher, open_teacher(teacher), texts, on_progress=on_texts)
    if vectors.shape[1] != recipe.semantic_dim:
        raise ValueError(f"the teacher gives {vectors.shape[1]} numbers, the recipe wants {recipe.semantic_dim}")
    return _Taught(texts, vectors, n_everyday)


def _read_corpus(pairs: Pairs, taught: _Taught | None, recipe: MiniRecipe) -> Corpus:
    book = WordBook()
    query, passage, negative = (book.read(texts) for texts in (pairs.query, pairs.passage, pairs.negative))
    lesson = None if taught is None else Lesson(book.read(taught.texts), taught.vectors, taught.n_everyday)
    words = book.words
    counts = sum(np.bincount(part.values, minlength=len(words)) for part in (query, passage, negative))
    vocabulary = choose_vocabulary(words, np.asarray(counts), recipe.vocabulary, min_count=recipe.min_word_count)
    if not vocabulary:
        raise ValueError(f"no word occurs {recipe.min_word_count} times in the data: there is nothing to learn from")
    semantic, lexical = gram_tables(words, NgramLookup(vocabulary))
    return Corpus(
        query=query,
        passage=passage,
        negative=negative,
        query_key=_keys(pairs.query),
        passage_key=_keys(pairs.passage),
        groups=_group_rows(pairs.source, recipe.groups),
        lesson=lesson,
        vocabulary=vocabulary,
        semantic=semantic,
        lexical=lexical,
        n_words=len(words),
    )


def _keys(texts: list[str]) -> IntArray:
    """Number texts so that equal texts have equal numbers, (n,) int64."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _group_rows(source: list[str], groups: tuple[SourceGroup, ...]) -> tuple[tuple[SourceGroup, IntArray], ...]:
    """Return the groups that have rows, with their rows."""
    named = {name: group.name for group in groups for name in group.sources}
    rest = next((group.name for group in groups if not group.sources), "")
    owner = np.array([named.get(name, rest) for name in source])
    found = ((group, np.flatnonzero(owner == group.name)) for group in groups)
    return tuple((group, rows) for group, rows in found if len(rows) > 1)


class _Trainer:
    """Draws batches and takes steps."""

    def __init__(
        self,
        model: MiniModel,
        corpus: Corpus,
        recipe: MiniRecipe,
        rng: np.random.Generator,
        on_progress: OnProgress | None,
    ) -> None:
        self.model, self.corpus, self.recipe, self.rng = model, corpus, recipe, rng
        self._on_progress = on_progress
        self._warmup = recipe.warmup_steps if corpus.lesson else 0

    def warm_up(self) -> Iterator[dict[str, float]]:
        """Regress the semantic half on the teacher."""
        optimiser = torch.optim.Adam([self.model.table], lr=self.recipe.warmup_lr, fused=True)
        for step in range(self._warmup):
            _set_rates(optimiser, _ramp(step, self._warmup, up=10, floor=0.1))
            regression, similarity = self._teacher_losses(self.recipe.warmup_batch, single_words=0.2)
            _step(optimiser, regression + 10 * similarity)
            self._tell(step + 1)
            if step % _LOG_EVERY == 0 or step + 1 == self._warmup:
                yield {"step": step + 1, "regression": regression.item(), "similarity": similarity.item()}

    def contrast(self) -> Iterator[dict[str, float]]:
        """Teach both halves to find passages."""
        recipe = self.recipe
        lexical = [self.model.log_weights, self.model.log_query_weights]
        optimiser = torch.optim.Adam(
            [
                {"params": [self.model.table], "lr": recipe.lr},
                {"params": lexical, "lr": recipe.lexical_lr},
                {"params": [self.model.lexical_logit], "lr": recipe.lexical_lr / 2},
            ],
            fused=True,
        )
        for step in range(recipe.steps):
            _set_rates(optimiser, _ramp(step, recipe.steps, up=20, floor=0.05))
            both, semantic = self._pair_losses(self._draw_pairs())
            loss = both + recipe.semantic_loss * semantic
            if self.corpus.lesson:
                regression, similarity = self._teacher_losses(recipe.teacher_batch, single_words=0.1)
                loss = loss + recipe.similarity_loss * similarity + recipe.regression_loss * regression
            _step(optimiser, loss)
            self._tell(self._warmup + step + 1)
            if step % _LOG_EVERY == 0 or step + 1 == recipe.steps:
                yield {"step": self._warmup + step + 1, "contrastive": both.item(), "semantic": semantic.item()}

    def _tell(self, done: int) -> None:
        if self._on_progress:
            self._on_progress(done, self._warmup + self.recipe.steps)

    def _draw_pairs(self) -> IntArray:
        """Draw rows of one group, or now and then of all; no query and no passage twice."""
        groups = self.corpus.groups
        shares = np.array([group.share for group, _ in groups])
        shares = shares / shares.sum()
        group, pool = groups[int(self.rng.choice(len(groups), p=shares))]
        size = self.recipe.batch * group.batch_factor
        if self.rng.random() < self.recipe.mixed_batches:
            drawn = np.concatenate(
                [
                    self.rng.choice(each, min(len(each), max(1, int(size * share))), replace=False)
                    for (_, each), share in zip(groups, shares, strict=True)
                ]
            )
        else:
            drawn = self.rng.choice(pool, min(size, len(pool)), replace=False)
        for key in (self.corpus.passage_key, self.corpus.query_key):
            drawn = drawn[np.unique(key[drawn], return_index=True)[1]]
        return drawn

    def _pair_losses(self, rows: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the contrastive loss of the mix and that of the semantic half alone."""
        corpus, n = self.corpus, len(rows)
        with_negative = rows[corpus.negative.offsets[rows + 1] > corpus.negative.offsets[rows]][:_MAX_NEGATIVES]
        words = join(
            [
                bag(corpus.query, rows, corpus.n_words),
                bag(corpus.passage, rows, corpus.n_words, max_words=self.recipe.passage_words),
                bag(corpus.negative, with_negative, corpus.n_words),
            ]
        )
        semantic = self._semantic(words)
        lexical = self.model.lexical(lexical_batch(words, corpus.lexical, self.recipe), n_queries=n)
        semantic_scores, lexical_scores = semantic[:n] @ semantic[n:].T, lexical[:n] @ lexical[n:].T
        share = torch.sigmoid(self.model.lexical_logit)
        mix = share * lexical_scores + (1 - share) * semantic_scores
        both = contrastive_loss(2 * self.recipe.scale * mix, n)
        alone = torch.nn.functional.cross_entropy(self.recipe.scale * semantic_scores, torch.arange(n))
        return both, alone

    def _teacher_losses(self, size: int, *, single_words: float) -> tuple[torch.Tensor, torch.Tensor]:
        lesson = self.corpus.lesson
        if lesson is None:
            raise ValueError("there is no teacher")
        rows = self._draw_lesson(lesson, size, single_words)
        vectors = torch.from_numpy(lesson.vectors[rows].astype(np.float32))
        return teacher_losses(self._semantic(bag(lesson.texts, rows, self.corpus.n_words)), vectors)

    def _draw_lesson(self, lesson: Lesson, size: int, single_words: float) -> IntArray:
        shares = (_EVERYDAY_SHARE, single_words, 1 - _EVERYDAY_SHARE - single_words)
        drawn = [
            self.rng.choice(pool, int(size * share))
            for pool, share in zip(lesson.pools, shares, strict=True)
            if len(pool)
        ]
        return np.unique(np.concatenate(drawn))

    def _semantic(self, words: WordBag) -> torch.Tensor:
        return self.model.semantic(semantic_batch(words, self.corpus.semantic))


def _ramp(step: int, steps: int, *, up: int, floor: float) -> float:
    """Rise linearly over `up` steps and fall linearly to `floor` of the full rate at the end."""
    return min(1.0, (step + 1) / up) * (1 - (1 - floor) * step / steps)


def _set_rates(optimiser: torch.optim.Optimizer, factor: float) -> None:
    for group in optimiser.param_groups:
        group.setdefault("full_lr", group["lr"])
        group["lr"] = group["full_lr"] * factor


def _step(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
