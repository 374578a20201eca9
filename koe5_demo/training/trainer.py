"""The library's trainer with the recipe's data, loss, batches and arguments, and what it tells while it trains."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import torch
from datasets import Dataset, DatasetDict
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerModelCardData,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback
from transformers.integrations.integration_utils import TensorBoardCallback

from koe5_demo.records import Notice, OnProgress
from koe5_demo.training.device import Device
from koe5_demo.training.parts import split_parts
from koe5_demo.training.recipe import Recipe, Run
from koe5_demo.training.rounding import forget_rounding
from koe5_demo.training.run_folder import CHECKPOINTS, LOGS, OnNotice
from koe5_demo.training.triplets import Triplets

GPU_WORKERS: Final = 4


class RecipeTrainer(SentenceTransformerTrainer):
    """The library's trainer without its own model card: `card` writes one from what was measured."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none: it would draw examples from the data and look for the base on the hub."""


class _RoundingKept(TrainerCallback):  # type: ignore[misc] # transformers is not read by mypy
    """Has the matrices rounded anew whenever the weights have moved: by a step, or by a checkpoint that was read."""

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Before the first step."""
        forget_rounding(self._model)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """After the optimizer, before an evaluation."""
        forget_rounding(self._model)


def build_trainer(
    run: Run,
    model: SentenceTransformer,
    triplets: Triplets,
    evaluator: InformationRetrievalEvaluator | None,
    device: Device,
) -> RecipeTrainer:
    """Put model, data, loss and arguments together."""
    prompts = run.recipe.prompts
    model.prompts = {"query": prompts.query, "passage": prompts.positive, "document": prompts.positive}
    model.model_card_data = SentenceTransformerModelCardData(local_files_only=True, tags=["generated_from_trainer"])
    model.model_card_data.register_model(model)
    kind = LengthSortedLoss if run.sort_by_length else CachedMultipleNegativesRankingLoss
    loss = kind(
        model,
        scale=run.recipe.scale,
        mini_batch_size=run.mini_batch_size or 1,
        gather_across_devices=device.world > 1,
    )
    trainer: RecipeTrainer = RecipeTrainer(
        model=model,
        args=training_arguments(run, device, evaluated=evaluator is not None),
        train_dataset=training_set(triplets, run.recipe),
        loss=loss,
        evaluator=evaluator,
    )
    if device.rank == 0:
        from torch.utils.tensorboard import SummaryWriter

        writer: Any = SummaryWriter(str(run.output / LOGS))
        trainer.add_callback(TensorBoardCallback(writer))
    trainer.add_callback(_RoundingKept(model))
    # It would print to standard output, which belongs to the report.
    trainer.remove_callback(PrinterCallback)
    return trainer


def training_arguments(run: Run, device: Device, *, evaluated: bool) -> SentenceTransformerTrainingArguments:
    """Translate a run into the trainer's arguments."""
    recipe, on_gpu, on_cpu = run.recipe, device.kind == "cuda", device.kind == "cpu"
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(run.output / CHECKPOINTS),
        num_train_epochs=recipe.epochs,
        max_steps=run.max_steps or -1,
        per_device_train_batch_size=recipe.batch_size // device.world,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        full_determinism=run.deterministic,
        bf16=device.bf16 and not on_cpu,  # on a CPU the matrices themselves compute in it
        use_cpu=on_cpu,
        prompts=training_prompts(recipe),
        batch_sampler=partial(no_duplicates, run_seed=recipe.seed),
        eval_strategy="steps" if evaluated else "no",
        eval_steps=run.save_steps,
        save_strategy="steps",
        save_steps=run.save_steps,
        save_total_limit=run.keep_checkpoints,
        logging_steps=run.log_steps,
        logging_first_step=True,
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=(GPU_WORKERS if on_gpu else 0) if run.workers is None else run.workers,
        dataloader_pin_memory=on_gpu,
    )
    if device.world == 1 and device.n_visible > 1:
        # Else the trainer would spread the batch with DataParallel, which the cached loss knows nothing of.
        arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - there is no public way
    return arguments


