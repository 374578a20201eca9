"""The library's trainer with the recipe's data, loss, batches and arguments."""

from __future__ import annotations

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
from transformers import PrinterCallback, TrainerCallback
from transformers.integrations.integration_utils import TensorBoardCallback

from koe5_demo.training.data.parts import split_parts
from koe5_demo.training.data.triplets import Triplets
from koe5_demo.training.koe5.loss import build_loss
from koe5_demo.training.koe5.place import Place
from koe5_demo.training.koe5.run_folder import CHECKPOINTS, LOGS
from koe5_demo.training.recipe import Recipe, Run

GPU_WORKERS: Final = 4


class RecipeTrainer(SentenceTransformerTrainer):
    """The library's trainer without its own model card: `card` writes one from what was measured."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none: it would draw examples from the data and look for the base on the hub."""


def build_trainer(
    run: Run,
    model: SentenceTransformer,
    triplets: Triplets,
    evaluator: InformationRetrievalEvaluator | None,
    place: Place,
) -> RecipeTrainer:
    """Put model, data, loss and arguments together."""
    prompts = run.recipe.prompts
    model.prompts = {"query": prompts.query, "passage": prompts.positive, "document": prompts.positive}
    model.model_card_data = SentenceTransformerModelCardData(local_files_only=True, tags=["generated_from_trainer"])
    model.model_card_data.register_model(model)
    trainer: RecipeTrainer = RecipeTrainer(
        model=model,
        args=training_arguments(run, place, evaluated=evaluator is not None),
        train_dataset=training_set(triplets, run.recipe),
        loss=build_loss(model, run, world=place.device.world),
        evaluator=evaluator,
        callbacks=_tensorboard(run, place),
    )
    # It would print to standard output, which belongs to the report.
    trainer.remove_callback(PrinterCallback)
    return trainer


def training_arguments(run: Run, place: Place, *, evaluated: bool) -> SentenceTransformerTrainingArguments:
    """Translate a run into the trainer's arguments."""
    recipe, on_gpu, on_cpu = run.recipe, place.kind == "cuda", place.kind == "cpu"
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(run.output / CHECKPOINTS),
        num_train_epochs=recipe.epochs,
        max_steps=run.max_steps or -1,
        per_device_train_batch_size=recipe.batch_size // place.device.world,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        full_determinism=run.deterministic,
        bf16=place.device.bf16 and not on_cpu,  # on a CPU the matrices themselves compute in it
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
    if place.device.world == 1 and place.n_visible > 1:
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


def no_duplicates(
    dataset: Any,
    *,
    batch_size: int,
    drop_last: bool,
    valid_label_columns: list[str] | None = None,
    generator: torch.Generator | None = None,
    seed: int = 0,
    run_seed: int,
) -> NoDuplicatesBatchSampler:
    """Build the sampler whose batches hold no text twice: a positive of another row would count as a negative.

    The trainer passes no seed to a sampler, so that every run would see the same order; `run_seed` mends that.
    """
    del seed
    return NoDuplicatesBatchSampler(
        dataset,
        batch_size=batch_size,
        drop_last=drop_last,
        valid_label_columns=valid_label_columns,
        generator=generator,
        seed=run_seed,
    )


def _tensorboard(run: Run, place: Place) -> list[TrainerCallback]:
    if place.rank != 0:
        return []
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(run.output / LOGS))
    make: Any = TensorBoardCallback
    return [make(writer)]
