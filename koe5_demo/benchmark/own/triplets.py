"""Hard negatives of a model on somebody's own questions, as triplets for training.

A negative is the best passage that is no right answer and whose score is at most `1 - MARGIN` times that of the right
one: what scores nearly as high is often right too, only nobody said so. The rule is that of NV-Retriever's TopK-PercPos
(Moreira et al., 2024), at its 95 %. A passage that was judged wrong needs no such guard and goes first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from koe5_demo.benchmark.datasets.records import RetrievalData
from koe5_demo.benchmark.results import RunResult
from koe5_demo.errors import InputError

MARGIN: Final = 0.05


@dataclass(frozen=True)
class Triplets:
    """What was mined.

    Attributes:
        model: Which mined.
        rows: (query, right passage, hard negative).
        pairs: Pairs of a question and a right passage that there were.
        too_close: Passages passed over because they score nearly as high as the right one.
        right_not_found: Pairs left out: the right passage is not among those kept, so that its score is not known.
        no_negative: Pairs left out: no passage is far enough below.
    """

    model: str
    rows: tuple[tuple[str, str, str], ...]
    pairs: int
    too_close: int
    right_not_found: int
    no_negative: int

    def lines(self) -> str:
        """Return JSON Lines under the names that training reads."""
        names = ("query", "document", "hard_negative")
        return "".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in self.rows)


def mine_triplets(result: RunResult, data: RetrievalData, *, margin: float = MARGIN) -> Triplets:
    """Mine one hard negative for every pair of a question and a right passage.

    Args:
        result: Of the model that mines, fresh from a run on `data`.
        data: The set.
        margin: How far below the right passage's score a negative must be, as a share of that score, in [0, 1).

    Raises:
        InputError: If the margin is out of range.
    """
    if not 0 <= margin < 1:
        raise InputError("bad_option", name="--margin", value=margin, valid="0 <= x < 1")
    texts = dict(zip(data.document_ids, data.documents, strict=True))
    rows: list[tuple[str, str, str]] = []
    pairs = too_close = lost = without = 0
    for row, query in enumerate(data.queries):
        grades = data.qrels[data.query_ids[row]]
        scores = dict(zip(result.hits[row], result.hit_scores[row].tolist(), strict=True))
        judged = [id_ for id_ in (*scores, *grades) if grades.get(id_, 1) < 1 and id_ in texts]
        for right in (id_ for id_, grade in grades.items() if grade >= 1 and id_ in texts):
            pairs += 1
            if judged:
                rows.append((query, texts[right], texts[judged[0]]))
                continue
            if right not in scores:
                lost += 1
                continue
            others = [id_ for id_ in scores if id_ not in grades]
            far = [id_ for id_ in others if scores[id_] <= scores[right] - margin * abs(scores[right])]
            too_close += len(others) - len(far)
            if far:
                rows.append((query, texts[right], texts[far[0]]))
            else:
                without += 1
    return Triplets(result.model, tuple(rows), pairs, too_close, lost, without)
