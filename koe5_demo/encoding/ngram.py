"""The embedded model as a module of sentence-transformers, and the reference for its fast engine.

What the model is stands in `ngram_model`; here are the batches and tensors that sentence-transformers wants.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers.base.modules.input_module import InputModule
from torch.nn import functional

from koe5_demo.encoding.ngram_model import CONFIG_FILE, NGRAMS_FILE, NgramConfig, NgramModel, WordCounts
from koe5_demo.encoding.ngram_tokenizer import NgramTokenizer, surface_words
from koe5_demo.encoding.ngram_weights import WEIGHTS_FILE, FloatArray, NgramWeights


class SemanticWords:
    """Semantic halves of words by spelling, remembered in a bounded table. Safe to share between threads.

    Args:
        model: Works them out.
        capacity: How many words to remember before starting afresh.
    """

    def __init__(self, model: NgramModel, *, capacity: int) -> None:
        self._model = model
        self._capacity = capacity
        self._slots: dict[str, int] = {}
        self._table: FloatArray = np.empty((0, model.semantic_dim), dtype=np.float32)
        self._lock = threading.Lock()

    def of(self, words: Sequence[str]) -> FloatArray:
        """Return (n, dim) float32, as `NgramModel.semantic_rows` does.

        Args:
            words: Different words.
        """
        with self._lock:
            missing = [word for word in words if word not in self._slots]
            if len(self._slots) + len(missing) > self._capacity:
                self._slots.clear()
                missing = list(words)
            if len(missing) > self._capacity:
                return self._model.semantic_rows(missing)
            self._remember(missing)
            return self._table[np.fromiter(map(self._slots.__getitem__, words), dtype=np.int64, count=len(words))]

    def _remember(self, words: Sequence[str]) -> None:
        if not words:
            return
        start = len(self._slots)
        if start + len(words) > len(self._table):
            n_rows = min(self._capacity, max(1024, 2 * (start + len(words))))
            table = np.empty((n_rows, self._model.semantic_dim), dtype=np.float32)
            table[:start] = self._table[:start]
            self._table = table
        self._table[start : start + len(words)] = self._model.semantic_rows(words)
        self._slots.update(zip(words, range(start, start + len(words)), strict=True))


class NgramEmbedding(InputModule):
    """Input module of sentence-transformers that turns texts into unit vectors by adding up word vectors.

    Args:
        tokenizer: Names the n-grams of words.
        weights: Learned table and lexical weights.
        config: Shape, shares and prompts.
        cache_words: Words whose semantic halves are remembered; 32,768 of 512 numbers take 64 MB.
    """

    config_file_name = CONFIG_FILE

    def __init__(
        self, tokenizer: NgramTokenizer, weights: NgramWeights, config: NgramConfig, *, cache_words: int = 32_768
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.core = NgramModel(tokenizer, weights, config)
        self._semantic = SemanticWords(self.core, capacity=cache_words)

    @property
    def max_seq_length(self) -> int:
        """Return how many words of a text are read."""
        return self.core.max_words

    @max_seq_length.setter
    def max_seq_length(self, n_words: int) -> None:
        self.core.max_words = n_words

    def get_embedding_dimension(self) -> int:
        """Return the width of a sentence vector."""
        return self.core.dimensions

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the words of every text, prompts not included, before any cut."""
        return self.core.count_words(texts)

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
            "lexical": torch.from_numpy(self.core.lexical.of(counts)),
            "lexical_share": torch.tensor([self.core.share(role) for role in roles], dtype=torch.float32),
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
        self.core.weights.save(folder)
        (folder / NGRAMS_FILE).write_text(
            json.dumps(self.core.tokenizer.vocabulary, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
        )
        config = json.dumps(asdict(self.core.config), ensure_ascii=False, indent=2)
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

    def _count(self, texts: Sequence[str]) -> tuple[list[str], WordCounts]:
        """Return the role of every text, and its words, each counting the square root of how often it occurs."""
        places: dict[str, int] = {}
        roles: list[str] = []
        lengths: list[int] = []
        ids: list[int] = []
        tallies: list[int] = []
        for text in texts:
            role, prompt = self.core.split_prompt(text)
            tally = Counter(surface_words(text[len(prompt) :])[: self.core.max_words])
            roles.append(role)
            lengths.append(len(tally))
            ids += [places.setdefault(word, len(places)) for word in tally]
            tallies += tally.values()
        return roles, WordCounts(
            words=list(places),
            text=np.repeat(np.arange(len(texts)), lengths),
            word=np.array(ids, dtype=np.int64),
            weight=np.sqrt(np.array(tallies, dtype=np.float32)),
            sides=np.array([self.core.side(role) for role in roles], dtype=np.int64),
        )

    def _half_scales(self, semantic: torch.Tensor, lexical: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """Return (n, 2) factors that bring both halves of every row to their shares; an empty half cedes its own."""
        norms = torch.stack([semantic.norm(dim=1), lexical.norm(dim=1)], dim=1)
        shares = torch.stack([1 - share, share], dim=1).to(norms) * (norms > 0)
        shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return shares.sqrt() / norms.clamp_min(1e-12)
