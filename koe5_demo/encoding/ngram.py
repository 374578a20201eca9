"""The embedded model as a module of sentence-transformers: what it is stands in `ngram_model`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modules.input_module import InputModule

from koe5_demo.encoding.ngram_model import CONFIG_FILE, NGRAMS_FILE, NgramModel
from koe5_demo.encoding.ngram_weights import WEIGHTS_FILE


class NgramEmbedding(InputModule):
    """Input module of sentence-transformers that turns texts into unit vectors by adding up word vectors.

    Args:
        core: The model.
    """

    config_file_name = CONFIG_FILE

    def __init__(self, core: NgramModel) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.core = core

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
        """Turn texts into vectors: adding up words is all there is to do, and no device does it better.

        Args:
            inputs: Texts, as they are or with a prompt in front.
            prompt: Put in front of every text.
            kwargs: Ignored; other input modules know more options.

        Returns:
            `sentence_embedding`, (n, dim) float32 of length 1.
        """
        return {"sentence_embedding": torch.from_numpy(self.core.encode([f"{prompt or ''}{text}" for text in inputs]))}

    def forward(
        self,
        features: dict[str, torch.Tensor],
        **kwargs: Any,  # noqa: ARG002
    ) -> dict[str, torch.Tensor]:
        """Hand on what `preprocess` worked out."""
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
            json.dumps(self.core.lookup.vocabulary, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
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
        names = (CONFIG_FILE, NGRAMS_FILE, WEIGHTS_FILE)
        files = {name: cls.load_file_path(model_name_or_path, filename=name, **hub) for name in names}
        if missing := [name for name, path in files.items() if path is None]:
            raise FileNotFoundError(f"{model_name_or_path} has no {', '.join(missing)}")
        return cls(NgramModel.load(Path(str(files[CONFIG_FILE])).parent))
