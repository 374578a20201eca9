"""The run: KoE5's recipe carried out by sentence-transformers' trainer, with checkpoints that resume exactly.

A run's folder holds the model itself (loadable by its path), `README.md` (the card), `run.json` (what was begun,
compared on resume), `report.json` (what came out), `checkpoints/` and `logs/` (TensorBoard).

Several GPUs: `torchrun --nproc_per_node=4 -m koe5_demo train ...` or `accelerate launch -m koe5_demo train ...`. The
batch of the recipe is shared among them, and each query still sees every passage of it (`gather_across_devices`); that
no text comes twice is then certain only within each device's share.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from datasets import Dataset
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
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback, set_seed
from transformers.integrations.integration_utils import TensorBoardCallback

from koe5_demo.encoding.loading import (
    Files,
    Source,
    fetch_files,
    find_source,
    local_files,
    refuse_foreign_code,
)
from koe5_demo.errors import HubError, InputError, ModelLoadError
from koe5_demo.records import Notice, OnProgress
from koe5_demo.settings import load_settings
from koe5_demo.training.card import card_text
from koe5_demo.training.data.columns import Columns
from koe5_demo.training.data.retrieval_set import RetrievalSet, load_retrieval_set
from koe5_demo.training.data.sources import is_hub_id
from koe5_demo.training.data.triplets import Negatives, Triplets, load_triplets
from koe5_demo.training.plan import (
    ASSUMED_SHARE,
    CPU_TFLOPS,
    GIB,
    SAMPLED_ROWS,
    Architecture,
    Device,
    Origin,
    Plan,
    TokenProfile,
    accelerator_named,
    assumed_profile,
    fit_mini_batch,
    guess_tokens,
    make_plan,
    memory_bytes,
    profile_lengths,
    read_architecture,
)
from koe5_demo.training.recipe import KOE5_RECIPE, Recipe, Run, TripletPrompts, departures

logger = logging.getLogger(__name__)

OnNotice = Callable[[Notice], None]

RUN_FILE: Final = "run.json"
REPORT_FILE: Final = "report.json"
CHECKPOINTS: Final = "checkpoints"
LOGS: Final = "logs"
STATE_FILES: Final = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "modules.json")
GPU_WORKERS: Final = 4
EVALUATION_BATCH: Final = 64
FREE_ON_RESUME: Final = ("output", "resume", "device", "log_steps", "keep_checkpoints", "workers")
"""Fields of a run that may change between its halves: they do not touch what is learned. (The device that "auto" and
the like stand for is compared by its name.)"""
NOT_COMPARED: Final = (*FREE_ON_RESUME, "before", "threads")


@dataclass(frozen=True)
class Place:
    """Where this process trains.

    Attributes:
        kind: cpu, cuda or mps.
        device: What the plan needs to know of it.
        rank: Number of this process among `device.world`.
        n_visible: GPUs that this process sees.
    """

    kind: str
    device: Device
    rank: int = 0
    n_visible: int = 0


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


class RecipeTrainer(SentenceTransformerTrainer):
    """The library's trainer without its own model card: `card` writes one from what was measured."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none: it would draw examples from the data and look for the base on the hub."""


def train_koe5(run: Run, *, on_progress: OnProgress | None = None, on_notice: OnNotice | None = None) -> dict[str, Any]:
    """Train, evaluate and save; or go on with a run that was cut off.

    Args:
        run: What to do.
        on_progress: Called with (optimizer steps done, all).
        on_notice: Called with what is worth telling while it runs: data left out, progress with time left, scores.

    Returns:
        The report, as written to report.json: recipe, data, device, speed, losses, scores before and after.

    Raises:
        DataError: If the training or evaluation data cannot be used.
        InputError: If the run does not fit the device or the folder, or differs from the one to resume.
        ModelLoadError: If the base cannot be had.
    """
    tell = on_notice or _tell_nobody
    place = find_place(run.device)
    if run.resume and (report := finished_report(run.output)) is not None:
        return report
    _refuse_taken_folder(run, place)
    files = base_files(run.recipe)
    benchmark = None if run.evaluation is None else load_retrieval_set(run.evaluation)
    triplets = load_run_data(run, benchmark)
    for notice in (*triplets.report.notices(), *_place_notices(place)):
        tell(notice)
    shape = read_architecture(files.folder)
    run = settle_mini_batch(run, shape, place)
    tell(_mini_batch_notice(run, shape, place))
    begun = _begun(run, triplets, place, files)
    checkpoint = _claim_folder(run, begun, place, tell)
    model = open_base(files, run.recipe)
    evaluator = None if benchmark is None else build_evaluator(benchmark, run.recipe.prompts)
    trainer = build_trainer(run, model, triplets, evaluator, place)
    trainer.add_callback(Progress(run.recipe.batch_size, on_progress, tell))
    if evaluator is not None and checkpoint is None:
        begun["before"] = _score(evaluator, model, place)
        _write(run.output / RUN_FILE, begun, place)
    # Whatever loading and measuring drew from the generators, the first step of every run starts from the seed.
    set_seed(run.recipe.seed)
    started, first_step = time.monotonic(), 0 if checkpoint is None else _step_of(checkpoint)
    _train(trainer, checkpoint, run)
    seconds = time.monotonic() - started
    report = _report(run, begun, trainer, triplets, seconds=seconds, n_steps=trainer.state.global_step - first_step)
    if evaluator is not None:
        report["evaluation"] = {
            "name": evaluator.name,
            "before": begun.get("before") or _stored_before(run.output),
            "after": _score(evaluator, model, place),
        }
    _save(run, model, report, place)
    return report


