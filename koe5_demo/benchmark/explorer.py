"""Every query of a result with its best documents: what a reader opens to see why a number is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.datasets.registry import kept_dataset
from koe5_demo.benchmark.results import RunResult
from koe5_demo.errors import DataError

TOP: Final = 10


@dataclass(frozen=True)
class HitView:
    """A document that was found.

    Attributes:
        rank: Counted from 1.
        document_id, text: Which.
        score: As ranked: cosine, BM25 or fused.
        grade: Judgement; None where there is none, 1 or more is relevant.
        other_rank: Rank in the other result; None where it is not among the documents kept there.
        tokens: Before any cut; None for lexical search.
        truncated: Whether its end was lost.
    """

    rank: int
    document_id: str
    text: str
    score: float
    grade: int | None
    other_rank: int | None
    tokens: int | None
    truncated: bool

    @property
    def relevant(self) -> bool:
        """Whether it is a right answer."""
        return self.grade is not None and self.grade >= 1


@dataclass(frozen=True)
class GoldView:
    """A right answer.

    Attributes:
        document_id, text: Which; no text where the corpus lacks it.
        rank: Where it was found; None where it is not among the documents kept.
    """

    document_id: str
    text: str
    rank: int | None


@dataclass(frozen=True)
class QueryView:
    """A query with its best documents.

    Attributes:
        query_id, text: Which.
        tokens: Before any cut; None for lexical search.
        truncated: Whether its end was lost.
        ndcg_at_10: Its measure, in [0, 1].
        wrong: Whether the first document is no right answer.
        hits: Up to ten documents, best first.
        gold: All right answers.
    """

    query_id: str
    text: str
    tokens: int | None
    truncated: bool
    ndcg_at_10: float
    wrong: bool
    hits: tuple[HitView, ...]
    gold: tuple[GoldView, ...]


def data_of(result: RunResult) -> RetrievalData:
    """Return the texts and judgements that a result was made with.

    Raises:
        DataError: If they cannot be had, or are not the same any more.
    """
    data = kept_dataset(result.dataset)
    if data.content_hash() != result.manifest.data["content"]:
        raise DataError("runs_share_nothing", a=result.dataset, b=data.name)
    return data


def explore(
    result: RunResult, data: RetrievalData, other: RunResult | None = None, *, only_wrong: bool = False
) -> list[QueryView]:
    """Return the queries of a result, in the data's order.

    Args:
        result: What to look at.
        data: The data set of it.
        other: A second result on the same data, for the ranks there.
        only_wrong: Leave out queries whose first document is a right answer.

    Raises:
        DataError: If result, other and data do not belong together.
    """
    for run in (result, other):
        if run is not None and run.query_ids != data.query_ids:
            raise DataError("runs_share_nothing", a=run.dataset, b=data.name)
    texts = dict(zip(data.document_ids, data.documents, strict=True))
    views = (_query(result, data, other, texts, row) for row in range(len(data.query_ids)))
    return [view for view in views if view.wrong or not only_wrong]


def ranking_form(view: QueryView) -> tuple[str, str]:
    """Return a query and its passages as the boxes of the ranking tab hold them, parted by blank lines.

    Right answers that are not among the best documents come last.
    """
    found = {hit.document_id for hit in view.hits}
    missed = [gold.text for gold in view.gold if gold.document_id not in found and gold.text]
    passages = [_one_block(text) for text in (*(hit.text for hit in view.hits), *missed)]
    return " ".join(view.text.split()), "\n\n".join(text for text in passages if text)


def _one_block(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


def _query(
    result: RunResult, data: RetrievalData, other: RunResult | None, texts: dict[str, str], row: int
) -> QueryView:
    query_id = data.query_ids[row]
    grades = data.qrels[query_id]
    ids = result.hits[row]
    lengths: list[int] = result.hit_tokens[row].tolist() if result.hit_tokens is not None else []
    ranks = {document_id: rank for rank, document_id in enumerate(ids, start=1)}
    other_ranks = {document_id: rank for rank, document_id in enumerate(other.hits[row], start=1)} if other else {}
    hits = tuple(
        HitView(
            rank=place + 1,
            document_id=document_id,
            text=texts.get(document_id, ""),
            score=float(result.hit_scores[row][place]),
            grade=grades.get(document_id),
            other_rank=other_ranks.get(document_id),
            tokens=lengths[place] if lengths else None,
            truncated=bool(lengths) and lengths[place] > result.max_tokens,
        )
        for place, document_id in enumerate(ids[:TOP])
    )
    tokens = int(result.query_tokens[row]) if result.query_tokens is not None else None
    gold = [document_id for document_id, grade in grades.items() if grade >= 1]
    return QueryView(
        query_id=query_id,
        text=data.queries[row],
        tokens=tokens,
        truncated=(tokens or 0) > result.max_tokens,
        ndcg_at_10=float(result.per_query["ndcg_at_10"][row]),
        wrong=not (hits and hits[0].relevant),
        hits=hits,
        gold=tuple(GoldView(id_, texts.get(id_, ""), ranks.get(id_)) for id_ in gold),
    )
