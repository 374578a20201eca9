"""The reference engine: sentence-transformers' own `encode`, with prompts passed explicitly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from threading import Lock
from typing import Final

import numpy as np
from sentence_transformers import SentenceTransformer

from koe5_demo.encoding.token_vectors import model_token_vectors
from koe5_demo.prompts import split_prompt, with_prompts
from koe5_demo.records import Encoded, FloatArray, IntArray, ModelInfo, OnProgress, Role, TokenVectors

ENGINE_NAME: Final = "sentence-transformers"
TEXTS_PER_STEP: Final = 64


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

    @property
    def model(self) -> SentenceTransformer:
        """Return the model itself, for engines and explanations that look inside."""
        return self._model

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
        """Take the vector of one bare text apart; see `koe5_demo.records.TokenEncoder`."""
        with self._lock:
            return model_token_vectors(self._model, self._info, text, role)

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
        return np.asarray(count_model_tokens(self._model, sent), dtype=np.int64)


def count_model_tokens(model: SentenceTransformer, sent: list[str]) -> list[int]:
    """Return the uncut token counts, special tokens included, of texts as they are sent to `model`.

    A module that counts in its own units (the embedded model counts words) does so itself.
    """
    own_count = getattr(model[0], "count_tokens", None)
    if own_count is not None:
        return list(own_count(sent))
    encoded = model.tokenizer(
        sent, truncation=False, padding=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
    )
    return [len(ids) for ids in encoded["input_ids"]]
