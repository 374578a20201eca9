"""Opens models that are networks, with torch and sentence-transformers. Whoever opens none need not import this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from koe5_demo.encoding.choice import ModelFiles, open_fast
from koe5_demo.errors import SettingError
from koe5_demo.records import Encoder, ModelInfo

WEIGHT_FILES: Final = (".safetensors", ".bin")
LEAST_WORTH_BYTES: Final = 50_000_000
Describe = Callable[[int, int | None, Mapping[str, str]], ModelInfo]
"""Called with the width of a vector, the model's own limit of tokens, and the prompts that its files register."""


def open_network(
    folder: Path, describe: Describe, stamp: Callable[[ModelInfo], ModelInfo], *, device: str, dtype: str
) -> Encoder:
    """Load a model in the fastest engine that gives its own vectors.

    Args:
        folder: Where its files lie.
        describe: Tells what the model is, but for the engine.
        stamp: Gives a finished description its fingerprint.
        device: auto, cpu, cuda or mps.
        dtype: auto, fp32, bf16, fp16 or int8.

    Raises:
        SettingError: If the machine has no such device.
        OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError: If the files are broken.
    """
    transformers_logging.disable_progress_bar()  # it would draw over the command line's own words
    place = _device(device)
    files = ModelFiles(partial(_load, folder, place), partial(_describe, describe), stamp, folder)
    return open_fast(files, place, dtype=_worth(dtype, folder))


def _load(folder: Path, device: str, dtype: torch.dtype) -> SentenceTransformer:
    model: SentenceTransformer = SentenceTransformer(
        str(folder), device=device, local_files_only=True, model_kwargs={"dtype": dtype}
    )
    model.eval()
    return model


def _describe(describe: Describe, model: SentenceTransformer) -> ModelInfo:
    """Describe a loaded model. The model's own limit is lowered to the one described."""
    dimensions = model.get_embedding_dimension()
    if dimensions is None:
        raise ValueError("the model does not tell the width of its vectors")
    limit = model.max_seq_length
    registered = {name: prompt or "" for name, prompt in (model.prompts or {}).items()}
    info = describe(dimensions, None if limit is None else int(limit), registered)
    model.max_seq_length = info.max_tokens
    return info


def _device(device: str) -> str:
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    usable = [name for name, is_here in here.items() if is_here]
    if device == "auto":
        return usable[0] if usable else "cpu"
    if device != "cpu" and device not in usable:
        raise SettingError("no_device", device=device)
    return device


def _worth(dtype: str, folder: Path) -> str:
    """Return fp32 for auto where the weights are so few that a cheaper arithmetic has nothing to win."""
    n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.suffix in WEIGHT_FILES)
    return "fp32" if dtype == "auto" and n_bytes < LEAST_WORTH_BYTES else dtype
