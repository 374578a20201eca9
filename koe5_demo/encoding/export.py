"""Writes a model as a plain sentence-transformers folder that needs no code of this project.

What registers no prompts, lies in few bits or is cut elsewhere than its files say (KoE5, mini) comes out with all of
that in its files, in the keys that sentence-transformers since 2.3, text-embeddings-inference, vLLM and Infinity read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import save_file

from koe5_demo.encoding import opening
from koe5_demo.encoding.endpoint import is_endpoint
from koe5_demo.encoding.fast.choice import float32_probes
from koe5_demo.encoding.fast.model_folder import LEGACY_POOLINGS, ModelFolder, OtherShapeError, read_model_folder
from koe5_demo.encoding.fast.weights import FileWeights
from koe5_demo.encoding.opening import ModelOptions
from koe5_demo.errors import DataError, InputError, ModelLoadError
from koe5_demo.prompts import GivenPrompts
from koe5_demo.records import ModelInfo, OnProgress
from koe5_demo.settings import Settings

DTYPES: Final = {"float16": torch.float16, "float32": torch.float32}
COPIED: Final = ("tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "*.model")
POSITION_IDS: Final = "embeddings.position_ids"
ARCHITECTURES: Final = {"bert": "BertModel", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel"}
CARD: Final = Path(__file__).with_name("export_card.md")


def export_model(
    name: str,
    output: Path,
    settings: Settings,
    options: ModelOptions,
    *,
    dtype: str = "float16",
    on_progress: OnProgress | None = None,
) -> tuple[ModelInfo, float | None]:
    """Write a model's folder, whole or not at all.

    Args:
        name: Catalog id, hub id or folder.
        output: A folder that is new or empty.
        settings, options: As for `opening.open_model`; their prompts are the ones registered. The device is where the
            copy is compared with the original; their arithmetic is not asked.
        dtype: float16 or float32.
        on_progress: Called with (bytes here, bytes in all) while files are fetched.

    Returns:
        The model as it was, and how far a cosine between two probe texts is from the original's at most; None where
        that was not measured.

    Raises:
        InputError: If the model is at an address, which shows no weights, or dtype is another.
        DataError: If something is in `output` already, or it cannot be written.
        DemoError: See `opening.open_model`.
    """
    if is_endpoint(name):
        raise InputError("export_endpoint")
    if dtype not in DTYPES:
        raise InputError("bad_option", name="--dtype", value=dtype, valid=", ".join(DTYPES))
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise DataError("export_not_empty", path=str(output))
    prompts = options.prompts(settings)
    source = opening.find_source(name)
    files = opening.fetch_files(source, timeout=settings.hub_timeout, on_progress=on_progress)
    opening.refuse_foreign_code(files)
    opening.refuse_pickles(files)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as unfinished:
            folder = Path(unfinished) / "model"
            folder.mkdir()
            info = _write(files, prompts, folder, dtype)
            (folder / "README.md").write_text(_card(info, files, dtype), "utf-8")
            moved = _largest_move(files.folder, folder, info, options.device or settings.device)
            if output.is_dir():
                output.rmdir()
            folder.replace(output)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelLoadError("model_load_failed", name=files.source.id, reason=str(error)[:200]) from error
    except OSError as error:
        raise DataError("output_failed", name=str(output), reason=error.strerror or str(error)) from error
    return info, moved


def _write(files: opening.Files, prompts: GivenPrompts, folder: Path, dtype: str) -> ModelInfo:
    """Write everything but the card; a model of another shape goes through sentence-transformers."""
    try:
        model = read_model_folder(files.folder)
        weights = FileWeights.find(model.path, torch.device("cpu"))
    except OtherShapeError:
        return _write_by_library(files, prompts, folder, dtype)
    info = opening.describe(files, model.shape.width, model.max_tokens, model.prompts, prompts=prompts)
    source = weights.all(DTYPES[dtype])
    names = [name for name in weights.names() if name != POSITION_IDS]
    tensors = {name: source(name).to(DTYPES[dtype]).contiguous() for name in names}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for pattern in COPIED:
        for path in model.path.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    _write_settings(model, info, folder)
    return info


def _write_settings(model: ModelFolder, info: ModelInfo, folder: Path) -> None:
    """Write the configurations, in the older keys where there are two kinds: all of the readers know those."""
    config = json.loads((model.path / "config.json").read_text("utf-8"))
    # The weights may lie in float16; that this is also computed in on a CPU nobody asked for.
    config |= {"architectures": [ARCHITECTURES[config["model_type"]]], "dtype": "float32", "torch_dtype": "float32"}
    # By this class transformers takes tokenizer.json as it is; by some others it builds a like one anew.
    tokenizer = {"model_max_length": info.max_tokens, "tokenizer_class": "PreTrainedTokenizerFast"}
    if (model.path / "tokenizer_config.json").is_file():
        tokenizer = json.loads((model.path / "tokenizer_config.json").read_text("utf-8")) | tokenizer
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    pooling = {"word_embedding_dimension": info.dimensions, "include_prompt": True}
    chosen = "cls" if model.cls else "mean"
    contents: dict[str, Any] = {
        "config.json": config,
        "tokenizer_config.json": tokenizer,
        "modules.json": [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for n, (path, kind) in enumerate(modules)
        ],
        "1_Pooling/config.json": pooling | {key: mode == chosen for key, mode in LEGACY_POOLINGS.items()},
        "sentence_bert_config.json": {"max_seq_length": info.max_tokens, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": registered_prompts(info),
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")


def registered_prompts(info: ModelInfo) -> dict[str, str]:
    """Return a model's prompts by the names that are asked for: encode_document looks for `document`."""
    return {"query": info.prompts.query, "passage": info.prompts.passage, "document": info.prompts.passage}


def _write_by_library(files: opening.Files, prompts: GivenPrompts, folder: Path, dtype: str) -> ModelInfo:
    from koe5_demo.encoding.sentence_transformer import load_reference

    model = load_reference(files.folder, torch.device("cpu"), DTYPES[dtype])
    width = model.get_embedding_dimension() or 0
    registered = {name: prompt or "" for name, prompt in (model.prompts or {}).items()}
    info = opening.describe(files, width, model.max_seq_length, registered, prompts=prompts)
    model.max_seq_length = info.max_tokens
    model.prompts = dict(registered_prompts(info))
    model.save(str(folder), create_model_card=False)
    return info


def _card(info: ModelInfo, files: opening.Files, dtype: str) -> str:
    spec = files.source.spec
    fields: Mapping[str, object] = {
        "licence": spec.licence.lower() if spec is not None else "other",
        "base": f"base_model: {info.hub_id}\n" if info.hub_id else "",
        "name": info.hub_id or info.id,
        "revision": info.revision,
        "dtype": dtype,
        "dimensions": info.dimensions,
        "max_tokens": info.max_tokens,
        "query": json.dumps(info.prompts.query),
        "passage": json.dumps(info.prompts.passage),
    }
    return CARD.read_text("utf-8").format(**fields)


def _largest_move(original: Path, copy: Path, info: ModelInfo, device: str) -> float | None:
    """Compare the probes' cosines of the two folders; None for models of another shape."""
    vectors = [float32_probes(folder, info.prompts, info.max_tokens, device) for folder in (original, copy)]
    if vectors[0] is None or vectors[1] is None:
        return None
    return float(np.abs(vectors[0] @ vectors[0].T - vectors[1] @ vectors[1].T).max())
