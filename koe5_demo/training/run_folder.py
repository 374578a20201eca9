"""A run's folder: what was begun there, whether it may be gone on with, and from which checkpoint.

It holds the model itself (loadable by its path), `README.md` (the card), `run.json` (what was begun, compared on
resume), `report.json` (what came out), `checkpoints/` and `logs/` (TensorBoard).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch

from koe5_demo.encoding.opening import Files
from koe5_demo.errors import InputError
from koe5_demo.records import Notice
from koe5_demo.training.device import Device
from koe5_demo.training.recipe import HeldOut, Part, Recipe, Run, TripletPrompts
from koe5_demo.training.triplets import Triplets
from koe5_demo.whole_files import whole_file

OnNotice = Callable[[Notice], None]

RUN_FILE: Final = "run.json"
REPORT_FILE: Final = "report.json"
CHECKPOINTS: Final = "checkpoints"
LOGS: Final = "logs"
STATE_FILES: Final = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "modules.json")
FREE_ON_RESUME: Final = ("output", "resume", "device", "log_steps", "keep_checkpoints", "workers")
"""Fields of a run that may change between its halves: they do not touch what is learned. (The device that "auto" and
the like stand for is compared by its name.)"""
NOT_COMPARED: Final = (*FREE_ON_RESUME, "before", "threads")


def refuse_taken_folder(run: Run, device: Device) -> None:
    """Check that a new run does not overwrite another.

    Raises:
        InputError: If the folder holds a run and is not to be resumed.
    """
    taken = (run.output / RUN_FILE).exists() or (run.output / CHECKPOINTS).exists()
    if device.rank == 0 and taken and not run.resume:
        raise InputError("train_output_taken", path=str(run.output))


def claim_folder(run: Run, begun: dict[str, Any], device: Device, tell: OnNotice) -> Path | None:
    """Write down what is begun, or check that what is resumed is the same; return the checkpoint to go on from.

    Raises:
        InputError: If there is no run to resume, or it is another one.
    """
    stored = read_json(run.output / RUN_FILE)
    if not run.resume:
        write_json(run.output / RUN_FILE, begun, device)
        return None
    if stored is None:
        raise InputError("train_nothing_to_resume", path=str(run.output), name=RUN_FILE)
    old, new = _flat(stored), _flat(begun)
    compared = [name for name in new if name.removeprefix("run.").split(".")[0] not in NOT_COMPARED]
    changes = [f"{name}: {old.get(name)} -> {new[name]}" for name in compared if old.get(name) != new[name]]
    if changes:
        raise InputError("train_resume_differs", changes="; ".join(changes))
    begun["before"] = stored.get("before")
    # On a CPU the number of threads decides the order of sums, and so the last bits.
    begun["threads"] = stored["threads"]
    torch.set_num_threads(int(stored["threads"]))
    checkpoint = last_complete_checkpoint(run.output / CHECKPOINTS, device.world)
    if checkpoint is None:
        tell(Notice("train_notice_from_start"))
    else:
        tell(Notice("train_notice_resumed", {"step": step_of(checkpoint)}))
    return checkpoint


def gather_facts(run: Run, triplets: Triplets, device: Device, files: Files) -> dict[str, Any]:
    """Return what run.json records: everything that the weights depend on."""
    return {
        "run": plain_values(asdict(run)),
        "data_fingerprint": triplets.report.fingerprint,
        "base_content": files.content,
        "device_name": device.name,
        "bf16": device.bf16,
        "world": device.world,
        "threads": torch.get_num_threads(),
    }


def stored_run(output: Path) -> Run:
    """Return the run that was begun in a folder, to be resumed.

    Raises:
        InputError: If there is none.
    """
    stored = read_json(output / RUN_FILE)
    if stored is None:
        raise InputError("train_nothing_to_resume", path=str(output), name=RUN_FILE)
    values = dict(stored["run"])
    recipe = dict(values.pop("recipe"))
    recipe["prompts"] = TripletPrompts(**recipe["prompts"])
    recipe["parts"] = tuple(Part(**{**part, "sources": tuple(part["sources"])}) for part in recipe["parts"])
    recipe["held_out"] = tuple(HeldOut(**held) for held in recipe["held_out"])
    values["evaluation"] = None if values["evaluation"] is None else Path(values["evaluation"])
    values["columns"] = None if values["columns"] is None else tuple(values["columns"])
    return Run(Recipe(**recipe), **{**values, "output": output, "resume": True})


def last_complete_checkpoint(folder: Path, world: int = 1) -> Path | None:
    """Return the newest checkpoint that was written to its end, or None.

    A run that is killed while it writes leaves half a checkpoint; the one before is then the one to go on from.
    """
    names = [*STATE_FILES, *(["rng_state.pth"] if world == 1 else [f"rng_state_{rank}.pth" for rank in range(world)])]
    for path in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        # The state is written last of all, so one that can be read vouches for the files before it.
        if all((path / name).is_file() for name in names) and read_json(path / STATE_FILES[0]) is not None:
            return path
    return None


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written, by its name; -1 where that has none."""
    digits = checkpoint.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else -1


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON would give them back: paths as text, tuples as lists."""
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str, ensure_ascii=False))
    return plain


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a file holds, or None where there is none or a broken one."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(path: Path, values: dict[str, Any], device: Device) -> None:
    """Write JSON whole or not at all: a run killed here must still be resumable.

    Raises:
        InputError: If the folder cannot be written.
    """
    if device.rank != 0:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(json.dumps(values, ensure_ascii=False, indent=2, default=str).encode())
    except OSError as error:
        raise InputError("output_failed", name=str(path), reason=str(error)) from error


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat
