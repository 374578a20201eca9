"""The reference engine: sentence-transformers' own `encode`, with prompts passed explicitly.

Opens models that the padding-free engine does not fit, and is what that engine is measured against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers.utils import logging as transformers_logging

from koe5_demo.encoding.fast.choice import ModelFiles, first_that_passes, probe_vectors
from koe5_demo.encoding.fast.precision import STORED_AS, Precision
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.errors import InputError
from koe5_demo.prompts import split_prompt, with_prompts
from koe5_demo.records import Encoded, Encoder, FloatArray, IntArray, ModelInfo, Notice, OnProgress, Role, TokenVectors

ENGINE_NAME: Final = "sentence-transformers"
TEXTS_PER_STEP: Final = 64
SUMMED_POOLINGS: Final = ("mean", "mean_sqrt_len_tokens")
"""Poolings whose result has the direction of the plain sum of token vectors."""


def open_reference(files: ModelFiles, device: torch.device, dtype: str, reason: str) -> Encoder:
    """Open a model that the fast engine does not fit: in float32, or in the 16-bit dtype asked for by name.

    Args:
        files: The model.
        device: Where it runs.
        dtype: auto, fp32, bf16, fp16 or int8.
        reason: Why it does not fit, in a few words.

    Raises:
        OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError: If the files are broken.
    """
    transformers_logging.disable_progress_bar()  # it would draw over the command line's own words

    def build(precision: Precision, notices: Sequence[Notice]) -> Encoder:
        model = load_reference(files.folder, device, STORED_AS[precision])
        dimensions, limit = model.get_embedding_dimension(), model.max_seq_length
        if dimensions is None:
            raise ValueError("the model does not tell the width of its vectors")
        registered = {name: prompt or "" for name, prompt in (model.prompts or {}).items()}
        info = files.describe(dimensions, None if limit is None else int(limit), registered)
        model.max_seq_length = info.max_tokens
        told = (*info.notices, Notice("notice_engine_fallback", {"reason": reason}), *notices)
        info = replace(info, engine=ENGINE_NAME, dtype=precision.label, device=str(device), notices=told)
        return SentenceTransformerEncoder(model, files.stamp(info))

    by_name = (Precision(dtype),) if dtype in (Precision.BF16.value, Precision.FP16.value) else ()
    return first_that_passes(dtype, (*by_name, Precision.FP32), build, lambda: probe_vectors(build(Precision.FP32, [])))


def load_reference(folder: Path, device: torch.device, dtype: torch.dtype) -> SentenceTransformer:
    """Load a model's folder, asking no network."""
    model: SentenceTransformer = SentenceTransformer(
        str(folder), device=str(device), local_files_only=True, model_kwargs={"dtype": dtype}
    )
    model.eval()
    return model


class SentenceTransformerEncoder:
    """An `Encoder` around a loaded SentenceTransformer.

    Calls are serialised: fast tokenizers keep their truncation setting in a shared object, so two threads would
    disturb each other.

    Args:
        model: The loaded model; its `max_seq_length` is set to the limit in `info`.
        info: What the model is.
        batch_size: Texts in one forward pass.
    """

    def __init__(self, model: SentenceTransformer, info: ModelInfo, *, batch_size: int = 32) -> None:
        self._model = model
        self._info = info
        self._batch_size = batch_size
        self._lock = Lock()

    @property
    def info(self) -> ModelInfo:
        """Return what this encoder is."""
        return self._info

    def encode(self, texts: Sequence[str], role: Role, *, on_progress: OnProgress | None = None) -> Encoded:
        """Encode bare texts; see `koe5_demo.records.Encoder`. Progress counts texts."""
        with self._lock:
            n_tokens = self._count(texts, role)
            vectors = np.zeros((len(texts), self._info.dimensions), dtype=np.float32)
            done = 0
            for prompt, places in self._groups(texts, role, n_tokens):
                bodies = [split_prompt(texts[place], role, self._info.prompts)[1] for place in places]
                vectors[places] = self._forward(bodies, prompt)
                done += len(places)
                if on_progress is not None:
                    on_progress(done, len(texts))
        return Encoded(vectors, n_tokens, self._info.max_tokens)

    def count_tokens(self, texts: Sequence[str], role: Role) -> IntArray:
        """Return (n,) uncut token counts with prompt and special tokens."""
        with self._lock:
            return self._count(texts, role)

    def encode_tokens(self, text: str, role: Role) -> TokenVectors:
        """Take the vector of one bare text apart; exact for Transformer + mean pooling.

        Raises:
            InputError: If the model has no token vectors, or no tokenizer that tells where a token stands.
        """
        model, info = self._model, self._info
        prompt, body = split_prompt(text, role, info.prompts)
        if not isinstance(model[0], Transformer) or not getattr(model.tokenizer, "is_fast", False):
            raise InputError("explain_unsupported", name=info.id)
        with self._lock:
            encoded = model.encode([body], prompt=prompt, output_value="token_embeddings", show_progress_bar=False)
            tokens = TextTokenizer(model.tokenizer, info.max_tokens).locate(prompt + body)
        vectors: FloatArray = encoded[0].detach().to(device="cpu", dtype=torch.float32).numpy()
        if len(tokens.ids) != len(vectors):
            # A tokenizer that pads or cuts in its own way: spans would name the wrong words.
            raise InputError("explain_unsupported", name=info.id)
        return TokenVectors(
            prompt + body, len(prompt), tokens.n_seen_chars, tokens.spans, vectors, exact=sums_up(model)
        )

    def _groups(self, texts: Sequence[str], role: Role, n_tokens: IntArray) -> list[tuple[str, list[int]]]:
        """Part the texts by prompt, longest first so that a batch holds texts of like length, in steps of progress."""
        by_prompt: dict[str, list[int]] = defaultdict(list)
        for place in np.argsort(-n_tokens, kind="stable"):
            by_prompt[split_prompt(texts[place], role, self._info.prompts)[0]].append(int(place))
        return [
            (prompt, places[start : start + TEXTS_PER_STEP])
            for prompt, places in by_prompt.items()
            for start in range(0, len(places), TEXTS_PER_STEP)
        ]

    def _forward(self, bodies: list[str], prompt: str) -> FloatArray:
        # The prompt goes in as an argument, never as a name: an empty one then means none, whatever the model's files
        # register as their default, and models that leave the prompt out of the pooling can tell it from the text.
        vectors = self._model.encode(
            bodies,
            prompt=prompt,
            batch_size=self._batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _count(self, texts: Sequence[str], role: Role) -> IntArray:
        sent = with_prompts(texts, role, self._info.prompts)
        if not sent:
            return np.zeros(0, dtype=np.int64)
        encoded = self._model.tokenizer(
            sent,
            truncation=False,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return np.array([len(ids) for ids in encoded["input_ids"]], dtype=np.int64)


def sums_up(model: SentenceTransformer) -> bool:
    """Whether a text's vector is the sum of its token vectors, brought to length 1."""
    modules = list(model)
    if [type(module) for module in modules] not in ([Transformer, Pooling], [Transformer, Pooling, Normalize]):
        return False
    return modules[1].pooling_mode in SUMMED_POOLINGS and bool(modules[1].include_prompt)
