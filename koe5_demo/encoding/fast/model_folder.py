"""What the files of a sentence-transformers folder say of a model, read without transformers.

Knows the shape of BERT and (XLM-)RoBERTa with mean or CLS pooling, which is that of mini, the E5s, KoE5, KURE and
bge-m3. Everything that could make such a folder mean something else is looked at, and is a reason to leave it to
sentence-transformers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer

from koe5_demo.encoding.fast.packed import Shape

PAD_IDS: Final[dict[str, int | None]] = {"bert": None, "roberta": 1, "xlm-roberta": 1}
"""Model types, each with the padding token that positions are counted from where the configuration names none."""
MODULES: Final = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
POOLINGS: Final = ("mean", "cls")
LEGACY_POOLINGS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
TEXT_ONLY: Final = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
USUAL: Final[dict[str, Any]] = {
    "do_lower_case": False,
    "transformer_task": "feature-extraction",
    "modality_config": TEXT_ONLY,
    "module_output_name": "token_embeddings",
}
OF_NO_EFFECT: Final = frozenset({"max_seq_length", "unpad_inputs"})
"""Settings of the transformer module that are read elsewhere, or change speed alone."""
NO_LIMIT: Final = 10**12


class OtherShapeError(Exception):
    """A model that this engine does not fit; the text says why in a few words."""


@dataclass(frozen=True)
class ModelFolder:
    """A model of the known shape.

    Attributes:
        path: Where its weights lie.
        shape: Size of the network.
        cls: Whether the vector of a text is that of its first token; else the mean of all.
        max_tokens: The model's own limit.
        prompts: Prompts by name that the files register.
        tokenizer: As its file has it.
    """

    path: Path
    shape: Shape
    cls: bool
    max_tokens: int
    prompts: Mapping[str, str]
    tokenizer: Tokenizer


def read_model_folder(folder: Path) -> ModelFolder:
    """Read a model's folder; no weights yet.

    Raises:
        OtherShapeError: If the model is of another shape.
        OSError, ValueError, KeyError, TypeError: If a file is broken.
    """
    path, pooling = _modules(folder)
    if (path / "adapter_config.json").is_file():
        raise OtherShapeError("an adapter")
    config = _json(path / "config.json")
    module = next((_json(file) for file in sorted(path.glob("sentence_*_config.json"))), {})
    shape, n_positions = _shape(config)
    _require_usual(module)
    named = _json(path / "tokenizer_config.json")
    # transformers writes 10**30 for no limit at all.
    limit = module.get("max_seq_length") or min(int(named.get("model_max_length") or NO_LIMIT), n_positions)
    registered = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
    prompts = {name: prompt or "" for name, prompt in registered.items()}
    return ModelFolder(path, shape, pooling == "cls", min(int(limit), n_positions), prompts, _tokenizer(path, named))


def _modules(folder: Path) -> tuple[Path, str]:
    """Return where the network lies, and the pooling; a bare network gets the mean, as sentence-transformers has it."""
    if not (folder / "modules.json").is_file():
        return folder, "mean"
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    if kinds not in MODULES:
        raise OtherShapeError("modules " + ", ".join(kinds))
    config = _json(folder / modules[1]["path"] / "config.json")
    modes = config.get("pooling_mode") or [name for key, name in LEGACY_POOLINGS.items() if config.get(key)] or "mean"
    names = [modes] if isinstance(modes, str) else list(modes)
    if len(names) != 1 or names[0] not in POOLINGS or not config.get("include_prompt", True):
        raise OtherShapeError(f"pooling {'+'.join(names)}")
    return folder / modules[0]["path"], names[0]


def _shape(config: Mapping[str, Any]) -> tuple[Shape, int]:
    """Return the size, and how many tokens have a position."""
    kind = str(config.get("model_type"))
    if kind not in PAD_IDS:
        raise OtherShapeError(f"architecture {kind}")
    # Older configurations name the kind of positions, and there only the absolute kind is this network.
    usual = {
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
        "quantization_config": None,
    }
    for name, value in usual.items():
        found = config.get(name, value)
        if found != value and found is not None:
            raise OtherShapeError(f"{name} {found}")
    pad_id = PAD_IDS[kind]
    if pad_id is not None:
        pad_id = int(config.get("pad_token_id", pad_id))
    shape = Shape(
        n_layers=int(config["num_hidden_layers"]),
        n_heads=int(config["num_attention_heads"]),
        width=int(config["hidden_size"]),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        pad_id=pad_id,
    )
    return shape, int(config["max_position_embeddings"]) - (0 if pad_id is None else pad_id + 1)


def _require_usual(module: Mapping[str, Any]) -> None:
    """Refuse settings of the transformer module that would change what the network computes."""
    for name, value in module.items():
        if name not in OF_NO_EFFECT and value and value != USUAL.get(name):
            raise OtherShapeError(f"{name} of the transformer module")


def _tokenizer(path: Path, named: Mapping[str, Any]) -> Tokenizer:
    """Read tokenizer.json; a tokenizer that transformers would alter on loading is left to it."""
    if not (path / "tokenizer.json").is_file():
        raise OtherShapeError("a tokenizer without a fast form")
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    if str(named.get("tokenizer_class")) in ("BertTokenizer", "BertTokenizerFast"):
        given, own = tokenizer.normalizer, named.get("do_lower_case", True)
        accents, chinese = named.get("strip_accents"), named.get("tokenize_chinese_chars", True)
        asked = (own, accents, chinese)
        if not isinstance(given, BertNormalizer) or asked != _as_built(given):
            raise OtherShapeError("a tokenizer whose two files differ")
    for added in (named.get("added_tokens_decoder") or {}).values():
        if tokenizer.token_to_id(added["content"]) is None:
            raise OtherShapeError("a tokenizer whose two files differ")
    return tokenizer


def _as_built(normalizer: BertNormalizer) -> tuple[bool, bool | None, bool]:
    return normalizer.lowercase, normalizer.strip_accents, normalizer.handle_chinese_chars


def _json(path: Path) -> dict[str, Any]:
    """Return the object in a file; an empty one where there is no file.

    Raises:
        ValueError, TypeError: If the file holds something else.
    """
    if not path.is_file():
        return {}
    content = json.loads(path.read_text("utf-8"))
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} holds no object")
    return content
