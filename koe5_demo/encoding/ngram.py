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
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers.base.modules.input_module import InputModule
from torch.nn import functional

from koe5_demo.encoding.ngram_tokenizer import NgramTokenizer, surface_words, word_spans
from koe5_demo.encoding.ngram_weights import WEIGHTS_FILE, FloatArray, NgramWeights

NGRAMS_FILE = "ngrams.json"
PASSAGE, QUERY = 0, 1
HashArray = npt.NDArray[np.uint32]
_SPLITMIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


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


def project(hashes: HashArray, dim: int, n_hashes: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Name the coordinates and signs of hashed n-grams.

    The 64 bits of a splitmix64 step are read 16 at a time: the lowest is the sign, the others the coordinate.

    Args:
        hashes: (n,) uint32.
        dim: Number of coordinates.
        n_hashes: Coordinates per n-gram, 1 to 4.

    Returns:
        Coordinates, (n, n_hashes) int64 in [0, dim), and signs, (n, n_hashes) float32, -1 or 1.
    """
    step, first, second = (np.uint64(constant) for constant in _SPLITMIX)
    mixed = hashes.astype(np.uint64) + step
    mixed = (mixed ^ (mixed >> np.uint64(30))) * first
    mixed = (mixed ^ (mixed >> np.uint64(27))) * second
    mixed = mixed ^ (mixed >> np.uint64(31))
    parts = (mixed[:, None] >> (np.arange(n_hashes, dtype=np.uint64) * np.uint64(16))) & np.uint64(0xFFFF)
    coordinates = ((parts >> np.uint64(1)) % np.uint64(dim)).astype(np.int64)
    return coordinates, (1 - 2 * (parts & np.uint64(1)).astype(np.int64)).astype(np.float32)


class SemanticWords:
    """Semantic halves of words by spelling, remembered in a bounded table. Safe to share between threads.

    Args:
        tokenizer: Names the n-grams of a word.
        weights: Holds the learned table.
        capacity: How many words to remember before starting afresh.
    """

    def __init__(self, tokenizer: NgramTokenizer, weights: NgramWeights, *, capacity: int) -> None:
        self._tokenizer = tokenizer
        self._learned = torch.from_numpy(weights.table())
        self.dim = int(weights.codes.shape[1])
        self._capacity = capacity
        self._slots: dict[str, int] = {}
        self._table: FloatArray = np.empty((0, self.dim), dtype=np.float32)
        self._lock = threading.Lock()

    def of(self, words: Sequence[str]) -> FloatArray:
        """Return (n, dim) float32: the sum of each word's n known n-grams over sqrt(n), zero for a word with none.

        Args:
            words: Different words.
        """
        with self._lock:
            missing = [word for word in words if word not in self._slots]
            if len(self._slots) + len(missing) > self._capacity:
                self._slots.clear()
                missing = list(words)
            if len(missing) > self._capacity:
                return self._compute(missing)
            self._remember(missing)
            return self._table[np.fromiter(map(self._slots.__getitem__, words), dtype=np.int64, count=len(words))]

    def _remember(self, words: Sequence[str]) -> None:
        if not words:
            return
        start = len(self._slots)
        if start + len(words) > len(self._table):
            table = np.empty((min(self._capacity, max(1024, 2 * (start + len(words)))), self.dim), dtype=np.float32)
            table[:start] = self._table[:start]
            self._table = table
        self._table[start : start + len(words)] = self._compute(words)
        self._slots.update(zip(words, range(start, start + len(words)), strict=True))

    def _compute(self, words: Sequence[str]) -> FloatArray:
        rows = [self._tokenizer.grams(word).semantic for word in words]
        counts = np.array([len(ids) for ids in rows], dtype=np.int64)
        shares = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
        summed = functional.embedding_bag(
            torch.tensor(list(chain.from_iterable(rows)), dtype=torch.long),
            self._learned,
            torch.from_numpy(np.cumsum(counts) - counts),
            mode="sum",
            per_sample_weights=torch.from_numpy(shares),
        )
        return summed.numpy()


@dataclass(frozen=True)
class _Counts:
    """Which words occur in which texts: `text[j]` has `word[j]` with `weight[j]`, sorted by text.

    Attributes:
        words: The different words.
        text: (t,) int64.
        word: (t,) int64 positions in `words`.
        weight: (t,) float32.
        sides: (n,) `QUERY` or `PASSAGE` for each text.
    """

    words: list[str]
    text: npt.NDArray[np.int64]
    word: npt.NDArray[np.int64]
    weight: FloatArray
    sides: npt.NDArray[np.int64]


class LexicalHalves:
    """Adds up the weighted, signed coordinates of words' spelling.

    Args:
        tokenizer: Names the n-grams of a word.
        lexical: (2, n_buckets) float32, weights by side; n_buckets is a power of two.
        dim: Number of coordinates.
        n_hashes: Coordinates per n-gram.
    """

    def __init__(self, tokenizer: NgramTokenizer, lexical: FloatArray, *, dim: int, n_hashes: int) -> None:
        self._tokenizer, self._lexical, self.dim, self._n_hashes = tokenizer, lexical, dim, n_hashes

    def of(self, counts: _Counts) -> FloatArray:
        """Return (n_texts, dim) float32, not normalised."""
        found = [self._tokenizer.grams(word).lexical for word in counts.words]
        hashes = np.array(list(chain.from_iterable(found)), dtype=np.uint32)
        coordinates, signs = project(hashes, self.dim, self._n_hashes)
        weights = self._lexical[:, hashes & np.uint32(self._lexical.shape[1] - 1)]
        entries, n_entries = _ragged_places(np.array([len(each) for each in found], dtype=np.int64), counts.word)
        owners = np.repeat(counts.text, n_entries)
        values = weights[counts.sides[owners], entries] * np.repeat(counts.weight, n_entries)
        sums = np.bincount(
            (owners[:, None] * self.dim + coordinates[entries]).ravel(),
            (values[:, None] * signs[entries]).ravel(),
            minlength=len(counts.sides) * self.dim,
        )
        return sums.reshape(len(counts.sides), self.dim).astype(np.float32)


def _ragged_places(
    lengths: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the entries of `rows` stand when all rows are laid end to end, and how many each of them has."""
    taken = lengths[rows]
    starts = (np.cumsum(lengths) - lengths)[rows]
    return np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken - starts, taken), taken


