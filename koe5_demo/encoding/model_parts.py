"""What the padding-free engine needs to know of a loaded SentenceTransformer: whether it fits, and its weights."""

from __future__ import annotations

from typing import Any, Final

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from torch import Tensor, nn

from koe5_demo.encoding.packed import WeightSource

ARCHITECTURES: Final = ("BertModel", "RobertaModel", "XLMRobertaModel")
POOLINGS: Final = ("mean", "cls")


def why_not_packed(model: SentenceTransformer) -> str | None:
    """Return in a few words why a model can not run in the padding-free engine, or None if it can."""
    modules = list(model)
    kinds = [type(module) for module in modules]
    if kinds not in ([Transformer, Pooling], [Transformer, Pooling, Normalize]):
        return "modules " + ", ".join(kind.__name__ for kind in kinds)
    network, pooling = transformer(model), modules[1]
    if pooling.pooling_mode not in POOLINGS or not pooling.include_prompt:
        return f"pooling {pooling.pooling_mode}"
    if type(network).__name__ not in ARCHITECTURES:
        return f"architecture {type(network).__name__}"
    if not getattr(model.tokenizer, "is_fast", False):
        return "a tokenizer without a fast form"
    return _why_not_config(network.config)


def _why_not_config(config: Any) -> str | None:
    expected = {"hidden_act": "gelu", "is_decoder": False, "add_cross_attention": False}
    for name, value in expected.items():
        if getattr(config, name, value) != value:
            return f"{name} {getattr(config, name)}"
    # Older configurations name it, and there only the absolute kind is this network.
    kind = getattr(config, "position_embedding_type", None) or "absolute"
    return None if kind == "absolute" else f"positions {kind}"


def transformer(model: SentenceTransformer) -> nn.Module:
    """Return the Hugging Face network inside."""
    network = model[0].model
    if not isinstance(network, nn.Module):
        raise TypeError(f"no network inside {type(model[0]).__name__}")
    return network


def uses_cls(model: SentenceTransformer) -> bool:
    """Return whether the vector of a text is that of its first token."""
    return bool(model[1].pooling_mode == "cls")


def module_weights(network: nn.Module, *, release: bool) -> WeightSource:
    """Read weights from a loaded network.

    Args:
        network: The Hugging Face model.
        release: Leave an empty tensor in each place read, so that no weight is in memory twice. The network cannot run
            any more then.
    """

    def source(name: str) -> Tensor:
        parameter = network.get_parameter(name)
        weight = parameter.detach()
        if release:
            parameter.data = weight.new_empty(0)
        return weight

    return source
