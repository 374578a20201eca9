"""Training pairs as bags of word numbers, and the n-grams of every word as ragged arrays. No torch.

Texts are held as numbers because the same ones are drawn many times: 370,000 pairs take about 200 MB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet

from koe5_demo.encoding.ngram_lookup import HashArray, IntArray, NgramLookup
from koe5_demo.encoding.ngram_tokenizer import normalise_word, semantic_grams, surface_words

FloatArray = npt.NDArray[np.float32]

FEWEST_PAIRS = 2
"""One pair alone has nothing to be told from."""
_AT_ONCE = 100_000
_LOUD = 2_000
_LOUD_DAMPING = 20


@dataclass(frozen=True)
class Pairs:
    """The columns of a training file; `negative` is "" where a row has none, `source` "" where the file has none."""

    query: list[str]
    passage: list[str]
    negative: list[str]
    source: list[str]

    def __len__(self) -> int:
        return len(self.query)

    def take(self, rows: Sequence[int]) -> Pairs:
        """Return some rows, in the order given."""
        columns = (self.query, self.passage, self.negative, self.source)
        return Pairs(*([column[i] for i in rows] for column in columns))


def read_pairs(data_path: Path) -> Pairs:
    """Read a parquet file of pairs.

    Args:
        data_path: Has the columns `query` and `passage`, and may have `negative` and `source`.

    Raises:
        ValueError: If a column is missing or fewer than two rows have a query and a passage.
    """
    names = pyarrow.parquet.read_schema(data_path).names
    if missing := [name for name in ("query", "passage") if name not in names]:
        raise ValueError(f"{data_path.name} has no column {', '.join(missing)}; it has {', '.join(names)}")
    wanted = [name for name in ("query", "passage", "negative", "source") if name in names]
    table = pyarrow.parquet.read_table(data_path, columns=wanted)
    columns = {name: [value or "" for value in table[name].to_pylist()] for name in wanted}
    blank = [""] * table.num_rows
    kept = [i for i in range(table.num_rows) if columns["query"][i].strip() and columns["passage"][i].strip()]
    if len(kept) < FEWEST_PAIRS:
        raise ValueError(
            f"{data_path.name} has {len(kept)} rows with a query and a passage; at least {FEWEST_PAIRS} are needed"
        )
    return Pairs(*(columns.get(name, blank) for name in ("query", "passage", "negative", "source"))).take(kept)


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths in one array: row i is `values[offsets[i]:offsets[i + 1]]`."""

    values: npt.NDArray[np.int32] | HashArray
    offsets: IntArray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: IntArray) -> tuple[npt.NDArray[np.int32] | HashArray, IntArray]:
        """Return the values of `rows` one after another, and each row's length."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths - starts, lengths)
        return self.values[places], lengths


@dataclass(frozen=True)
class WordBag:
    """Texts as sums of words, sorted by text: entry j adds `weight[j]` times word `word[j]` to text `text[j]`."""

    text: IntArray
    word: IntArray
    weight: FloatArray
    n_texts: int


class WordBook:
    """Numbers words in order of first appearance."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._surfaces: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def words(self) -> list[str]:
        """Return the words, normalised, by number."""
        return list(self._numbers)

    def read(self, texts: Iterable[str]) -> Ragged:
        """Turn texts into word numbers, numbering new words."""
        values: list[int] = []
        offsets = [0]
        for text in texts:
            values += [self._number(surface) for surface in surface_words(text)]
            offsets.append(len(values))
        return Ragged(np.array(values, dtype=np.int32), np.array(offsets, dtype=np.int64))

    def _number(self, surface: str) -> int:
        number = self._surfaces.get(surface)
        if number is None:
            number = self._numbers.setdefault(normalise_word(surface), len(self._numbers))
            self._surfaces[surface] = number
        return number


def bag(texts: Ragged, rows: IntArray, n_words: int, *, max_words: int | None = None) -> WordBag:
    """Count the words of some texts; a word that occurs n times weighs sqrt(n).

    Args:
        texts: Word numbers of all texts.
        rows: Which texts.
        n_words: More than any word number.
        max_words: Cut texts after this many words.
    """
    values, lengths = texts.take(rows)
    owner = np.repeat(np.arange(len(rows)), lengths)
    if max_words is not None:
        place = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values, owner = values[place < max_words], owner[place < max_words]
    keys, counts = np.unique(owner * n_words + values, return_counts=True)
    return WordBag(keys // n_words, keys % n_words, np.sqrt(counts).astype(np.float32), len(rows))


def choose_vocabulary(words: Sequence[str], counts: IntArray, size: int, *, min_count: int) -> list[str]:
    """Pick the n-grams that occur most often in running text, ties in alphabetical order.

    Very frequent words vote less than they occur, or their fragments would crowd out rarer words.

    Args:
        words: Normalised words.
        counts: (n,) how often each occurs.
        size: How many n-grams at most.
        min_count: Rarer words do not vote.
    """
    votes: Counter[str] = Counter()
    for word, count in zip(words, counts.tolist(), strict=True):
        if count < min_count:
            continue
        weight = count if count < _LOUD else _LOUD + (count - _LOUD) // _LOUD_DAMPING
        for gram in set(semantic_grams(word)):
            votes[gram] += weight
    ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
    return [gram for gram, _ in ranked[:size]]


def gram_tables(words: Sequence[str], lookup: NgramLookup) -> tuple[Ragged, Ragged]:
    """Return, by word number, rows of the learned table (int32) and hashes of lexical n-grams (uint32).

    Args:
        words: Normalised words.
        lookup: Of the vocabulary.
    """
    found = [lookup.of_normalised(words[start : start + _AT_ONCE]) for start in range(0, len(words), _AT_ONCE)]
    return (
        Ragged(np.concatenate([part.rows.astype(np.int32) for part in found]), _ends([part.n_rows for part in found])),
        Ragged(np.concatenate([part.hashes for part in found]), _ends([part.n_hashes for part in found])),
    )


def _ends(lengths: Sequence[IntArray]) -> IntArray:
    return np.concatenate(([0], np.cumsum(np.concatenate(lengths))))


def inverse_document_frequency(
    passages: Ragged, lexical: Ragged, n_words: int, *, bits: int, sample: int, rng: np.random.Generator
) -> FloatArray:
    """Count in how many passages each lexical bucket occurs.

    Returns:
        (2**bits,) float32, log(n / (df + 0.5)), at least 0.05.
    """
    n = min(sample, len(passages))
    n_buckets = 1 << bits
    frequency = np.zeros(n_buckets, dtype=np.int64)
    for rows in np.array_split(rng.choice(len(passages), n, replace=False), max(1, n // 3_000)):
        words = bag(passages, rows, n_words)
        hashes, lengths = lexical.take(words.word)
        owner = np.repeat(words.text, lengths)
        buckets = (hashes & np.uint32(n_buckets - 1)).astype(np.int64)
        frequency += np.bincount(np.unique(owner * n_buckets + buckets) % n_buckets, minlength=n_buckets)
    idf: FloatArray = np.log(n / (frequency + 0.5)).clip(0.05).astype(np.float32)
    return idf
