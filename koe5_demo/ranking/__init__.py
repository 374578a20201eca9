"""What happens to texts once there are vectors: scores and ranks, windows, second opinions, explanations, maps."""

from __future__ import annotations

from koe5_demo.ranking.result import RankingRequest, RankingResult, TextRef, explain_texts, rank_all
from koe5_demo.ranking.scores import Comparison, compare, cosines, rank, similarity

__all__ = [
    "Comparison",
    "RankingRequest",
    "RankingResult",
    "TextRef",
    "compare",
    "cosines",
    "explain_texts",
    "rank",
    "rank_all",
    "similarity",
]
