"""Ready examples: texts to start from, and what they show; kept in assets/examples.json."""

from __future__ import annotations

import json
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
    """

    id: str
    title: dict[Language, str]
    note: dict[Language, str]
    queries: tuple[str, ...]
    passages: tuple[str, ...]
    compare_with: str = ""

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
        )
        for item in raw
    )


def rank_first_example(encoder: Encoder) -> None:
    """Rank the first example, so that whoever comes first finds it computed."""
    first = examples()[0]
    compare(first.queries, first.passages, encoder)


def example_note(queries: str, passages: str, language: Language) -> str:
    """Return what an example shows while the boxes hold it unchanged, else nothing."""
    held = (queries.strip(), passages.strip())
    found = (example for example in examples() if (example.text_of_queries, example.text_of_passages) == held)
    return next((example.note[language] for example in found), "")
