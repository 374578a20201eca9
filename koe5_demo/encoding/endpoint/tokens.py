"""How many tokens a text has for a server that does not say: counted where its tokenizer is here, else estimated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from koe5_demo.catalog import ModelSpec
from koe5_demo.encoding import hub
from koe5_demo.encoding.endpoint.answer import Answer
from koe5_demo.encoding.endpoint.probing import probe_texts
from koe5_demo.encoding.endpoint.server import ANY_LENGTH
from koe5_demo.encoding.text_tokens import TextTokenizer
from koe5_demo.records import IntArray, Prompts
from koe5_demo.words import Language, message

SPECIAL_TOKENS: Final = 2


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens of texts that carry their prompts, exactly or as an estimate.

    Attributes:
        note: Which of the two, for people.
        rate: Tokens a character, for the estimate.
        exact: Counts with the model's own tokenizer; None if there is none on this machine.
    """

    note: str
    rate: float = 1.0
    exact: Callable[[Sequence[str]], IntArray] | None = field(default=None, repr=False)

    def count(self, sent: Sequence[str]) -> IntArray:
        """Return (n,) int64, the best guess of each text's tokens, special tokens included."""
        if self.exact is not None:
            return self.exact(sent)
        return np.array([math.ceil(len(text) * self.rate) + SPECIAL_TOKENS for text in sent], dtype=np.int64)

    def bound(self, sent: Sequence[str]) -> IntArray:
        """Return (n,) int64, hardly ever fewer than a text has: what requests are cut by."""
        if self.exact is not None:
            return self.exact(sent)
        return np.array([len(text) + SPECIAL_TOKENS for text in sent], dtype=np.int64)


def best_counter(name: str, spec: ModelSpec | None, prompts: Prompts, answer: Answer) -> TokenCounter:
    """Return the most exact counter there is: the tokenizer, else the server's count of the probes, else a bound."""
    exact = _local_tokenizer(name, spec)
    if exact is not None:
        note = message("endpoint_note_tokens_exact", Language.EN, name=name)
        return TokenCounter(note, exact=exact)
    sent = probe_texts(prompts)
    chars = sum(map(len, sent))
    rate = (answer.n_tokens - SPECIAL_TOKENS * len(sent)) / chars
    # Infinity calls characters tokens: that tells nothing.
    if 0 < rate <= 1 and answer.n_tokens != chars:
        return TokenCounter(message("endpoint_note_tokens_measured", Language.EN, rate=rate), rate)
    return TokenCounter(message("endpoint_note_tokens_bound", Language.EN))


def _local_tokenizer(name: str, spec: ModelSpec | None) -> Callable[[Sequence[str]], IntArray] | None:
    """Return the count of the model's tokenizer if its files are on this machine. Makes no request."""
    hub_id = spec.hub_id if spec else name
    if not hub_id or hub_id.count("/") != 1:
        return None
    folder = hub.cached_folder(hub_id, spec.revision if spec else None)
    if folder is None:
        return None
    from transformers import AutoTokenizer  # seconds to import, and of no use where the files are not here

    try:
        return TextTokenizer(AutoTokenizer.from_pretrained(str(folder), local_files_only=True), ANY_LENGTH).count
    except (OSError, ValueError, AttributeError):
        return None
