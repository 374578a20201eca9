"""Draws batches for the embedded model and takes steps: first after the teacher, then to find passages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from koe5_demo.encoding.ngram_lookup import IntArray
from koe5_demo.records import OnProgress
from koe5_demo.training.mini_corpus import Corpus, Lesson
from koe5_demo.training.mini_data import WordBag, bag
from koe5_demo.training.mini_model import (
    MiniModel,
    contrastive_loss,
    join,
    lexical_batch,
    semantic_batch,
    teacher_losses,
)
from koe5_demo.training.mini_recipe import MiniRecipe

_MAX_NEGATIVES = 200
_LOG_EVERY = 20
_EVERYDAY_SHARE = 0.35


class Trainer:
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