def training_set(triplets: Triplets, recipe: Recipe) -> Dataset | DatasetDict:
    """Return the rows as the trainer wants them: one set, or one for each part, whose batches it mixes."""
    if not recipe.parts:
        return Dataset(triplets.table)
    return DatasetDict({name: Dataset(table) for name, table in split_parts(triplets, recipe).items()})


def training_prompts(recipe: Recipe) -> dict[str, Any]:
    """Return the prefix of each column, for each part where there are parts."""
    if not recipe.parts:
        return dict(recipe.prompts.by_column())
    return {part.name: part.prompts(recipe.prompts) for part in recipe.parts}


def no_duplicates(dataset: Dataset, *, run_seed: int, **given: Any) -> NoDuplicatesBatchSampler:
    """Build the sampler whose batches hold no text twice: a positive of another row would count as a negative.

    The trainer passes no seed to a sampler, so that every run would see the same order; `run_seed` mends that.
    """
    return NoDuplicatesBatchSampler(dataset, **given | {"seed": run_seed})


class LengthSortedLoss(CachedMultipleNegativesRankingLoss):
    """The cached loss with each column embedded in order of length, longest first.

    Texts of like length share a mini-batch, so that less padding is computed, and the largest mini-batch comes first:
    what fits then, fits always. Embeddings return to their rows before the loss is taken: it is the same sum. Only the
    draws of dropout fall on other rows.
    """

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Compute the loss of a batch; see the parent."""
        features = list(sentence_features)
        self._orders = [
            feature["attention_mask"].sum(dim=1).argsort(descending=True, stable=True) for feature in features
        ]
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
                if row.grad is not None:
                    pieces = torch.split(row.grad[order], [len(part) for part in column])
                    for part, piece in zip(column, pieces, strict=True):
                        part.grad = piece
        return loss


def _reordered(feature: dict[str, Any], order: Tensor) -> dict[str, Any]:
    return {
        key: value[order] if isinstance(value, Tensor) and value.dim() > 0 and len(value) == len(order) else value
        for key, value in feature.items()
    }


class Progress(TrainerCallback):  # type: ignore[misc] # transformers is not read by mypy
    """Tells steps done, loss, speed and time left, and scores as they come.

    The methods have the signatures of the trainer's callbacks, used or not.
    """

    def __init__(self, on_progress: OnProgress | None, tell: OnNotice) -> None:
        self._on_progress = on_progress
        self._tell = tell
        self._first_step = 0
        self._busy_since = 0.0
        self._busy = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Start counting at the step that a resumed run starts from."""
        self._first_step = state.global_step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Start the clock of a step: evaluations and checkpoints are not part of a step's time."""
        self._busy_since = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Stop the clock and report the step."""
        self._busy += time.monotonic() - self._busy_since
        if self._on_progress is not None and state.is_world_process_zero:
            self._on_progress(state.global_step, state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Tell a line of progress."""
        logs = kwargs.get("logs") or {}
        if not state.is_world_process_zero or "loss" not in logs:
            return
        per_step = self._busy / max(1, state.global_step - self._first_step)
        self._tell(
            Notice(
                "train_progress",
                {
                    "step": state.global_step,
                    "steps": state.max_steps,
                    "loss": f"{float(logs['loss']):.4f}",
                    "per_step": per_step,
                    "left": str(timedelta(seconds=round(per_step * (state.max_steps - state.global_step)))),
                },
            )
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Tell a score."""
        for key, value in (kwargs.get("metrics") or {}).items():
            if key.endswith("_ndcg@10") and state.is_world_process_zero:
                name = key.removeprefix("eval_").removesuffix("_ndcg@10")
                self._tell(Notice("train_score", {"step": state.global_step, "name": name, "value": float(value)}))