class NgramEmbedding(InputModule):
    """Input module of sentence-transformers that turns texts into unit vectors by adding up word vectors.

    Args:
        tokenizer: Names the n-grams of words.
        weights: Learned table and lexical weights.
        config: Shape, shares and prompts.
        cache_words: Words whose semantic halves are remembered; 32,768 of 512 numbers take 64 MB.
    """

    config_file_name = "ngram_config.json"

    def __init__(
        self, tokenizer: NgramTokenizer, weights: NgramWeights, config: NgramConfig, *, cache_words: int = 32_768
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if len(tokenizer.vocabulary) != len(weights.codes):
            raise ValueError(f"{len(tokenizer.vocabulary)} n-grams but {len(weights.codes)} rows in the table")
        self.ngrams = tokenizer
        self.weights = weights
        self.ngram_config = config
        self.max_seq_length: int = config.max_words
        self._semantic_dim = int(weights.codes.shape[1])
        self._semantic = SemanticWords(tokenizer, weights, capacity=cache_words)
        self._lexical = LexicalHalves(tokenizer, weights.lexical, dim=config.lexical_dim, n_hashes=config.hashes)

    def get_embedding_dimension(self) -> int:
        """Return the width of a sentence vector."""
        return self._semantic_dim + self.ngram_config.lexical_dim

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
        different = {word: place for place, word in enumerate(dict.fromkeys(words))}
        order = np.array([different[word] for word in words], dtype=np.int64)
        n = len(different)
        one_text_each = _Counts(
            list(different), np.arange(n), np.arange(n), np.ones(n, dtype=np.float32), np.full(n, self._side(role))
        )
        # A word that occurs n times counts sqrt(n) times: each occurrence has 1 / sqrt(n) of it.
        weights = (1 / np.sqrt(np.bincount(order)))[order][:, None].astype(np.float32)
        semantic = self._semantic.of(one_text_each.words)[order] * weights
        lexical = self._lexical.of(one_text_each)[order] * weights
        scales = self._half_scales(
            torch.from_numpy(semantic.sum(axis=0, keepdims=True)),
            torch.from_numpy(lexical.sum(axis=0, keepdims=True)),
            torch.tensor([self._share(role)]),
        )
        return np.concatenate([semantic * float(scales[0, 0]), lexical * float(scales[0, 1])], axis=1)

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
            `word_vectors` (u, semantic_dim) of the batch's different words, `input_ids` (t,) into them, `word_weights`
            (t,), `offsets` (n,) where each text begins in `input_ids`, `lexical` (n, lexical_dim), and `lexical_share`
            (n,).
        """
        roles, counts = self._count([f"{prompt or ''}{text}" for text in inputs])
        return {
            "word_vectors": torch.from_numpy(self._semantic.of(counts.words)),
            "input_ids": torch.from_numpy(counts.word),
            "word_weights": torch.from_numpy(counts.weight),
            "offsets": torch.from_numpy(np.searchsorted(counts.text, np.arange(len(inputs)))),
            "lexical": torch.from_numpy(self._lexical.of(counts)),
            "lexical_share": torch.tensor([self._share(role) for role in roles], dtype=torch.float32),
        }

    def forward(
        self,
        features: dict[str, torch.Tensor],
        **kwargs: Any,  # noqa: ARG002
    ) -> dict[str, torch.Tensor]:
        """Add up the words of every text; sets `sentence_embedding`, (n, dim) float32 of length 1."""
        semantic = functional.embedding_bag(
            features["input_ids"],
            features["word_vectors"],
            features["offsets"],
            mode="sum",
            per_sample_weights=features["word_weights"],
        )
        lexical = features["lexical"]
        scales = self._half_scales(semantic, lexical, features["lexical_share"])
        sentence = torch.cat([semantic * scales[:, :1], lexical * scales[:, 1:]], dim=1)
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
        return cls(NgramTokenizer(vocabulary), NgramWeights.load(Path(str(files[WEIGHTS_FILE]))), config)

    def _count(self, texts: Sequence[str]) -> tuple[list[str], _Counts]:
        """Return the role of every text, and its words, each counting the square root of how often it occurs."""
        places: dict[str, int] = {}
        roles: list[str] = []
        lengths: list[int] = []
        ids: list[int] = []
        tallies: list[int] = []
        for text in texts:
            role, prompt = self.split_prompt(text)
            tally = Counter(surface_words(text[len(prompt) :])[: self.max_seq_length])
            roles.append(role)
            lengths.append(len(tally))
            ids += [places.setdefault(word, len(places)) for word in tally]
            tallies += tally.values()
        return roles, _Counts(
            words=list(places),
            text=np.repeat(np.arange(len(texts)), lengths),
            word=np.array(ids, dtype=np.int64),
            weight=np.sqrt(np.array(tallies, dtype=np.float32)),
            sides=np.array([self._side(role) for role in roles], dtype=np.int64),
        )

    def _half_scales(self, semantic: torch.Tensor, lexical: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """Return (n, 2) factors that bring both halves of every row to their shares; an empty half cedes its own."""
        norms = torch.stack([semantic.norm(dim=1), lexical.norm(dim=1)], dim=1)
        shares = torch.stack([1 - share, share], dim=1).to(norms) * (norms > 0)
        shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return shares.sqrt() / norms.clamp_min(1e-12)

    def _share(self, role: str) -> float:
        return float(self.ngram_config.lexical_share[role])

    @staticmethod
    def _side(role: str) -> int:
        return QUERY if role == "query" else PASSAGE
