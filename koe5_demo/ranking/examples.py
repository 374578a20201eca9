"""Ready examples: texts to start from, and what they show; kept in assets/examples.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from koe5_demo.catalog import ASSETS
from koe5_demo.ranking.scores import compare
from koe5_demo.records import Encoder
from koe5_demo.words import Language


@dataclass(frozen=True)
class Example:
    """A ready example.

    Attributes:
        compare_with: A second system that belongs to it, "bm25" say; empty for none.
        published: Scores that KoE5's card prints of it: two texts, named as `TextRef` writes them, and the cosine.
    """

    id: str
    title: dict[Language, str]
    note: dict[Language, str]
    queries: tuple[str, ...]
    passages: tuple[str, ...]
    compare_with: str = ""
    published: tuple[tuple[str, str, float], ...] = ()

    @property
    def text_of_queries(self) -> str:
        """What stands in the query box."""
        return "\n".join(self.queries)

    @property
    def text_of_passages(self) -> str:
        """What stands in the passage box, parted by blank lines."""
        return "\n\n".join(self.passages)


@cache
def examples() -> tuple[Example, ...]:
    """Return the ready examples; the first is what the page opens with."""
    raw = json.loads((ASSETS / "examples.json").read_text("utf-8"))
    return tuple(
        Example(
            id=item["id"],
            title={language: item["title"][language.value] for language in Language},
            note={language: item["note"][language.value] for language in Language},
            queries=tuple(item["queries"]),
            passages=tuple(item["passages"]),
            compare_with=item.get("compare_with", ""),
            published=tuple((left, right, score) for left, right, score in item.get("published", ())),
        )
        for item in raw
    )


def rank_first_example(encoder: Encoder) -> None:
    """Rank the first example, so that whoever comes first finds it computed."""
    first = examples()[0]
    compare(first.queries, first.passages, encoder)


def example_of(queries: str, passages: str) -> Example | None:
    """Return the example that the boxes hold unchanged, else None."""
    held = (queries.strip(), passages.strip())
    return next((one for one in examples() if (one.text_of_queries, one.text_of_passages) == held), None)


def example_note(queries: str, passages: str, language: Language) -> str:
    """Return what an example shows while the boxes hold it unchanged, else nothing."""
    found = example_of(queries, passages)
    return "" if found is None else found.note[language]


def published_scores(queries: Sequence[str], passages: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    """Return what KoE5's card prints of these texts; nothing of others."""
    asked = (tuple(queries), tuple(passages))
    return next((one.published for one in examples() if (one.queries, one.passages) == asked), ())