def plan_run(run: Run, *, rate_tflops: float | None = None) -> Plan:
    """Reckon what a run will take, without downloading anything and without touching a weight.

    Args:
        run: What would be done.
        rate_tflops: Measured rate of training in 10^12 operations a second; None takes an assumed one.

    Raises:
        DataError: If local training data cannot be used.
        InputError: If the device is not there or too small.
    """
    place = find_place(run.device, rate_tflops=rate_tflops)
    files = local_files(_base_source(run.recipe))
    folder = None if files is None else files.folder
    if folder is None and run.recipe.base != KOE5_RECIPE.base:
        run = replace(run, recipe=replace(run.recipe, base=f"{run.recipe.base} (shape of {KOE5_RECIPE.base})"))
    shape = read_architecture(folder)
    if is_hub_id(run.recipe.data):
        profile, rows, origin = assumed_profile(3), run.recipe.n_triplets, Origin.PUBLISHED
    else:
        triplets = load_run_data(run)
        sized = settle_mini_batch(run, shape, place)
        profile, rows, origin = _profile(triplets, sized, folder), triplets.report.n_kept, Origin.CHECKED
    return make_plan(run, shape, profile, place.device, rows=rows, rows_origin=origin)


def find_place(device: str, *, rate_tflops: float | None = None) -> Place:
    """Find the device to train on and what it can do.

    Args:
        device: auto, cpu, cuda or mps.
        rate_tflops: Measured rate of training in 10^12 operations a second, or None for an assumed one.

    Raises:
        InputError: If the device is not there.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    kind = there[0] if device == "auto" else device
    if kind not in there:
        raise InputError("train_no_device", device=device, valid=", ".join(["auto", *there]))
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if kind == "cuda":
        return _cuda_place(world, rank, rate_tflops)
    rate = CPU_TFLOPS if rate_tflops is None and kind == "cpu" else rate_tflops
    device_facts = Device(kind, tflops=rate, rate_origin=_rate_origin(rate_tflops), world=world)
    return Place(kind, device_facts, rank)


def base_files(recipe: Recipe) -> Files:
    """Return the base model's files, from this machine or from the hub at the pinned revision.

    Raises:
        UnknownModelError: If the name means nothing.
        HubError: If the files are not here and cannot be fetched.
    """
    try:
        return fetch_files(_base_source(recipe), timeout=load_settings().hub_timeout)
    except HubError as error:
        if error.key != "hub_unreachable":
            raise
        raise HubError("train_no_base", **error.values) from error


def open_base(files: Files, recipe: Recipe) -> SentenceTransformer:
    """Load the base in fp32, with the recipe's limit: the library's own model, whatever engine else serves it.

    Master weights stay fp32 whatever the arithmetic: at a rate of 1e-5 most updates are lost in bf16's 8 bits.

    Raises:
        ModelLoadError: If the files are broken, or need code that is not ours.
    """
    refuse_foreign_code(files)
    try:
        model: SentenceTransformer = SentenceTransformer(
            str(files.folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelLoadError("model_load_failed", name=recipe.base, reason=reason) from error
    own_limit = model.max_seq_length
    model.max_seq_length = recipe.max_tokens if own_limit is None else min(recipe.max_tokens, int(own_limit))
    return model


def load_run_data(run: Run, benchmark: RetrievalSet | None = None) -> Triplets:
    """Read and check the training data of a run."""
    queries = frozenset() if benchmark is None else frozenset(benchmark.queries.values())
    columns = None if run.columns is None else Columns(*run.columns)
    return load_triplets(
        run.recipe.data, columns=columns, negatives=Negatives(run.negatives), evaluation_queries=queries
    )


def settle_mini_batch(run: Run, shape: Architecture, place: Place) -> Run:
    """Return the run with a mini-batch that fits the device, unless it names one.

    Raises:
        InputError: If the batch cannot be shared equally by the devices, or not one text fits.
    """
    batch, world = run.recipe.batch_size, place.device.world
    if batch % world:
        raise InputError("train_batch_split", batch=batch, world=world)
    if run.mini_batch_size is not None:
        return replace(run, mini_batch_size=min(run.mini_batch_size, batch // world))
    return replace(run, mini_batch_size=fit_mini_batch(shape, place.device, batch // world, run.recipe.max_tokens))


def build_loss(model: SentenceTransformer, run: Run, *, world: int = 1) -> CachedMultipleNegativesRankingLoss:
    """Build the recipe's loss around a model."""
    kind = LengthSortedLoss if run.sort_by_length else CachedMultipleNegativesRankingLoss
    return kind(
        model, scale=run.recipe.scale, mini_batch_size=run.mini_batch_size or 1, gather_across_devices=world > 1
    )


