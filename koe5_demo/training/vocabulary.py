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
from pathlib import Path
from typing import Final

from safetensors.numpy import load_file
from tokenizers import Tokenizer

from koe5_demo.encoding.opening import Files, fetch_files, find_source
from koe5_demo.training.recipe import Recipe
from koe5_demo.training.triplets import Triplets
from koe5_demo.training.wheel_base import SPECIAL, WORDS, build_tokenizer, write_bert

WORD_START: Final = "▁"
KOREAN_CODE: Final = "cp949"
ROWS_AT_ONCE: Final = 4_096
LAST_LATIN: Final = 0x24F


def cut_vocabulary(files: Files, recipe: Recipe, triplets: Triplets, folder: Path) -> Files:
    """Return the base with the vocabulary that the recipe wants, written to `folder`; as it is where it wants all.

    More pieces are kept than wanted where the single characters and Hangul pieces alone are more.
    """
    if recipe.vocabulary is None:
        return files
    if not (folder / "modules.json").is_file():
        source = files.folder
        tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
        counts: Counter[int] = Counter()
        for batch in triplets.table.to_batches(ROWS_AT_ONCE):
            for column in batch.columns:
                texts = [text for text in column.to_pylist() if text is not None]
                for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
                    counts.update(encoding.ids)
        pieces: list[tuple[str, float]] = [
            (text, score) for text, score in json.loads(tokenizer.to_str())["model"]["vocab"]
        ]
        kept = choose_pieces([text for text, _ in pieces], counts, recipe.vocabulary)
        weights = load_file(source / "model.safetensors")
        weights[WORDS] = weights[WORDS][kept]
        config = json.loads((source / "config.json").read_text("utf-8")) | {"vocab_size": len(kept)}
        write_bert(folder, config, weights, build_tokenizer([pieces[place] for place in kept]))
    return fetch_files(find_source(str(folder)), timeout=0)


def choose_pieces(pieces: list[str], counts: Counter[int], size: int) -> list[int]:
    """Return the places of the pieces to keep, in their order: see the head of this module."""
    needed = {place for place, piece in enumerate(pieces) if place < len(SPECIAL) or _is_needed(piece)}
    needed.add(len(pieces) - 1)  # <mask>
    most = sorted((place for place in counts if place not in needed), key=lambda place: (-counts[place], place))
    return sorted(needed.union(most[: max(0, size - len(needed))]))


def _is_needed(piece: str) -> bool:
    text = piece.removeprefix(WORD_START)
    if any(unicodedata.name(letter, "").startswith("HANGUL") for letter in text):
        return True
    if len(text) != 1:
        return not text
    if ord(text) <= LAST_LATIN or unicodedata.category(text)[0] in "SPN":
        return True
    try:
        text.encode(KOREAN_CODE)
    except UnicodeEncodeError:
        return False
    return True
