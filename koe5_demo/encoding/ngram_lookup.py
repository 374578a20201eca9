"""The n-grams of many words at once: what `ngram_tokenizer` defines word by word, as array operations.

A chunk of text has thousands of different words, each with some twenty n-grams: looked up one by one they would cost
more than all the arithmetic that follows. Here the words stand one after another as an array of letters, an n-gram of
up to four letters is one 64-bit number, and all of them are looked up together. Nothing is remembered between calls.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final
from unicodedata import is_normalized, normalize

import numpy as np
import numpy.typing as npt

from koe5_demo.encoding.ngram_tokenizer import LONGEST_GRAM, WHOLE_WORD_MARK, keep_letters

IntArray = npt.NDArray[np.int64]
HashArray = npt.NDArray[np.uint32]
KeyArray = npt.NDArray[np.uint64]

LETTER_BITS: Final = 16
UNKNOWN: Final = (1 << LETTER_BITS) - 1
"""The number of every letter that the vocabulary does not have."""
_NO_GRAM: Final = np.uint64(2**64 - 1)
_EDGES: Final = 2
_N_CODE_POINTS: Final = 0x110000
# Letters from here on take 2, 3 and 4 bytes in UTF-8; the first byte's mark by number of bytes that follow.
_UTF8_LIMITS: Final = np.array([0x80, 0x800, 0x10000], dtype=np.uint32)
_UTF8_LEADS: Final = np.array([0, 0xC0, 0xE0, 0xF0], dtype=np.uint32)
_UTF8_SHIFTS: Final = np.array([0, 6, 12, 18], dtype=np.uint32)
_CRC_EDGE: Final = np.uint32(0xFFFFFFFF)
# The CRC-32 of one byte is the table's entry for that byte but for the constants at both ends.
_CRC_TABLE: Final = np.array([zlib.crc32(bytes([i ^ 0xFF])) ^ 0xFF000000 for i in range(256)], dtype=np.uint32)


@dataclass(frozen=True)
class WordGrams:
    """The n-grams of words, word after word.

    Attributes:
        rows: Rows of known n-grams in the learned table, (r,) int64.
        n_rows: How many of them each word has, (n,) int64; may be 0.
        hashes: Hashes of character pairs and whole words, (h,) uint32.
        n_hashes: How many of them each word has, (n,) int64; at least 2.
    """

    rows: IntArray
    n_rows: IntArray
    hashes: HashArray
    n_hashes: IntArray


class NgramLookup:
    """Looks up the n-grams of words. Safe to share between threads: it never changes.

    Args:
        vocabulary: The n-grams of the learned table, in row order, without repeats.

    Raises:
        ValueError: If an n-gram is listed twice, or the n-grams have more than `MOST_LETTERS` different letters.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary: tuple[str, ...] = tuple(vocabulary)
        rows = {gram: row for row, gram in enumerate(self.vocabulary)}
        if len(rows) != len(self.vocabulary):
            raise ValueError(f"the vocabulary repeats n-grams: {len(self.vocabulary)} listed, {len(rows)} differ")
        self._long_rows = {gram: row for gram, row in rows.items() if len(gram) > LONGEST_GRAM}
        short = [gram for gram in rows if 0 < len(gram) <= LONGEST_GRAM]
        letters = code_points("".join(short))
        self._numbers = _number_letters(letters)
        lengths = np.array([len(gram) for gram in short], dtype=np.int64)
        keys = _keys(self._numbers[letters])[np.cumsum(lengths) - lengths, lengths]
        order = np.argsort(keys)
        # The last key is greater than any n-gram's: a search always ends at a key.
        self._sorted_keys = np.append(keys[order], _NO_GRAM)
        self._sorted_rows = np.append(np.array([rows[gram] for gram in short], dtype=np.int64)[order], -1)

    def of(self, surfaces: Sequence[str]) -> WordGrams:
        """Return the n-grams of words as written in a text.

        The same n-grams as `semantic_grams` (those in the vocabulary) and `lexical_grams` of every word's
        `normalise_word`, in an order of their own.
        """
        return self.of_normalised(normalise_words(surfaces))

    def of_normalised(self, words: Sequence[str]) -> WordGrams:
        """Return the n-grams of words that are folded already."""
        marked = [f"<{word}>" for word in words]
        letters = code_points("".join(marked))
        lengths = np.fromiter(map(len, marked), dtype=np.int64, count=len(marked))
        rows = self._rows_by_letter(marked, letters, lengths)
        known = rows >= 0
        ends = np.cumsum(lengths)
        n_known = np.concatenate(([0], np.cumsum(known.sum(axis=1))))
        return WordGrams(
            rows=rows[known],
            n_rows=n_known[ends] - n_known[ends - lengths],
            hashes=_hashes(letters, lengths),
            n_hashes=lengths,
        )

    def _rows_by_letter(self, marked: list[str], letters: HashArray, lengths: IntArray) -> IntArray:
        """Return (letters, LONGEST_GRAM + 1) rows, -1 where there is none: the n-grams that begin at each letter.

        Column k has the n-gram of k letters; column 0, at a word's first mark, has the whole word.
        """
        ends = np.cumsum(lengths)
        left = np.repeat(ends, lengths) - np.arange(len(letters))
        keys = _keys(self._numbers[letters])
        rows = np.full(keys.shape, -1, dtype=np.int64)
        for length in range(2, LONGEST_GRAM + 1):
            complete = left >= length
            rows[complete, length] = self._find(keys[complete, length])
        single = np.repeat(lengths > _EDGES + 1, lengths)
        single[ends - 1] = single[ends - lengths] = False
        rows[single, 1] = self._find(keys[single, 1])
        starts = ends - lengths
        rows[starts, 0] = np.fromiter(map(self._long_rows.get, marked, repeat(-1)), dtype=np.int64, count=len(marked))
        # A word of one letter is its own 3-gram and the whole word: it counts twice.
        one = starts[lengths == _EDGES + 1]
        rows[one, 0] = rows[one, 3]
        return rows

    def _find(self, keys: KeyArray) -> IntArray:
        places = np.searchsorted(self._sorted_keys, keys)
        return np.where(self._sorted_keys[places] == keys, self._sorted_rows[places], -1)


