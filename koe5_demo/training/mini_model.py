"""The embedded model while it learns: float32 tables, batches of bags, losses. Inference: `encoding.ngram_model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from koe5_demo.encoding.ngram_model import project
from koe5_demo.training.mini_data import FloatArray, Ragged, WordBag
from koe5_demo.training.mini_recipe import MiniRecipe


@dataclass(frozen=True)
class SemanticBatch:
    """Texts for the learned table: n-grams of the batch's different words, then words of texts.

    Attributes:
        grams: (g,) rows of the learned table.
        gram_offsets: (u,) where each word begins in `grams`.
        gram_weights: (g,) one over the square root of the word's number of n-grams.
        words: (t,) positions among the u words.
        word_offsets: (n,) where each text begins in `words`.
        word_weights: (t,) square roots of counts.
    """

    grams: torch.Tensor
    gram_offsets: torch.Tensor
    gram_weights: torch.Tensor
    words: torch.Tensor
    word_offsets: torch.Tensor
    word_weights: torch.Tensor


@dataclass(frozen=True)
class LexicalBatch:
    """Texts for the hashed half, one entry per (text, word, n-gram).

    Attributes:
        buckets: (e,) whose weight it has.
        weights: (e,) square root of the word's count.
        texts: (e,) which text.
        coordinates: (e, hashes) where it adds.
        signs: (e, hashes) with which sign.
        n_texts: Number of texts.
    """

    buckets: torch.Tensor
    weights: torch.Tensor
    texts: torch.Tensor
    coordinates: torch.Tensor
    signs: torch.Tensor
    n_texts: int


def join(bags: Sequence[WordBag]) -> WordBag:
    """Put the texts of several bags one after another."""
    starts = np.cumsum([0, *(part.n_texts for part in bags)])
    return WordBag(
        np.concatenate([part.text + start for part, start in zip(bags, starts, strict=False)]),
        np.concatenate([part.word for part in bags]),
        np.concatenate([part.weight for part in bags]),
        int(starts[-1]),
    )


def semantic_batch(words: WordBag, grams: Ragged) -> SemanticBatch:
    """Look up the learned rows of a bag's words."""
    different, places = np.unique(words.word, return_inverse=True)
    rows, lengths = grams.take(different)
    shares = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    return SemanticBatch(
        grams=torch.from_numpy(rows.astype(np.int64)),
        gram_offsets=torch.from_numpy(np.cumsum(lengths) - lengths),
        gram_weights=torch.from_numpy(shares),
        words=torch.from_numpy(places),
        word_offsets=torch.from_numpy(np.searchsorted(words.text, np.arange(words.n_texts))),
        word_weights=torch.from_numpy(words.weight),
    )


def lexical_batch(words: WordBag, grams: Ragged, recipe: MiniRecipe) -> LexicalBatch:
    """Hash the n-grams of a bag's words."""
    hashes, lengths = grams.take(words.word)
    unsigned = hashes.astype(np.uint32)
    coordinates, signs = project(unsigned, recipe.lexical_dim, recipe.hashes)
    return LexicalBatch(
        buckets=torch.from_numpy((unsigned & np.uint32((1 << recipe.bucket_bits) - 1)).astype(np.int64)),
        weights=torch.from_numpy(np.repeat(words.weight, lengths)),
        texts=torch.from_numpy(np.repeat(words.text, lengths)),
        coordinates=torch.from_numpy(coordinates),
        signs=torch.from_numpy(signs),
        n_texts=words.n_texts,
    )


class MiniModel(nn.Module):
    """Parameters of the embedded model.

    Args:
        recipe: Shapes and the starting share of the lexical half.
        n_rows: Rows of the learned table.
        idf: (2**bucket_bits,) where the lexical weights start.
    """

    def __init__(self, recipe: MiniRecipe, n_rows: int, idf: FloatArray) -> None:
        super().__init__()
        self.lexical_dim = recipe.lexical_dim
        self.table = nn.Parameter(torch.randn(n_rows, recipe.semantic_dim) * 0.02)
        self.start: torch.Tensor
        self.register_buffer("start", torch.from_numpy(np.log(idf)), persistent=False)
        self.log_weights = nn.Parameter(self.start.clone())
        self.log_query_weights = nn.Parameter(torch.zeros(len(idf)))
        self.lexical_logit = nn.Parameter(torch.logit(torch.tensor(recipe.lexical_start)))

    def semantic(self, batch: SemanticBatch) -> torch.Tensor:
        """Return the unit semantic halves, (n, semantic_dim)."""
        words = functional.embedding_bag(
            batch.grams, self.table, batch.gram_offsets, mode="sum", per_sample_weights=batch.gram_weights
        )
        texts = functional.embedding_bag(
            batch.words, words, batch.word_offsets, mode="sum", per_sample_weights=batch.word_weights
        )
        return functional.normalize(texts, dim=1)

    def lexical(self, batch: LexicalBatch, *, n_queries: int) -> torch.Tensor:
        """Return the unit lexical halves, (n, lexical_dim); the first `n_queries` texts are queries."""
        logs = self.log_weights[batch.buckets]
        logs = logs + torch.where(batch.texts < n_queries, self.log_query_weights[batch.buckets], 0.0)
        weights = torch.exp(logs) * batch.weights
        sums = torch.zeros(batch.n_texts * self.lexical_dim)
        for column in range(batch.signs.shape[1]):
            places = batch.texts * self.lexical_dim + batch.coordinates[:, column]
            sums = sums.index_add(0, places, weights * batch.signs[:, column])
        return functional.normalize(sums.view(batch.n_texts, self.lexical_dim), dim=1)

    @torch.no_grad()
    def lexical_weights(self, trust: float) -> FloatArray:
        """Return (2, 2**bucket_bits) float32: weights in passages, weights in queries.

        Args:
            trust: 1 takes the weights as learned, 0 as they started; in between, the mean of their logarithms.
        """
        learned = torch.stack([self.log_weights, self.log_weights + self.log_query_weights])
        weights: FloatArray = (trust * learned + (1 - trust) * self.start).exp().numpy()
        return weights


def contrastive_loss(logits: torch.Tensor, n_pairs: int) -> torch.Tensor:
    """Pick the right passage for every query and the right query for every passage, averaged.

    Args:
        logits: (n_pairs, n_pairs + negatives); the answer of row i is column i.
        n_pairs: Number of pairs.
    """
    target = torch.arange(n_pairs)
    forward = functional.cross_entropy(logits, target)
    return (forward + functional.cross_entropy(logits[:, :n_pairs].T, target)) / 2


def teacher_losses(
    student: torch.Tensor, teacher: torch.Tensor, *, most_compared: int = 1024
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compare unit vectors with the teacher's.

    Args:
        student: (n, dim).
        teacher: (n, dim).
        most_compared: The similarity matrices are of at most so many of the texts, evenly spread: their cost grows
            with the square, what they teach does not.

    Returns:
        One minus the mean cosine (zero-width difference: both must have the teacher's width), and the mean square
        difference of the two similarity matrices.
    """
    regression = 1 - (student * teacher).sum(dim=1).mean()
    stride = -(-len(student) // most_compared)
    student, teacher = student[::stride], teacher[::stride]
    similarity = (student @ student.T - teacher @ teacher.T).square().mean()
    return regression, similarity
