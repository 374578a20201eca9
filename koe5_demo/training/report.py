"""What a run leaves: the model, the report of what was trained, on what and how fast, and the card made of it."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any, Final

import torch
from sentence_transformers import SentenceTransformer

from koe5_demo.catalog import CATALOG
from koe5_demo.training.device import Device
from koe5_demo.training.recipe import WHEEL_BASE, WHEEL_BASE_MODEL, Run, departures
from koe5_demo.training.rounding import save_few_bits, store_rounding
from koe5_demo.training.run_folder import REPORT_FILE, plain_values, write_json
from koe5_demo.training.trainer import RecipeTrainer
from koe5_demo.training.triplets import Triplets


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
    report = {
        "recipe": asdict(run.recipe),
        "departures": departures(run.recipe),
        "data": asdict(triplets.report),
        "base_content": begun["base_content"],
        "device": begun["device_name"],
        "world": begun["world"],
        "dtype": "bfloat16" if begun["bf16"] else "float32",
        "mini_batch_size": run.mini_batch_size,
        "steps": trainer.state.global_step,
        "epochs_done": round(trainer.state.epoch or 0.0, 4),
        "seconds_of_this_process": round(seconds, 2),
        "steps_of_this_process": n_steps,
        "rows_per_second": round(n_rows / max(seconds, 1e-9), 2),
        "loss_first": losses[0] if losses else None,
        "loss_last": losses[-1] if losses else None,
        "output": str(run.output),
        "versions": {name: version(name) for name in ("sentence-transformers", "transformers", "torch", "datasets")},
    }
    return plain_values(report)


def save_results(run: Run, model: SentenceTransformer, base: Path, report: dict[str, Any], device: Device) -> None:
    """Write model, card and report; the report comes last and says that the run is finished."""
    if device.rank == 0:
        if run.recipe.stored_bits is None:
            model.save_pretrained(str(run.output), create_model_card=False)
        else:
            store_rounding(model)
            save_few_bits(model, base, run.output, run.recipe.stored_bits, run.recipe.word_bits)
        (run.output / "README.md").write_text(card_text(report), "utf-8")
    write_json(run.output / REPORT_FILE, report, device)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


CARD: Final = """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
language: [ko]
{base_model}tags: [sentence-transformers, sentence-similarity, feature-extraction, retrieval]
---

# A Korean retrieval model trained with KoE5's recipe

This is **not** KoE5 (`nlpai-lab/KoE5`) itself: it was trained with the published recipe of KoE5 by koe5_demo, on the
data and with the changes named below.

## Use

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
queries = model.encode([...], prompt={prompts[query]!r})
passages = model.encode([...], prompt={prompts[positive]!r})
scores = model.similarity(queries, passages)
```

## Training

| | |
|---|---|
{training}
## Data

`{source}`{revision}: {data[n_kept]:,} {kind} of {data[n_read]:,} rows; left out: {left_out}. SHA-256 of the rows in \
order: `{data[fingerprint]}`. Check the licence of the data before you publish the model: it is not recorded here.

## Evaluation

{evaluation}
## Limits

Text beyond {max_tokens} tokens, prefix included, is cut silently. Without the prompts the scores drop. Cosine \
similarities of different models cannot be compared.
"""
SCORES: Final = ("cosine_ndcg@1", "cosine_ndcg@3", "cosine_ndcg@10", "cosine_mrr@10", "cosine_recall@10")
ROWS_LEFT_OUT: Final = ("n_blank", "n_without_negative", "n_contradictions", "n_duplicates")


def card_text(report: dict[str, Any]) -> str:
    """Return the card in Markdown.

    Args:
        report: What `train_recipe` reports.
    """
    recipe, data = report["recipe"], report["data"]
    base_model = _base_model(recipe["base"])
    departures = "; ".join(f"{name} = {_shown(value)}" for name, value in report["departures"].items())
    training = (
        ("base", f"{_shown(recipe['base'])} @ {recipe['base_revision'] or report['base_content']}"),
        ("loss", f"{recipe['loss']}, scale {recipe['scale']:g}"),
        ("batch", f"{recipe['batch_size']}, no text twice in a batch, mini-batches of {report['mini_batch_size']}"),
        ("learning rate", f"{recipe['learning_rate']:g}, {recipe['warmup']:.0%} warm-up, then {recipe['schedule']}"),
        ("steps", f"{report['steps']:,}, {report['epochs_done']:.3g} passes over the data, seed {recipe['seed']}"),
        ("prompts in training", ", ".join(f"{name} `{text}`" for name, text in recipe["prompts"].items())),
        ("arithmetic", f"{report['dtype']}, master weights float32, {report['world']} x {report['device']}"),
        ("speed", f"{report['rows_per_second']:,.1f} rows/s"),
        ("loss, first and last logged", f"{_number(report['loss_first'])} -> {_number(report['loss_last'])}"),
        ("changes to the published values", departures or "none"),
        ("software", ", ".join(f"{name} {number}" for name, number in report["versions"].items())),
    )
    cells = [(name, text.replace("|", "\\|").replace("\n", " ")) for name, text in training]
    return CARD.format(
        base_model=f"base_model: {base_model}\n" if base_model else "",
        prompts=recipe["prompts"],
        training="".join(f"| {name} | {text} |\n" for name, text in cells),
        source=_shown(data["source"]),
        revision=f" @ {data['revision']}" if data["revision"] else "",
        data=data,
        kind="triplets" if data["has_negatives"] else "pairs (negatives are the other passages of a batch)",
        left_out=", ".join(f"{name.removeprefix('n_').replace('_', ' ')} {data[name]:,}" for name in ROWS_LEFT_OUT),
        evaluation=_scores(report.get("evaluation")),
        max_tokens=recipe["max_tokens"],
    )


def _base_model(base: str) -> str | None:
    """Return the base's id on the hub, or None: the hub refuses a card that names anything else."""
    if base == WHEEL_BASE:
        return WHEEL_BASE_MODEL
    if base in CATALOG:
        return CATALOG[base].hub_id
    name = base.partition("@")[0]
    return name if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).is_dir() else None


def _scores(evaluation: dict[str, Any] | None) -> str:
    if evaluation is None:
        return "None was made.\n"
    before, after = evaluation["before"] or {}, evaluation["after"]
    lines = "".join(
        f"| {name.removeprefix('cosine_')} | {_number(before.get(name))} | {_number(after.get(name))} |\n"
        for name in SCORES
    )
    return f"{evaluation['name']}, measured with the prompts above.\n\n| | before | after |\n|---|---|---|\n{lines}"


def _shown(value: Any) -> str:
    """Return a value for the card: a folder by its name alone, the rest of its path is nobody's business."""
    text = str(value)
    return PurePath(text).name if text.startswith((".", "/", "~")) or text.count("/") > 1 else text


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
