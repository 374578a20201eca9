"""The device that this process trains on: what it can do, its share of the batch, and how many texts fit it at once.

Memory that training needs: weights, gradients and AdamW's two moments in fp32 (16 bytes a parameter), bf16 copies of
the matrices, and the activations of one mini-batch, all its texts at the longest length.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from koe5_demo.errors import DataError, InputError
from koe5_demo.records import Notice
from koe5_demo.training.recipe import Run

GIB: Final = 1 << 30
MAKERS_TFLOPS: Final = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "RTX 4090": 165}
"""Devices that people rent: dense bf16 TFLOP/s as their makers state them."""
ASSUMED_SHARE: Final = 0.4
"""Share of the maker's figure that training of this size commonly reaches; replace it by a measurement."""
CPU_TFLOPS: Final = 0.1
"""fp32 rate of a few laptop cores: to show that a CPU is no place for the full recipe."""
ACTIVATION_BYTES_FP32: Final = 96
ACTIVATION_BYTES_BF16: Final = 86
"""Bytes kept for the backward pass per token, layer and unit of width; measured with saved-tensor hooks on an
XLM-RoBERTa layer with dropout on a CPU. GPU kernels keep less (masks of one byte), so this is on the safe side."""
OVERHEAD_BYTES: Final = int(1.5 * GIB)
"""Context, workspaces and the allocator's gaps."""
USABLE_SHARE: Final = 0.9
LARGEST_MINI_BATCH: Final = 128
"""More texts at once bring no speed on any device at hand, only memory and padding."""
CPU_MINI_BATCH: Final = 16


@dataclass(frozen=True)
class Architecture:
    """Shape of a BERT-like encoder. The defaults are multilingual-e5-large's (XLM-RoBERTa-large)."""

    layers: int = 24
    hidden: int = 1024
    intermediate: int = 4096
    vocabulary: int = 250_002
    positions: int = 514

    @property
    def matrix_parameters(self) -> int:
        """Return the weights of the matrix products: four projections and two of the feed-forward block a layer."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)

    @property
    def parameters(self) -> int:
        """Return all weights: matrices, biases, norms, embeddings (one token type) and the pooler."""
        biases_and_norms = self.layers * (9 * self.hidden + self.intermediate)
        embeddings = (self.vocabulary + self.positions + 1) * self.hidden + 2 * self.hidden
        return self.matrix_parameters + biases_and_norms + embeddings + self.hidden**2 + self.hidden

    def forward_flop(self, tokens: float, length: float) -> float:
        """Return the FLOP of a forward pass over `tokens` in texts of `length` tokens."""
        return tokens * (2 * self.matrix_parameters + 4 * self.layers * self.hidden * length)


@dataclass(frozen=True)
class Device:
    """Where this process trains.

    Attributes:
        name: For people.
        memory_bytes: What is free of it, or None where it does not matter.
        bf16: Whether matrix products run in bf16.
        tflops: Rate to reckon with, 10^12 operations a second, or None when unknown.
        kind: cpu, cuda or mps.
        world: Number of devices that share a batch, each with a process of its own.
        rank: Number of this process among them.
        n_visible: GPUs that this process sees.
    """

    name: str
    memory_bytes: int | None = None
    bf16: bool = False
    tflops: float | None = None
    kind: str = "cpu"
    world: int = 1
    rank: int = 0
    n_visible: int = 0


def find_device(wish: str) -> Device:
    """Find the device to train on and what it can do.

    Args:
        wish: auto, cpu, cuda or mps.

    Raises:
        InputError: If the device is not there.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    kind = there[0] if wish == "auto" else wish
    if kind not in there:
        raise InputError("train_no_device", device=wish, valid=", ".join(["auto", *there]))
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if kind == "mps":
        return Device(kind, kind=kind, world=world, rank=rank)
    if kind == "cpu":
        bf16 = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - there is no public way
        return Device(kind, bf16=bf16, tflops=CPU_TFLOPS, world=world, rank=rank)
    index = int(os.environ.get("LOCAL_RANK", "0"))
    name = torch.cuda.get_device_name(index)
    known = (ASSUMED_SHARE * tflops for maker, tflops in MAKERS_TFLOPS.items() if maker.lower() in name.lower())
    return Device(
        name,
        memory_bytes=torch.cuda.mem_get_info(index)[0],
        bf16=torch.cuda.is_bf16_supported(including_emulation=False),
        tflops=next(known, None),
        kind=kind,
        world=world,
        rank=rank,
        n_visible=torch.cuda.device_count(),
    )