def build_evaluator(benchmark: RetrievalSet, prompts: TripletPrompts) -> InformationRetrievalEvaluator:
    """Build the library's evaluator with the prompts of inference, given explicitly."""
    return InformationRetrievalEvaluator(
        benchmark.queries,
        benchmark.corpus,
        benchmark.relevant,
        name=benchmark.name,
        ndcg_at_k=[1, 3, 10],
        accuracy_at_k=[1, 3, 10],
        precision_recall_at_k=[1, 3, 10],
        batch_size=EVALUATION_BATCH,
        write_csv=False,
        query_prompt=prompts.query,
        corpus_prompt=prompts.positive,
    )


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
        train_dataset=Dataset(triplets.table),
        loss=build_loss(model, run, world=place.device.world),
        evaluator=evaluator,
        callbacks=_tensorboard(run, place),
    )
    # It would print to standard output, which belongs to the report.
    trainer.remove_callback(PrinterCallback)
    return trainer


def training_arguments(run: Run, place: Place, *, evaluated: bool) -> SentenceTransformerTrainingArguments:
    """Translate a run into the trainer's arguments."""
    recipe, on_gpu = run.recipe, place.kind == "cuda"
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
        bf16=place.device.bf16,
        use_cpu=place.kind == "cpu",
        prompts=recipe.prompts.by_column(),
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


class Progress(TrainerCallback):
    """Tells steps done, loss, speed and time left, and scores as they come.

    The methods have the signatures of the trainer's callbacks, used or not.
    """

    def __init__(self, batch_size: int, on_progress: OnProgress | None, tell: OnNotice) -> None:
        self._batch_size = batch_size
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
                    "left": _clock(per_step * (state.max_steps - state.global_step)),
                },
            )
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Tell a score."""
        for key, value in (kwargs.get("metrics") or {}).items():
            if key.endswith("_ndcg@10") and state.is_world_process_zero:
                name = key.removeprefix("eval_").removesuffix("_ndcg@10")
                self._tell(Notice("train_score", {"step": state.global_step, "name": name, "value": float(value)}))


def last_complete_checkpoint(folder: Path, world: int = 1) -> Path | None:
    """Return the newest checkpoint that was written to its end, or None.

    A run that is killed while it writes leaves half a checkpoint; the one before is then the one to go on from.
    """
    found = sorted(folder.glob("checkpoint-*"), key=_step_of, reverse=True)
    return next((path for path in found if _is_whole(path, world)), None)


def finished_report(output: Path) -> dict[str, Any] | None:
    """Return the report of a run that came to its end, or None."""
    return _read(output / REPORT_FILE)


def stored_run(output: Path) -> Run:
    """Return the run that was begun in a folder, to be resumed.

    Raises:
        InputError: If there is none.
    """
    stored = _read(output / RUN_FILE)
    if stored is None:
        raise InputError("train_nothing_to_resume", path=str(output), name=RUN_FILE)
    values = dict(stored["run"])
    recipe = dict(values.pop("recipe"))
    recipe["prompts"] = TripletPrompts(**recipe["prompts"])
    values["evaluation"] = None if values["evaluation"] is None else Path(values["evaluation"])
    values["columns"] = None if values["columns"] is None else tuple(values["columns"])
    return Run(Recipe(**recipe), **{**values, "output": output, "resume": True})


def _base_source(recipe: Recipe) -> Source:
    return find_source(recipe.base if recipe.base_revision is None else f"{recipe.base}@{recipe.base_revision}")


def _profile(triplets: Triplets, run: Run, folder: Path | None) -> TokenProfile:
    """Count the tokens of a sample of rows, with the base's tokenizer where it is at hand."""
    count: Callable[[list[str]], list[int]] = partial(guess_tokens, max_tokens=run.recipe.max_tokens)
    origin = Origin.GUESSED
    if folder is not None:
        count, origin = (
            partial(_count_tokens, AutoTokenizer.from_pretrained(folder), run.recipe.max_tokens),
            Origin.COUNTED,
        )
    n_rows = triplets.table.num_rows
    places = random.Random(run.recipe.seed).sample(range(n_rows), min(SAMPLED_ROWS, n_rows))  # noqa: S311
    sample = triplets.table.take(sorted(places))
    prompts = run.recipe.prompts.by_column()
    columns = [count([prompts[name] + text for text in sample[name].to_pylist()]) for name in sample.column_names]
    return profile_lengths(
        list(zip(*columns, strict=True)),
        mini_batch_size=run.mini_batch_size or 1,
        batch_size=run.recipe.batch_size,
        sorted_by_length=run.sort_by_length,
        origin=origin,
    )


