"""A model's vocabulary cut to what its texts need: the tokens of one language are a small part of a multilingual one.

Kept are the special tokens, every piece with a Hangul letter, every single character of the Korean character sets
(syllables, Hanja, Greek, kana, symbols), of Latin script and every digit, sign and symbol, and then the pieces that the
training texts use most, up to the wanted number. What a cut piece stood for is written with smaller pieces that are
there, so that nothing a Korean text needs becomes `<unk>`.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from koe5_demo.training.wheel_base import SPECIAL, build_tokenizer, write_bert

WORDS: Final = "embeddings.word_embeddings.weight"
WORD_START: Final = "▁"
KOREAN_CODE: Final = "cp949"
TEXTS_AT_ONCE: Final = 4_096
LAST_LATIN: Final = 0x24F


def cut_vocabulary(source: Path, target: Path, texts: Iterable[str], size: int) -> dict[str, int | float]:
    """Write a model of `write_bert`'s form with fewer words.

    Args:
        source: Folder of the model.
        target: Folder to write.
        texts: What the pieces are counted on.
        size: Pieces to keep; more are kept where the single characters and Hangul pieces alone are more.

    Returns:
        Pieces before and after, and the share of the tokens of `texts` that are kept as they were.
    """
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    counts = count_pieces(tokenizer, texts)
    model = json.loads(tokenizer.to_str())["model"]
    pieces: list[tuple[str, float]] = [(text, score) for text, score in model["vocab"]]
    kept = choose_pieces([text for text, _ in pieces], counts, size)
    weights = load_file(source / "model.safetensors")
    weights[WORDS] = np.ascontiguousarray(weights[WORDS][kept])
    config = json.loads((source / "config.json").read_text("utf-8")) | {"vocab_size": len(kept)}
    write_bert(target, config, weights, build_tokenizer([pieces[place] for place in kept]))
    share = sum(counts[place] for place in kept) / max(sum(counts.values()), 1)
    return {"pieces_before": len(pieces), "pieces": len(kept), "tokens_kept": round(share, 6)}


def count_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[int]:
    """Count how often each piece occurs in texts."""
    counts: Counter[int] = Counter()
    portion: list[str] = []
    for text in texts:
        portion.append(text)
        if len(portion) == TEXTS_AT_ONCE:
            counts.update(_ids(tokenizer, portion))
            portion = []
    counts.update(_ids(tokenizer, portion))
    return counts


def choose_pieces(pieces: list[str], counts: Counter[int], size: int) -> list[int]:
    """Return the places of the pieces to keep, in their order: see the head of this module."""
    needed = {place for place, piece in enumerate(pieces) if place < len(SPECIAL) or _is_needed(piece)}
    needed.add(len(pieces) - 1)  # <mask>
    most = sorted((place for place in counts if place not in needed), key=lambda place: (-counts[place], place))
    return sorted(needed.union(most[: max(0, size - len(needed))]))


def _is_needed(piece: str) -> bool:
    text = piece.removeprefix(WORD_START)
    if any(_is_hangul(letter) for letter in text):
        return True
    return len(text) == 0 or (len(text) == 1 and _is_needed_letter(text))


def _is_hangul(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("HANGUL")


def _is_needed_letter(letter: str) -> bool:
    if ord(letter) <= LAST_LATIN or unicodedata.category(letter)[0] in "SPN":
        return True
    try:
        letter.encode(KOREAN_CODE)
    except UnicodeEncodeError:
        return False
    return True


def _ids(tokenizer: Tokenizer, texts: list[str]) -> Iterable[int]:
    return (
        token for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False) for token in encoding.ids
    )
