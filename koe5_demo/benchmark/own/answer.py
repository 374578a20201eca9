"""Which model for these data: one honest sentence, and what stands behind it. Knows results, no files and no page.

"Finds the right passage first" is precision at 1. Two systems are compared on the questions where only one of them is
right (b and c of n questions):

- **p** is McNemar's exact test: the two-sided binomial probability of a split at least as uneven as b : c.
- **Interval** of the difference (b - c) / n: Clopper and Pearson's 95 % interval of b / (b + c), scaled by (b + c) / n;
  it excludes 0 where p < 0.05. With no such question it is that of a share of 0 of n, either way.
- **How many questions would settle it**: Connor's formula for paired proportions (R. J. Connor, Biometrics 43, 1987,
  207-211): with psi = (b + c) / n and d = |b - c| / n, n = (z(.975) sqrt(psi) + z(.80) sqrt(psi - d^2))^2 / d^2
  questions find a true difference of this size at the 5 % level four times in five.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.explorer import QueryView, explore
from koe5_demo.benchmark.metrics import HEADLINE_METRICS
from koe5_demo.benchmark.results import RunResult, telling_names
from koe5_demo.benchmark.systems import VARIANTS, system_name
from koe5_demo.ranking.lexical import character_bigrams
from koe5_demo.words import Language, message

LEVEL: Final = 0.05
POWER: Final = 0.80
MOST_QUESTIONS: Final = 1_000_000
"""More than this is no advice."""
MISSES: Final = 5
TWIN: Final = 0.5
"""Share of common character bigrams from which two passages count as alike."""
BYTES_A_NUMBER: Final = 4
MILLION: Final = 1_000_000
_FIRST: Final = "precision_at_1"
_SMALL_P: Final = 0.001
_TOLD_P: Final = 0.01


@dataclass(frozen=True)
class Duel:
    """Two systems on the same questions.

    Attributes:
        a, b: Their names.
        hits_a, hits_b: Questions whose first passage is right.
        only_a, only_b: Ids of the questions that one of them alone gets right.
        n: Questions.
        low, high: 95 % interval of the difference of the shares, a - b.
        p_value: Two-sided, of no difference.
        more_questions: How many more would settle it; None where it is settled, or nothing points either way.
    """

    a: str
    b: str
    hits_a: int
    hits_b: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    n: int
    low: float
    high: float
    p_value: float
    more_questions: int | None

    @property
    def settled(self) -> bool:
        """Whether the difference is more than chance would give."""
        return self.p_value < LEVEL

    def told(self, language: Language) -> dict[str, Any]:
        """Return the values that sentences about it have."""
        verdict = message("own_more_than_chance" if self.settled else "own_could_be_chance", language)
        interval = {"low": 100 * self.low, "high": 100 * self.high}
        return {**vars(self), **interval, "p": told_p(self.p_value), "verdict": verdict}


@dataclass(frozen=True)
class Miss:
    """A question whose first passage is wrong.

    Attributes:
        query_id, question: Which.
        rank: Of the first right passage; None where it is not among those kept.
        right_id, right: The right passage; no text where no file has it.
        instead_id, instead: What came first.
        score: Of what came first.
        why: Keys of `words` that say what is known of the reason, as `own_why_<key>`.
    """

    query_id: str
    question: str
    rank: int | None
    right_id: str
    right: str
    instead_id: str
    instead: str
    score: float | None
    why: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """One system.

    Attributes:
        model, name: Id, and how people call it.
        hits: Questions whose first passage is right.
        metrics: The measures of the table, in [0, 1].
        only: Ids of the questions that it alone gets right among all systems.
        misses: The worst ones, worst first.
        texts_per_s: Encoding speed; None where every vector was there already, or there are none.
        vector_bytes: Of one passage; 0 for lexical search.
        queries_cut, documents_cut: Texts longer than the model reads.
    """

    model: str
    name: str
    hits: int
    metrics: Mapping[str, float]
    only: tuple[str, ...]
    misses: tuple[Miss, ...]
    texts_per_s: float | None
    vector_bytes: int
    queries_cut: int
    documents_cut: int

    @property
    def memory_gb(self) -> float:
        """Memory for the vectors of a million passages, in 10^9 bytes."""
        return self.vector_bytes * MILLION / 1e9


@dataclass(frozen=True)
class Answer:
    """What a run on somebody's own data says.

    Attributes:
        dataset: Its name.
        n: Questions.
        standings: Systems, best first: by questions right at once, then by NDCG@10.
        duels: The best against each other one.
        variants: Each model as it is meant to be used (a) against itself without prefixes or with windows (b).
    """

    dataset: str
    n: int
    standings: tuple[Standing, ...]
    duels: tuple[Duel, ...]
    variants: tuple[Duel, ...]

    def sentence(self, language: Language) -> str:
        """Return the answer in one sentence: the best system and the next one."""
        best = self.standings[0]
        if not self.duels:
            low, high = share_interval(best.hits, self.n)
            values = {"a": best.name, "hits": best.hits, "n": self.n, "low": 100 * low, "high": 100 * high}
            return message("own_answer_one", language, **values)
        duel = self.duels[0]
        key = "own_answer_equal" if duel.hits_a == duel.hits_b else "own_answer"
        return message(key, language, **duel.told(language))

    def lines(self, language: Language) -> list[str]:
        """Return the sentence, and what qualifies it: interval, how many more questions, the other systems."""
        lines = [self.sentence(language)]
        for n, duel in enumerate(self.duels):
            values = duel.told(language)
            if n:
                lines.append(message("own_answer_other", language, **values))
            lines.append(message("own_interval", language, **values))
            if duel.more_questions is not None:
                lines.append(message("own_more_questions", language, more=duel.more_questions))
            elif not duel.settled:
                lines.append(message("own_no_direction", language))
        told = [{**duel.told(language), "b": name_in(duel.b, language)} for duel in self.variants]
        return [*lines, *(message("own_variant", language, **values) for values in told)]


def make_answer(results: Sequence[RunResult], data: RetrievalData) -> Answer:
    """Say what results on one set mean.

    Args:
        results: One a system, at least one, fresh from a run, all on `data`.
        data: The set.
    """
    names = shown_names(results)
    mains = sorted(main_results(results), key=lambda r: (-_hits(r), -r.metrics["ndcg_at_10"]))
    standings = tuple(_standing(result, mains, data, names) for result in mains)
    duels = tuple(duel(mains[0], other, names) for other in mains[1:])
    by_name = {result.model: result for result in results}
    bases = [(by_name.get(result.model.partition(":")[2]), result) for result in results if _variant(result)]
    variants = tuple(duel(base, result, names) for base, result in bases if base is not None and _matters(base, result))
    return Answer(data.name, len(data.queries), standings, duels, variants)


def main_results(results: Sequence[RunResult]) -> list[RunResult]:
    """Return the results of systems as they are meant to be used; all where there is none."""
    return [result for result in results if not _variant(result)] or list(results)


def duel(a: RunResult, b: RunResult, names: Mapping[str, str]) -> Duel:
    """Compare two systems question by question."""
    right_a, right_b = _right(a), _right(b)
    only_a = tuple(q for q, x, y in zip(a.query_ids, right_a, right_b, strict=True) if x and not y)
    only_b = tuple(q for q, x, y in zip(a.query_ids, right_a, right_b, strict=True) if y and not x)
    n, more, less = len(a.query_ids), len(only_a), len(only_b)
    p_value = mcnemar(more, less)
    low, high = difference_interval(more, less, n)
    needed = questions_needed(more, less, n) if p_value >= LEVEL else None
    left = max(1, needed - n) if needed is not None else None
    own = (names[a.fingerprint], names[b.fingerprint], _hits(a), _hits(b))
    return Duel(*own, only_a, only_b, n, low, high, p_value, left)


def mcnemar(b: int, c: int) -> float:
    """Return McNemar's exact two-sided p-value of b against c; 1 for no difference at all.

    >>> round(mcnemar(15, 8), 4), mcnemar(0, 0)
    (0.21, 1.0)
    """
    n, few = b + c, min(b, c)
    tail = sum(math.comb(n, k) for k in range(few + 1))
    return min(1.0, float(2 * tail / 2**n)) if n else 1.0


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """Return Clopper and Pearson's 95 % interval of a share."""
    from scipy.special import betaincinv

    low = float(betaincinv(hits, n - hits + 1, LEVEL / 2)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - LEVEL / 2)) if hits < n else 1.0
    return low, high