def _count_tokens(tokenizer: Any, max_tokens: int, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]]


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


def _tell_nobody(_notice: Notice) -> None:
    """Swallow a notice: the caller asked for none."""


def _cuda_place(world: int, rank: int, rate_tflops: float | None) -> Place:
    index = int(os.environ.get("LOCAL_RANK", "0"))
    name = torch.cuda.get_device_name(index)
    free, _ = torch.cuda.mem_get_info(index)
    known = accelerator_named(name)
    assumed = None if known is None else ASSUMED_SHARE * known.tflops
    device = Device(
        name,
        free,
        torch.cuda.is_bf16_supported(including_emulation=False),
        assumed if rate_tflops is None else rate_tflops,
        _rate_origin(rate_tflops),
        world,
    )
    return Place("cuda", device, rank, torch.cuda.device_count())


def _rate_origin(measured: float | None) -> Origin:
    return Origin.RATE if measured is None else Origin.GIVEN


def _place_notices(place: Place) -> list[Notice]:
    notices = []
    if place.n_visible > 1 and place.device.world == 1:
        command = f"torchrun --nproc_per_node={place.n_visible} -m koe5_demo train ..."
        notices.append(Notice("train_notice_one_gpu", {"n": place.n_visible, "command": command}))
    if place.kind == "cuda" and not place.device.bf16:
        notices.append(Notice("train_notice_no_bf16", {"device": place.device.name}))
    return notices


def _mini_batch_notice(run: Run, shape: Architecture, place: Place) -> Notice:
    size = run.mini_batch_size or 1
    need = memory_bytes(shape, size, run.recipe.max_tokens, bf16=place.device.bf16) / GIB
    have = place.device.memory_bytes
    values = {"n": size, "need": need, "have": "?" if have is None else f"{have / GIB:.1f}"}
    return Notice("train_notice_mini_batch", values)


def _begun(run: Run, triplets: Triplets, place: Place, files: Files) -> dict[str, Any]:
    """Return what run.json records: everything that the weights depend on."""
    return {
        "run": _plain(asdict(run)),
        "data_fingerprint": triplets.report.fingerprint,
        "base_content": files.content,
        "device_name": place.device.name,
        "bf16": place.device.bf16,
        "world": place.device.world,
        "threads": torch.get_num_threads(),
    }


def _claim_folder(run: Run, begun: dict[str, Any], place: Place, tell: OnNotice) -> Path | None:
    """Write down what is begun, or check that what is resumed is the same; return the checkpoint to go on from.

    Raises:
        InputError: If there is no run to resume, or it is another one.
    """
    stored = _read(run.output / RUN_FILE)
    if not run.resume:
        _write(run.output / RUN_FILE, begun, place)
        return None
    if stored is None:
        raise InputError("train_nothing_to_resume", path=str(run.output), name=RUN_FILE)
    changes = _changes(stored, begun)
    if changes:
        raise InputError("train_resume_differs", changes="; ".join(changes))
    # On a CPU the number of threads decides the order of sums, and so the last bits.
    torch.set_num_threads(int(stored["threads"]))
    checkpoint = last_complete_checkpoint(run.output / CHECKPOINTS, place.device.world)
    if checkpoint is None:
        tell(Notice("train_notice_from_start"))
    else:
        tell(Notice("train_notice_resumed", {"step": _step_of(checkpoint)}))
    return checkpoint


