"""The recipe's loss: the library's cached loss, with texts of like length in one mini-batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from torch import Tensor

from koe5_demo.training.recipe import Run


class LengthSortedLoss(CachedMultipleNegativesRankingLoss):
    """The cached loss with each column embedded in order of length, longest first.

    Texts of like length share a mini-batch, so that less padding is computed, and the largest mini-batch comes first:
    what fits then, fits always. Embeddings return to their rows before the loss is taken: it is the same sum. Only the
    draws of dropout fall on other rows.
    """

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch; see the parent."""
        features = list(sentence_features)
        self._orders = [_longest_first(feature) for feature in features]
        ordered = [_reordered(feature, order) for feature, order in zip(features, self._orders, strict=True)]
        loss: Tensor = self.forward_cached(ordered, labels)
        return loss

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Compute the loss from embeddings in order of length, and leave their gradients where the parent expects them.

        The parent goes back chunk by chunk, so the rows are put in place on detached copies, whose gradients are handed
        on: a graph through the reordering could be walked only once.
        """
        rows = [
            torch.cat(column).detach()[order.argsort()].requires_grad_(with_backward)
            for column, order in zip(reps, self._orders, strict=True)
        ]
        loss: Tensor = super().calculate_loss([[row] for row in rows], labels, with_backward=with_backward)
        if with_backward:
            for column, row, order in zip(reps, rows, self._orders, strict=True):
                _hand_on(column, row.grad, order)
        return loss


def build_loss(model: SentenceTransformer, run: Run, *, world: int = 1) -> CachedMultipleNegativesRankingLoss:
    """Build the recipe's loss around a model."""
    kind = LengthSortedLoss if run.sort_by_length else CachedMultipleNegativesRankingLoss
    return kind(
        model, scale=run.recipe.scale, mini_batch_size=run.mini_batch_size or 1, gather_across_devices=world > 1
    )


def _longest_first(feature: dict[str, Tensor]) -> Tensor:
    return feature["attention_mask"].sum(dim=1).argsort(descending=True, stable=True)


def _reordered(feature: dict[str, Any], order: Tensor) -> dict[str, Any]:
    return {
        key: value[order] if isinstance(value, Tensor) and value.dim() > 0 and len(value) == len(order) else value
        for key, value in feature.items()
    }


def _hand_on(column: list[Tensor], gradient: Tensor | None, order: Tensor) -> None:
    """Split the gradient of a column's rows among its mini-batches; None, where the loss used none, stays None."""
    if gradient is None:
        return
    for part, piece in zip(column, torch.split(gradient[order], [len(part) for part in column]), strict=True):
        part.grad = piece
