"""KoE5 demo: try the Korean retrieval embedding model KoE5 on your own texts.

from koe5_demo import RankingRequest, load_encoder, rank, rank_all, similarity
encoder = load_encoder("mini")
hits = rank("수도는 어디인가요?", ["서울은 수도이다.", "부산은 항구이다."], encoder)
result = rank_all(RankingRequest(["수도는?"], ["서울은 수도이다.", "부산은 항구이다."], compare_with="bm25"), encoder)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from koe5_demo.ranking import RankingRequest, RankingResult, rank, rank_all, similarity
from koe5_demo.records import Prompts, Role
from koe5_demo.version import __version__

if TYPE_CHECKING:
    from koe5_demo.encoding.opening import load_encoder

__all__ = [
    "Prompts",
    "RankingRequest",
    "RankingResult",
    "Role",
    "__version__",
    "load_encoder",
    "rank",
    "rank_all",
    "similarity",
]


def __getattr__(name: str) -> Any:
    """Import the loader, and the hub's client with it, only when it is asked for."""
    if name == "load_encoder":
        from koe5_demo.encoding.opening import load_encoder

        return load_encoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