def _refuse_taken_folder(run: Run, place: Place) -> None:
    taken = (run.output / RUN_FILE).exists() or (run.output / CHECKPOINTS).exists()
    if place.rank == 0 and taken and not run.resume:
        raise InputError("train_output_taken", path=str(run.output))


def _changes(stored: dict[str, Any], begun: dict[str, Any]) -> list[str]:
    """Return "name: old -> new" for everything that the weights depend on and that is not as it was."""
    old, new = _flat(stored), _flat(begun)
    names = [name for name in new if name.removeprefix("run.").split(".")[0] not in NOT_COMPARED]
    return [f"{name}: {old.get(name)} -> {new[name]}" for name in names if old.get(name) != new[name]]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat


def _tensorboard(run: Run, place: Place) -> list[TrainerCallback]:
    if place.rank != 0:
        return []
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(run.output / LOGS))
    make: Any = TensorBoardCallback
    return [make(writer)]


def _train(trainer: RecipeTrainer, checkpoint: Path | None, run: Run) -> None:
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except torch.OutOfMemoryError as error:
        raise InputError("train_out_of_memory", n=run.mini_batch_size) from error


def _score(evaluator: InformationRetrievalEvaluator, model: SentenceTransformer, place: Place) -> dict[str, float]:
    """Return the scores of a model, in the arithmetic that it is trained in."""
    with torch.autocast(place.kind, dtype=torch.bfloat16, enabled=place.device.bf16):
        scores = evaluator(model)
    return {key.removeprefix(f"{evaluator.name}_"): round(float(value), 6) for key, value in scores.items()}


def _report(
    run: Run, begun: dict[str, Any], trainer: RecipeTrainer, triplets: Triplets, *, seconds: float, n_steps: int
) -> dict[str, Any]:
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    n_rows = n_steps * min(run.recipe.batch_size, triplets.report.n_kept)
    return {
        "recipe": _plain(asdict(run.recipe)),
        "departures": _plain(departures(run.recipe)),
        "data": _plain(triplets.report.as_json()),
        "base_content": begun["base_content"],
        "device": begun["device_name"],
        "world": begun["world"],
        "dtype": "bfloat16" if begun["bf16"] else "float32",
        "mini_batch_size": run.mini_batch_size,
        "steps": trainer.state.global_step,
        "seconds_of_this_process": round(seconds, 2),
        "steps_of_this_process": n_steps,
        "rows_per_second": round(n_rows / max(seconds, 1e-9), 2),
        "loss_first": losses[0] if losses else None,
        "loss_last": losses[-1] if losses else None,
        "output": str(run.output),
        "versions": {name: version(name) for name in ("sentence-transformers", "transformers", "torch", "datasets")},
    }


def _save(run: Run, model: SentenceTransformer, report: dict[str, Any], place: Place) -> None:
    """Write model, card and report; the report comes last and says that the run is finished."""
    if place.rank == 0:
        model.save_pretrained(str(run.output), create_model_card=False)
        (run.output / "README.md").write_text(card_text(report), "utf-8")
    _write(run.output / REPORT_FILE, report, place)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _stored_before(output: Path) -> dict[str, float] | None:
    before: dict[str, float] | None = (_read(output / RUN_FILE) or {}).get("before")
    return before


def _is_whole(checkpoint: Path, world: int) -> bool:
    states = ["rng_state.pth"] if world == 1 else [f"rng_state_{rank}.pth" for rank in range(world)]
    # The state is written last of all, so one that can be read vouches for the files before it.
    return all((checkpoint / name).is_file() for name in (*STATE_FILES, *states)) and (
        _read(checkpoint / STATE_FILES[0]) is not None
    )


def _step_of(checkpoint: Path) -> int:
    digits = checkpoint.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else -1


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON would give them back: paths as text, tuples as lists."""
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str, ensure_ascii=False))
    return plain


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _write(path: Path, values: dict[str, Any], place: Place) -> None:
    """Write JSON whole or not at all: a run killed here must still be resumable.

    Raises:
        InputError: If the folder cannot be written.
    """
    if place.rank != 0:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".part")
        draft.write_text(json.dumps(values, ensure_ascii=False, indent=2, default=str), "utf-8")
        draft.replace(path)
    except OSError as error:
        raise InputError("output_failed", name=str(path), reason=str(error)) from error
