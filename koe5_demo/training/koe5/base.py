"""The model that training starts from: its files, and the model in fp32 with the recipe's limit."""

from __future__ import annotations

import torch
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.opening import Files, Source, fetch_files, find_source, refuse_foreign_code
from koe5_demo.errors import HubError, ModelLoadError
from koe5_demo.settings import load_settings
from koe5_demo.training.recipe import Recipe


def base_source(recipe: Recipe) -> Source:
    """Return where the base comes from, at the pinned revision.

    Raises:
        UnknownModelError: If the name means nothing.
    """
    return find_source(recipe.base if recipe.base_revision is None else f"{recipe.base}@{recipe.base_revision}")


def base_files(recipe: Recipe) -> Files:
    """Return the base model's files, from this machine or from the hub at the pinned revision.

    Raises:
        UnknownModelError: If the name means nothing.
        HubError: If the files are not here and cannot be fetched.
    """
    try:
        return fetch_files(base_source(recipe), timeout=load_settings().hub_timeout)
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
