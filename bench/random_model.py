"""A model of KoE5's exact shape with random weights, so that speed can be measured where KoE5 cannot be had.

Speed does not depend on what the weights are; accuracy does, and random weights exaggerate every rounding.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from transformers import XLMRobertaConfig, XLMRobertaModel

from bench.texts import korean_documents
from tests.tiny_models import save_model, xlmr_tokenizer

SEED: Final = 5
MAX_TOKENS: Final = 512
N_PIECES: Final = 8000
PIECE_LENGTHS: Final = (2, 3)
FOLDER: Final = Path(tempfile.gettempdir()) / "koe5-bench"


def koe5_config(vocab_size: int = 250_002) -> XLMRobertaConfig:
    """Return the configuration of KoE5: XLM-RoBERTa-large."""
    return XLMRobertaConfig(
        vocab_size=vocab_size,
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        max_position_embeddings=MAX_TOKENS + 2,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        layer_norm_eps=1e-5,
    )


def frequent_pieces(texts: Iterable[str]) -> tuple[str, ...]:
    """Return common pieces of Korean, so that a text has about as many tokens as KoE5's own tokenizer gives it."""
    counts: Counter[str] = Counter()
    for text in texts:
        for word in text.split():
            marked = "▁" + word
            counts.update(marked[i : i + n] for n in PIECE_LENGTHS for i in range(len(marked) - n + 1))
    return tuple(piece for piece, _ in counts.most_common(N_PIECES))


def random_koe5(folder: Path = FOLDER) -> Path:
    """Return the folder of the random model, built on the first call (2.3 GB)."""
    path = folder / f"random-koe5-{SEED}"
    if not (path / "modules.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = xlmr_tokenizer(MAX_TOKENS, frequent_pieces(korean_documents()))
        save_model(path, XLMRobertaModel, koe5_config(), tokenizer, seed=SEED)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the model is written")
    print(random_koe5(parser.parse_args().folder))
