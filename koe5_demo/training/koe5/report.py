"""What a run leaves: the model, its card and the report of what was trained, on what and how fast."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from koe5_demo.training.data.triplets import Triplets
from koe5_demo.training.koe5.card import card_text
from koe5_demo.training.koe5.place import Place
from koe5_demo.training.koe5.run_folder import REPORT_FILE, plain_values, write_json
from koe5_demo.training.koe5.trainer import RecipeTrainer
from koe5_demo.training.recipe import Run, departures
from koe5_demo.training.rounding import store_rounding


def build_report(
    run: Run, begun: dict[str, Any], trainer: RecipeTrainer, triplets: Triplets, *, seconds: float, n_steps: int
) -> dict[str, Any]:
    """Return what was trained, on what, how fast and to which loss; scores are not in it yet.

    Args:
        run: What was done.
        begun: What run.json records of it.
        trainer: The trainer, at its end.
        triplets: What was trained on.
        seconds: Time that this process trained.
        n_steps: Optimizer steps of this process.
    """
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    n_rows = n_steps * min(run.recipe.batch_size, triplets.report.n_kept)
    return {
        "recipe": plain_values(asdict(run.recipe)),
        "departures": plain_values(departures(run.recipe)),
        "data": plain_values(triplets.report.as_json()),
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


def save_results(run: Run, model: SentenceTransformer, report: dict[str, Any], place: Place) -> None:
    """Write model, card and report; the report comes last and says that the run is finished."""
    if place.rank == 0:
        if run.recipe.stored_bits is not None:
            store_rounding(model)
        model.save_pretrained(str(run.output), create_model_card=False)
        (run.output / "README.md").write_text(card_text(report), "utf-8")
    write_json(run.output / REPORT_FILE, report, place)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