def device_notices(device: Device) -> list[Notice]:
    """Return what whoever started the run should know of the device: GPUs left idle, no bf16."""
    notices = []
    if device.n_visible > 1 and device.world == 1:
        command = f"torchrun --nproc_per_node={device.n_visible} -m koe5_demo train ..."
        notices.append(Notice("train_notice_one_gpu", {"n": device.n_visible, "command": command}))
    if device.kind == "cuda" and not device.bf16:
        notices.append(Notice("train_notice_no_bf16", {"device": device.name}))
    return notices


def read_architecture(folder: Path | None) -> Architecture:
    """Read the shape of a model from its config.json; without a folder, that of the published base.

    Raises:
        DataError: If the configuration is missing, broken or not that of a BERT-like encoder.
    """
    if folder is None:
        return Architecture()
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        return Architecture(
            int(config["num_hidden_layers"]),
            int(config["hidden_size"]),
            int(config["intermediate_size"]),
            int(config["vocab_size"]),
            int(config["max_position_embeddings"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("file_missing", name=str(folder / "config.json"), reason=str(error)) from error


def memory_bytes(shape: Architecture, mini_batch_size: int, max_tokens: int, *, bf16: bool) -> int:
    """Return the memory that training needs, by the formula at the head of this module."""
    fixed = 16 * shape.parameters + (2 * shape.matrix_parameters if bf16 else 0) + OVERHEAD_BYTES
    per_token = (ACTIVATION_BYTES_BF16 if bf16 else ACTIVATION_BYTES_FP32) * shape.hidden * shape.layers
    return fixed + mini_batch_size * max_tokens * per_token


def fit_mini_batch(shape: Architecture, device: Device, batch_per_device: int, max_tokens: int) -> int:
    """Return the largest power of two of texts whose training fits the device, at most the batch.

    Raises:
        InputError: If not even one text fits.
    """
    if device.memory_bytes is None:
        return min(CPU_MINI_BATCH, batch_per_device)
    room = USABLE_SHARE * device.memory_bytes
    size = 1
    if memory_bytes(shape, size, max_tokens, bf16=device.bf16) > room:
        need = memory_bytes(shape, size, max_tokens, bf16=device.bf16) / USABLE_SHARE / GIB
        raise InputError("train_too_little_memory", need=need, have=device.memory_bytes / GIB)
    largest = min(LARGEST_MINI_BATCH, batch_per_device)
    while 2 * size <= largest and memory_bytes(shape, 2 * size, max_tokens, bf16=device.bf16) <= room:
        size *= 2
    return size


def settle_mini_batch(run: Run, shape: Architecture, device: Device) -> Run:
    """Return the run with a mini-batch that fits the device, unless it names one.

    Raises:
        InputError: If the batch cannot be shared equally by the devices, or not one text fits.
    """
    batch, world = run.recipe.batch_size, device.world
    if batch % world:
        raise InputError("train_batch_split", batch=batch, world=world)
    if run.mini_batch_size is not None:
        return replace(run, mini_batch_size=min(run.mini_batch_size, batch // world))
    return replace(run, mini_batch_size=fit_mini_batch(shape, device, batch // world, run.recipe.max_tokens))


def mini_batch_notice(run: Run, shape: Architecture, device: Device) -> Notice:
    """Return the notice of the mini-batch's size, the memory it needs and the memory there is."""
    size = run.mini_batch_size or 1
    need = memory_bytes(shape, size, run.recipe.max_tokens, bf16=device.bf16) / GIB
    have = "?" if device.memory_bytes is None else f"{device.memory_bytes / GIB:.1f}"
    return Notice("train_notice_mini_batch", {"n": size, "need": need, "have": have})
