"""Takes one text's vector apart into the vectors of its tokens or words, for engines that hold the model itself."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from koe5_demo.encoding.embedded import ngram_token_vectors
from koe5_demo.encoding.ngram import NgramEmbedding
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.errors import InputError
from koe5_demo.prompts import split_prompt
from koe5_demo.records import FloatArray, ModelInfo, Role, TokenVectors

SUMMED_POOLINGS = ("mean", "mean_sqrt_len_tokens")
"""Poolings whose result has the direction of the plain sum of token vectors."""


def model_token_vectors(model: SentenceTransformer, info: ModelInfo, text: str, role: Role) -> TokenVectors:
    """Take the vector of one bare text apart.

    Args:
        model: The loaded model, in sentence-transformers form.
        info: What it is.
        text: Given bare.
        role: Which prompt to add.

    Returns:
        Tokens; exact for Transformer + mean pooling and for the embedded model.

    Raises:
        InputError: If the model has no token vectors, or no tokenizer that tells where a token stands.
    """
    prompt, body = split_prompt(text, role, info.prompts)
    first = model[0]
    if isinstance(first, NgramEmbedding):
        return ngram_token_vectors(first.core, prompt + body)
    if not isinstance(first, Transformer) or not getattr(model.tokenizer, "is_fast", False):
        raise InputError("explain_unsupported", name=info.id)
    encoded = model.encode([body], prompt=prompt, output_value="token_embeddings", show_progress_bar=False)
    vectors = _float_rows(encoded[0])
    tokens = TextTokenizer(model.tokenizer, info.max_tokens).locate(prompt + body)
    if len(tokens.ids) != len(vectors):
        # A tokenizer that pads or cuts in its own way: spans would name the wrong words.
        raise InputError("explain_unsupported", name=info.id)
    return TokenVectors(prompt + body, len(prompt), tokens.n_seen_chars, tokens.spans, vectors, exact=sums_up(model))


def sums_up(model: SentenceTransformer) -> bool:
    """Whether a text's vector is the sum of its token vectors, brought to length 1."""
    modules = list(model)
    if [type(module) for module in modules] not in ([Transformer, Pooling], [Transformer, Pooling, Normalize]):
        return False
    return modules[1].pooling_mode in SUMMED_POOLINGS and bool(modules[1].include_prompt)


def _float_rows(rows: Any) -> FloatArray:
    array: FloatArray = rows.detach().to(device="cpu", dtype=torch.float32).numpy()
    return array
