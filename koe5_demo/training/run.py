"""The run: KoE5's recipe carried out by sentence-transformers' trainer, with checkpoints that resume exactly.

Several GPUs: `torchrun --nproc_per_node=4 -m koe5_demo train ...` or `accelerate launch -m koe5_demo train ...`. The
batch of the recipe is shared among them, and each query still sees every passage of it (`gather_across_devices`); that
no text comes twice is then certain only within each device's share.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import set_seed

from koe5_demo.errors import InputError
from koe5_demo.records import Notice, OnProgress
from koe5_demo.training.base import average_with_base, base_files, open_base
from koe5_demo.training.device import (
    device_notices,
    find_device,
    mini_batch_notice,
    read_architecture,
    settle_mini_batch,
)
from koe5_demo.training.evaluation import build_evaluator, load_retrieval_set, score
from koe5_demo.training.parts import fit_parts, hold_out
from koe5_demo.training.recipe import Run
from koe5_demo.training.report import build_report, save_results
from koe5_demo.training.run_folder import (
    REPORT_FILE,
    RUN_FILE,
    OnNotice,
    claim_folder,
    gather_facts,
    read_json,
    refuse_taken_folder,
    step_of,
    write_json,
)
from koe5_demo.training.trainer import Progress, build_trainer
from koe5_demo.training.triplets import load_run_data
from koe5_demo.training.vocabulary import cut_vocabulary


def train_recipe(
    run: Run, *, on_progress: OnProgress | None = None, on_notice: OnNotice | None = None
) -> dict[str, Any]:
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
    device = find_device(run.device)
    if run.resume and (report := read_json(run.output / REPORT_FILE)) is not None:
        return report
    refuse_taken_folder(run, device)
    files = base_files(run.recipe)
    benchmark = None if run.evaluation is None else load_retrieval_set(run.evaluation)
    fitted = fit_parts(run)
    if fitted != run:
        tell(Notice("train_notice_no_parts", {"data": run.recipe.data}))
    run = fitted
    triplets = load_run_data(run, frozenset() if benchmark is None else frozenset(benchmark.queries.values()))
    for notice in (*triplets.report.notices(), *device_notices(device)):
        tell(notice)
    triplets, held_out = hold_out(triplets, run.recipe.held_out)
    files = cut_vocabulary(files, run.recipe, triplets, run.output / "base")
    shape = read_architecture(files.folder)
    run = settle_mini_batch(run, shape, device)
    tell(mini_batch_notice(run, shape, device))
    begun = gather_facts(run, triplets, device, files)
    checkpoint = claim_folder(run, begun, device, tell)
    model = open_base(files, run.recipe, device)
    evaluator = None if benchmark is None else build_evaluator(benchmark, run.recipe.prompts)
    trainer = build_trainer(run, model, triplets, evaluator, device)
    trainer.add_callback(Progress(on_progress, tell))
    if evaluator is not None and checkpoint is None:
        begun["before"] = score(evaluator, model, device)
        write_json(run.output / RUN_FILE, begun, device)
    # Whatever loading and measuring drew from the generators, the first step of every run starts from the seed.
    set_seed(run.recipe.seed)
    started, first_step = time.monotonic(), 0 if checkpoint is None else step_of(checkpoint)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except torch.OutOfMemoryError as error:
        raise InputError("train_out_of_memory", n=run.mini_batch_size) from error
    average_with_base(model, files, run.recipe)
    seconds = time.monotonic() - started
    report = build_report(
        run, begun, trainer, triplets, seconds=seconds, n_steps=trainer.state.global_step - first_step
    )
    if evaluator is not None:
        report["evaluation"] = {
            "name": evaluator.name,
            "before": begun.get("before"),
            "after": score(evaluator, model, device),
        }
    if held_out:
        report["held_out"] = {
            found.name: score(build_evaluator(found, run.recipe.prompts), model, device) for found in held_out
        }
    save_results(run, model, files.folder, report, device)
    return report


def _tell_nobody(_notice: Notice) -> None:
    """Swallow a notice: the caller asked for none."""
