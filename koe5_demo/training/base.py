"""The model that training starts from: its files, and the model in fp32 with the recipe's limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.export import export_model
from koe5_demo.encoding.fast.weights import FEW_BITS
from koe5_demo.encoding.opening import (
    Files,
    ModelOptions,
    Source,
    fetch_files,
    find_source,
    local_files,
    refuse_foreign_code,
)
from koe5_demo.errors import HubError, ModelLoadError
from koe5_demo.settings import Settings, load_settings
from koe5_demo.training.device import Device
from koe5_demo.training.recipe import WHEEL_BASE, Recipe
from koe5_demo.training.rounding import forget_rounding, train_through_rounding
from koe5_demo.training.wheel_base import fetch_weights, write_folder


def base_source(recipe: Recipe) -> Source:
    """Return where the base comes from, at the pinned revision.

    Raises:
        UnknownModelError: If the name means nothing.
    """
    return find_source(recipe.base if recipe.base_revision is None else f"{recipe.base}@{recipe.base_revision}")


def files_at_hand(recipe: Recipe) -> Files | None:
    """Return the base model's files where they are on this machine; None where they would have to be fetched.

    Raises:
        UnknownModelError: If the name means nothing.
    """
    if recipe.base != WHEEL_BASE:
        return local_files(base_source(recipe))
    folder = _wheel_folder(load_settings())
    return local_files(find_source(str(folder))) if (folder / "modules.json").is_file() else None


def base_files(recipe: Recipe) -> Files:
    """Return the base model's files: out of its wheel, from this machine, or from the hub at the pinned revision.

    A base that is stored in few bits, mini itself or a model of its recipe, is written out as a plain folder once.

    Raises:
        DataError: If the wheel cannot be had.
        UnknownModelError: If the name means nothing.
        HubError: If the files are not here and cannot be fetched.
    """
    settings = load_settings()
    if recipe.base == WHEEL_BASE:
        folder = _wheel_folder(settings)
        if not (folder / "modules.json").is_file():
            write_folder(fetch_weights(folder.parent), folder)
        return fetch_files(find_source(str(folder)), timeout=0)
    try:
        files = fetch_files(base_source(recipe), timeout=settings.hub_timeout)
    except HubError as error:
        if error.key != "hub_unreachable":
            raise
        raise HubError("train_no_base", **error.values) from error
    if not any(files.folder.glob(FEW_BITS)):
        return files
    plain = settings.data_dir / "base" / files.content
    if not plain.is_dir():
        export_model(str(files.folder), plain, settings, ModelOptions(), dtype="float32")
    return fetch_files(find_source(str(plain)), timeout=0)


def average_with_base(model: SentenceTransformer, files: Files, recipe: Recipe) -> None:
    """Give the base its share of the trained weights."""
    if recipe.base_share == 0:
        return
    base = load_file(files.folder / "model.safetensors")
    network: Any = model[0]
    with torch.no_grad():
        for name, weight in network.model.named_parameters():
            if name in base:
                weight.lerp_(base[name].to(weight), recipe.base_share)
    forget_rounding(model)


def open_base(files: Files, recipe: Recipe, device: Device) -> SentenceTransformer:
    """Load the base in fp32, with the recipe's limit: the library's own model, whatever engine else serves it.

    Master weights stay fp32 whatever the arithmetic: at a rate of 1e-5 most updates are lost in bf16's 8 bits.

    Raises:
        ModelLoadError: If the files are broken, or need code that is not ours.
    """
    refuse_foreign_code(files)
    # torch's fused attention is slower than its parts in bfloat16 on a CPU: 1,040 against 1,460 tokens a second.
    cpu_bf16 = device.kind == "cpu" and device.bf16
    try:
        model: SentenceTransformer = SentenceTransformer(
            str(files.folder),
            device="cpu",
            local_files_only=True,
            model_kwargs={"dtype": torch.float32, **({"attn_implementation": "eager"} if cpu_bf16 else {})},
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelLoadError("model_load_failed", name=recipe.base, reason=reason) from error
    own_limit = model.max_seq_length
    model.max_seq_length = recipe.max_tokens if own_limit is None else min(recipe.max_tokens, int(own_limit))
    if recipe.dropout is not None:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = recipe.dropout
    if recipe.stored_bits is not None or cpu_bf16:
        dtype = torch.bfloat16 if cpu_bf16 else torch.float32
        train_through_rounding(model, bits=recipe.stored_bits, word_bits=recipe.word_bits, dtype=dtype)
    return model


def _wheel_folder(settings: Settings) -> Path:
    """Return where the model of the wheel is written out."""
    return settings.data_dir / "base" / "multilingual-e5-small"