def normalise_words(surfaces: Sequence[str]) -> list[str]:
    """Fold words as `normalise_word` does, in one pass over all of them.

    Line breaks part the words (none has one inside): they take part in no rule of lower case that looks at the letters
    around, so that each word is folded as if it stood alone. Words that need more than lower case are few.
    """
    if not surfaces:
        return []
    joined = "\n".join(surfaces)
    if not is_normalized("NFKC", joined):
        joined = "\n".join([word if is_normalized("NFKC", word) else normalize("NFKC", word) for word in surfaces])
    folded = joined.lower().split("\n")
    return folded if "".join(folded).isalnum() else [word if word.isalnum() else keep_letters(word) for word in folded]


def code_points(text: str) -> HashArray:
    """Return the letters of a text as numbers, (n,) uint32; lone surrogates are letters like any other."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _number_letters(letters: HashArray) -> npt.NDArray[np.uint16]:
    """Return the number of every code point: 1, 2, 3 ... for those given, `UNKNOWN` for all others.

    Raises:
        ValueError: If there are too many.
    """
    different = np.unique(letters)
    if len(different) >= UNKNOWN:
        raise ValueError(
            f"the vocabulary has {len(different)} different letters, at most {UNKNOWN - 1} can be told apart"
        )
    numbers = np.full(_N_CODE_POINTS, UNKNOWN, dtype=np.uint16)
    numbers[different] = np.arange(1, len(different) + 1)
    return numbers


def _keys(numbers: npt.NDArray[np.uint16]) -> KeyArray:
    """Return (n, LONGEST_GRAM + 1): in column k the k letters from each letter on, as one number."""
    padded = np.append(numbers, [UNKNOWN] * LONGEST_GRAM).astype(np.uint64)
    keys = np.zeros((len(numbers), LONGEST_GRAM + 1), dtype=np.uint64)
    for length in range(1, LONGEST_GRAM + 1):
        last = padded[length - 1 : length - 1 + len(numbers)]
        keys[:, length] = keys[:, length - 1] << np.uint64(LETTER_BITS) | last
    return keys


def _hashes(letters: HashArray, lengths: IntArray) -> HashArray:
    """Return the hash of the pair that begins at each letter and, at a word's last letter, that of the whole word."""
    hashes: HashArray = _feed(_feed(np.full(len(letters), _CRC_EDGE), letters), np.roll(letters, -1)) ^ _CRC_EDGE
    ends = np.cumsum(lengths)
    hashes[ends - 1] = _hash_words(letters, ends - lengths, lengths)
    return hashes


def _hash_words(letters: HashArray, starts: IntArray, lengths: IntArray) -> HashArray:
    """Return the hash of every word and `WHOLE_WORD_MARK`, (n,)."""
    crc = np.full(len(starts), _CRC_EDGE)
    for place in range(int(lengths.max(initial=0))):
        going_on = np.flatnonzero(lengths > place)
        crc[going_on] = _feed(crc[going_on], letters[starts[going_on] + place])
    hashes: HashArray = _feed(crc, np.full(len(crc), ord(WHOLE_WORD_MARK), dtype=np.uint32)) ^ _CRC_EDGE
    return hashes


def _feed(crc: HashArray, letters: HashArray) -> HashArray:
    """Feed a letter's UTF-8 bytes to each of many running CRC-32."""
    n_more = np.searchsorted(_UTF8_LIMITS, letters, side="right")
    crc = _feed_byte(crc, _UTF8_LEADS[n_more] | letters >> _UTF8_SHIFTS[n_more])
    for place in (2, 1, 0):
        byte = letters >> _UTF8_SHIFTS[place] & np.uint32(0x3F) | np.uint32(0x80)
        crc = np.where(n_more > place, _feed_byte(crc, byte), crc)
    return crc


def _feed_byte(crc: HashArray, byte: HashArray) -> HashArray:
    fed: HashArray = _CRC_TABLE[(crc ^ byte) & np.uint32(0xFF)] ^ crc >> np.uint32(8)
    return fed
