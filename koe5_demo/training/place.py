"""Where this process trains: the device, its share of the batch, and how many texts fit it at once."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch

from koe5_demo.errors import InputError
from koe5_demo.records import Notice
from koe5_demo.training.plan import (
    ASSUMED_SHARE,
    CPU_TFLOPS,
    GIB,
    Architecture,
    Device,
    Origin,
    accelerator_named,
    fit_mini_batch,
    memory_bytes,
)
from koe5_demo.training.recipe import Run


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
    bf16 = kind == "cpu" and torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - there is no public way
    device_facts = Device(kind, bf16=bf16, tflops=rate, rate_origin=_rate_origin(rate_tflops), world=world)
    return Place(kind, device_facts, rank)


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


def place_notices(place: Place) -> list[Notice]:
    """Return what whoever started the run should know of the device: GPUs left idle, no bf16."""
    notices = []
    if place.n_visible > 1 and place.device.world == 1:
        command = f"torchrun --nproc_per_node={place.n_visible} -m koe5_demo train ..."
        notices.append(Notice("train_notice_one_gpu", {"n": place.n_visible, "command": command}))
    if place.kind == "cuda" and not place.device.bf16:
        notices.append(Notice("train_notice_no_bf16", {"device": place.device.name}))
    return notices


def mini_batch_notice(run: Run, shape: Architecture, place: Place) -> Notice:
    """Return the notice of the mini-batch's size, the memory it needs and the memory there is."""
    size = run.mini_batch_size or 1
    need = memory_bytes(shape, size, run.recipe.max_tokens, bf16=place.device.bf16) / GIB
    have = place.device.memory_bytes
    values = {"n": size, "need": need, "have": "?" if have is None else f"{have / GIB:.1f}"}
    return Notice("train_notice_mini_batch", values)


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
