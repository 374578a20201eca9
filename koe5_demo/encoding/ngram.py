"""The embedded model: a text's vector is the sum of its words' vectors.

A word has two halves. The semantic half is the sum of learned vectors of its character n-grams. The lexical half needs
no table of vectors: every pair of characters (and the whole word) adds its learned weight to a few coordinates that
its hash names, so that the dot product of two lexical halves estimates how much weighted spelling two texts share. In a
text

    sentence = sqrt(1 - s) * unit(sum of semantic halves)  ++  sqrt(s) * unit(sum of lexical halves)

with `s` the share of the lexical half, and a word that occurs n times counting sqrt(n) times. The vector has length 1,
and the words' contributions (`NgramEmbedding.word_vectors`) add up to it exactly.

A text that begins with a known prompt (`query: `, `passage: `) is read in that role; the prompt is a mark, not content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers.base.modules.input_module import InputModule

from koe5_demo.encoding.ngram_lookup import IntArray, NgramLookup
from koe5_demo.encoding.ngram_sums import PASSAGE, QUERY, WordCounts, WordSums, count_words
from koe5_demo.encoding.ngram_tokenizer import surface_words, word_spans
from koe5_demo.encoding.ngram_weights import WEIGHTS_FILE, FloatArray, NgramWeights

NGRAMS_FILE = "ngrams.json"


@dataclass(frozen=True)
class NgramConfig:
    """What the weights do not say.

    Attributes:
        lexical_dim: Width of the lexical half, a power of two.
        hashes: How many coordinates an n-gram of the lexical half adds to, 1 to 4.
        max_words: Longer texts are cut.
        lexical_share: Share of the lexical half in a cosine, by role: query, passage, none.
        prompts: Prompt by role; a text that begins with it is read in that role.
    """

    lexical_dim: int
    hashes: int
    max_words: int
    lexical_share: Mapping[str, float]
    prompts: Mapping[str, str]


class NgramEmbedding(InputModule):
    """Input module of sentence-transformers that turns texts into unit vectors by adding up word vectors.

    Args:
        lookup: Names the n-grams of words.
        weights: Learned table and lexical weights.
        config: Shape, shares and prompts.
    """

    config_file_name = "ngram_config.json"

    def __init__(self, lookup: NgramLookup, weights: NgramWeights, config: NgramConfig) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if len(lookup.vocabulary) != len(weights.scales):
            raise ValueError(f"{len(lookup.vocabulary)} n-grams but {len(weights.scales)} rows in the table")
        self.ngrams = lookup
        self.weights = weights
        self.ngram_config = config
        self.max_seq_length: int = config.max_words
        self._sums = WordSums(lookup, weights, lexical_dim=config.lexical_dim, n_hashes=config.hashes)

    def get_embedding_dimension(self) -> int:
        """Return the width of a sentence vector."""
        return self._sums.semantic_dim + self.ngram_config.lexical_dim

    def split_prompt(self, text: str) -> tuple[str, str]:
        """Read the role mark at the start of a text.

        Returns:
            Role (`none` without a mark) and the mark itself, a prefix of `text`.
        """
        for role, prompt in self.ngram_config.prompts.items():
            if prompt and text.startswith(prompt):
                return role, prompt
        return "none", ""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the words of every text, prompts not included, before any cut."""
        return [len(surface_words(text[len(self.split_prompt(text)[1]) :])) for text in texts]

    def word_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the character ranges in `text` of the words that the model sees, at most `max_seq_length`."""
        skipped = len(self.split_prompt(text)[1])
        return [(skipped + start, skipped + end) for start, end in word_spans(text[skipped:])[: self.max_seq_length]]

    def word_vectors(self, text: str) -> FloatArray:
        """Return what each word adds to the sentence vector.

        Args:
            text: A text, with or without a prompt.

        Returns:
            (n, dim) float32, a row for every range of `word_spans`. The rows add up to the vector of `text` (up to
            rounding). A text without words has no rows although its vector is not zero.
        """
        role, prompt = self.split_prompt(text)
        words = surface_words(text[len(prompt) :])[: self.max_seq_length]
        if not words:
            return np.empty((0, self.get_embedding_dimension()), dtype=np.float32)
        places = {word: place for place, word in enumerate(dict.fromkeys(words))}
        order = np.array([places[word] for word in words], dtype=np.int64)
        each = np.arange(len(places))
        alone = WordCounts(list(places), each, each, np.ones(len(places), dtype=np.float32))
        halves = self._sums.of(alone, np.full(len(places), _side(role)))
        # A word that occurs n times counts sqrt(n) times: each occurrence has 1 / sqrt(n) of it.
        weights = torch.from_numpy((1 / np.sqrt(np.bincount(order)))[order][:, None].astype(np.float32))
        semantic, lexical = (half[torch.from_numpy(order)] * weights for half in halves)
        scales = _half_scales(
            semantic.sum(dim=0, keepdim=True), lexical.sum(dim=0, keepdim=True), torch.tensor([self._share(role)])
        )
        vectors: FloatArray = torch.cat([semantic * scales[:, :1], lexical * scales[:, 1:]], dim=1).numpy()
        return vectors

    def preprocess(  # the arguments are those of sentence-transformers
        self,
        inputs: list[Any],
        prompt: str | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> dict[str, torch.Tensor]:
        """Turn texts into bags of word vectors.

        Args:
            inputs: Texts, as they are or with a prompt in front.
            prompt: Put in front of every text.
            kwargs: Ignored; other input modules know more options.

        Returns:
            `semantic` (n, semantic_dim) and `lexical` (n, lexical_dim), the sums of every text's words, and
            `lexical_share` (n,).
        """
        roles, words = self.read([f"{prompt or ''}{text}" for text in inputs])
        return self.add_up(roles, [text[: self.max_seq_length] for text in words])

    def read(self, texts: Sequence[str]) -> tuple[list[str], list[list[str]]]:
        """Return the role of every text and its words, not cut."""
        marks = [self.split_prompt(text) for text in texts]
        words = [surface_words(text[len(prompt) :]) for text, (_, prompt) in zip(texts, marks, strict=True)]
        return [role for role, _ in marks], words

    def add_up(self, roles: Sequence[str], words: Sequence[Sequence[str]]) -> dict[str, torch.Tensor]:
        """Return what `forward` takes, for texts of these roles and words."""
        sides: IntArray = np.array([_side(role) for role in roles], dtype=np.int64)
        semantic, lexical = self._sums.of(count_words(words), sides)
        shares = torch.tensor([self._share(role) for role in roles], dtype=torch.float32)
        return {"semantic": semantic, "lexical": lexical, "lexical_share": shares}

    def forward(
        self,
        features: dict[str, torch.Tensor],
        **kwargs: Any,  # noqa: ARG002
    ) -> dict[str, torch.Tensor]:
        """Mix the halves; sets `sentence_embedding`, (n, dim) float32 of length 1."""
        semantic, lexical = features["semantic"], features["lexical"]
        scales = _half_scales(semantic, lexical, features["lexical_share"])
        sentence = semantic.new_empty(len(semantic), self.get_embedding_dimension())
        torch.mul(semantic, scales[:, :1], out=sentence[:, : semantic.shape[1]])
        torch.mul(lexical, scales[:, 1:], out=sentence[:, semantic.shape[1] :])
        # A text without any word points along the first coordinate: a unit vector like any other, close to none.
        sentence[:, 0] += (scales.sum(dim=1) == 0).to(sentence.dtype)
        features["sentence_embedding"] = sentence
        return features

    def save(
        self,
        output_path: str,
        *args: Any,  # noqa: ARG002
        safe_serialization: bool = True,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Write the configuration, the n-grams and the weights (always safetensors) into a folder."""
        folder = Path(output_path)
        self.weights.save(folder)
        (folder / NGRAMS_FILE).write_text(
            json.dumps(self.ngrams.vocabulary, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
        )
        config = json.dumps(asdict(self.ngram_config), ensure_ascii=False, indent=2)
        (folder / self.config_file_name).write_text(config + "\n", encoding="utf-8")

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        token: bool | str | None = None,
        cache_folder: str | None = None,
        revision: str | None = None,
        local_files_only: bool = False,
        **kwargs: Any,  # noqa: ARG003
    ) -> NgramEmbedding:
        """Read what `save` wrote, from a folder or from the hub."""
        hub: dict[str, Any] = {
            "subfolder": subfolder,
            "token": token,
            "cache_folder": cache_folder,
            "revision": revision,
            "local_files_only": local_files_only,
        }
        files = {
            name: cls.load_file_path(model_name_or_path, filename=name, **hub) for name in (NGRAMS_FILE, WEIGHTS_FILE)
        }
        if missing := [name for name, path in files.items() if path is None]:
            raise FileNotFoundError(f"{model_name_or_path} has no {', '.join(missing)}")
        vocabulary = json.loads(Path(str(files[NGRAMS_FILE])).read_text(encoding="utf-8"))
        config = NgramConfig(**cls.load_config(model_name_or_path, **hub))
        return cls(NgramLookup(vocabulary), NgramWeights.load(Path(str(files[WEIGHTS_FILE]))), config)

    def _share(self, role: str) -> float:
        return float(self.ngram_config.lexical_share[role])


def _half_scales(semantic: torch.Tensor, lexical: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Return (n, 2) factors that bring both halves of every row to their shares; an empty half cedes its own."""
    norms = torch.stack([semantic.norm(dim=1), lexical.norm(dim=1)], dim=1)
    shares = torch.stack([1 - share, share], dim=1).to(norms) * (norms > 0)
    shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return shares.sqrt() / norms.clamp_min(1e-12)


def _side(role: str) -> int:
    return QUERY if role == "query" else PASSAGE