def difference_interval(b: int, c: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of (b - c) / n; see the module's head."""
    if b + c == 0:
        most = share_interval(0, n)[1]
        return -most, most
    low, high = share_interval(b, b + c)
    scale = (b + c) / n
    return (2 * low - 1) * scale, (2 * high - 1) * scale


def questions_needed(b: int, c: int, n: int) -> int | None:
    """Return how many questions in all would settle a difference of this size; see the module's head.

    None where b equals c, or where it would be more than a million.
    """
    from scipy.special import ndtri

    if b == c:
        return None
    psi, d = (b + c) / n, abs(b - c) / n
    z = float(ndtri(1 - LEVEL / 2)) * math.sqrt(psi) + float(ndtri(POWER)) * math.sqrt(max(psi - d * d, 0))
    needed = math.ceil(z * z / (d * d))
    return needed if needed <= MOST_QUESTIONS else None


def told_p(p: float) -> str:
    """Return a p-value as a sentence has it."""
    if p < _SMALL_P:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < _TOLD_P or round(p, 2) == LEVEL else f"p = {p:.2f}"


def shown_names(results: Sequence[RunResult]) -> dict[str, str]:
    """Return how people call each system, by fingerprint: KoE5, BM25, KoE5 + BM25; ids where names would be equal."""
    telling = telling_names(results)
    names = {result.fingerprint: system_name(result.model) for result in results}
    shared = [name for name in names.values() if list(names.values()).count(name) > 1]
    return {key: telling[key] if name in shared else name for key, name in names.items()}


def name_in(name: str, language: Language) -> str:
    """Return a system's name with its variant said in a language; names are made in English.

    >>> name_in("KoE5 (no prefixes)", Language.KO)
    'KoE5 (접두사 없이)'
    """
    for key in (f"system_{variant}" for variant in VARIANTS):
        name = name.replace(f"({message(key, Language.EN)})", f"({message(key, language)})")
    return name


def answer_record(answer: Answer, *, with_texts: bool = False) -> dict[str, Any]:
    """Return an answer as JSON values; texts only where they are asked for."""

    def miss(found: Miss) -> dict[str, Any]:
        texts = ("question", "right", "instead")
        return {name: value for name, value in vars(found).items() if with_texts or name not in texts}

    def side(found: Standing) -> dict[str, Any]:
        values = {name: value for name, value in vars(found).items() if name not in ("misses", "metrics")}
        return {**values, "memory_gb": found.memory_gb, "misses": [miss(each) for each in found.misses]}

    return {
        "sentence": {language.value: answer.sentence(language) for language in Language},
        "lines": {language.value: answer.lines(language) for language in Language},
        "questions": answer.n,
        "systems": [side(standing) for standing in answer.standings],
        "comparisons": [{**vars(found), "settled": found.settled} for found in answer.duels],
        "variants": [{**vars(found), "settled": found.settled} for found in answer.variants],
    }


def _standing(result: RunResult, mains: Sequence[RunResult], data: RetrievalData, names: Mapping[str, str]) -> Standing:
    others = np.zeros(len(result.query_ids), dtype=bool)
    for other in mains:
        if other is not result:
            others |= _right(other)
    alone = _right(result) & ~others if len(mains) > 1 else others
    manifest = result.manifest
    seconds = manifest.seconds.get("encode", 0.0)
    return Standing(
        model=result.model,
        name=names[result.fingerprint],
        hits=_hits(result),
        metrics={name: result.metrics[name] for name in HEADLINE_METRICS},
        only=tuple(q for q, is_alone in zip(result.query_ids, alone, strict=True) if is_alone),
        misses=_misses(result, data),
        texts_per_s=round(manifest.texts_encoded / seconds, 1) if manifest.texts_encoded and seconds else None,
        vector_bytes=BYTES_A_NUMBER * int(manifest.model["dimensions"]),
        queries_cut=manifest.queries_cut,
        documents_cut=manifest.documents_cut,
    )


def _misses(result: RunResult, data: RetrievalData) -> tuple[Miss, ...]:
    """Return the questions whose right passage came last or not at all; of equal ones the first asked."""
    views = explore(result, data, only_wrong=True)
    worst = sorted(views, key=lambda view: -min((g.rank for g in view.gold if g.rank is not None), default=10**9))
    return tuple(_miss(view, result) for view in worst[:MISSES])


def _miss(view: QueryView, result: RunResult) -> Miss:
    right = min(view.gold, key=lambda gold: gold.rank if gold.rank is not None else 10**9)
    row = result.query_ids.index(view.query_id)
    place = None if right.rank is None else right.rank - 1
    first = view.hits[0] if view.hits else None
    return Miss(
        query_id=view.query_id,
        question=view.text,
        rank=right.rank,
        right_id=right.document_id,
        right=right.text,
        instead_id=first.document_id if first else "",
        instead=first.text if first else "",
        score=first.score if first else None,
        why=_why(view, right.text, _tokens(result, row, place) > result.max_tokens > 0),
    )


def _why(view: QueryView, right: str, right_cut: bool) -> tuple[str, ...]:
    """Return what is known of the reason of a miss; texts are compared by character bigrams, as BM25 has them."""
    question, answer, instead = (
        set(grams) for grams in character_bigrams([view.text, right, view.hits[0].text if view.hits else ""])
    )
    known = (
        ("not_in_corpus", not right),
        ("nothing_came", not view.hits),
        ("question_cut", view.truncated),
        ("right_cut", right_cut),
        ("twin", bool(answer) and len(answer & instead) >= TWIN * len(answer | instead)),
        ("no_words", bool(right) and not question & answer),
        ("words", len(question & instead) > len(question & answer)),
    )
    return tuple(key for key, holds in known if holds) or ("unknown",)


def _tokens(result: RunResult, row: int, place: int | None) -> int:
    return 0 if result.hit_tokens is None or place is None else int(result.hit_tokens[row][place])


def _right(result: RunResult) -> Any:
    return result.per_query[_FIRST] > 0


def _hits(result: RunResult) -> int:
    return int(np.count_nonzero(_right(result)))


def _matters(base: RunResult, variant: RunResult) -> bool:
    """Whether a variant is another way at all: there are prefixes to leave out, or texts that were cut."""
    return not base.unprompted if variant.model.startswith("bare:") else base.manifest.documents_cut > 0


def _variant(result: RunResult) -> bool:
    return result.model.partition(":")[0] in VARIANTS
