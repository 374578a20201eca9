"""A data set: its description before it is had, its texts and judgements after. Knows no hub and no files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from koe5_demo.records import Notice

StoredAs = Literal["mteb", "question-answer", "belebele"]
"""How a set is stored: corpus, queries and judgements; question and answer columns; Belebele's passages."""

BYTES_PER_TOKEN: Final = 5.0
"""UTF-8 bytes of Korean prose per token of XLM-RoBERTa's vocabulary, roughly: for time estimates only."""


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A retrieval data set that can be asked for by name.

    Attributes:
        id: Name on the command line and the page.
        task: Name of the MTEB task that it must equal; the id for sets that MTEB does not have.
        hub_id: Repository of the hub; None for a folder.
        revision: Full commit, or a branch that is resolved to a commit at download; empty for a folder.
        subset: Configuration that MTEB reads, "default" where there is one only.
        split: Which judgements are used.
        layout: How it is stored.
        n_documents, n_queries: Sizes as MTEB states them; 0 where unknown.
        text_bytes: UTF-8 bytes of all documents and queries, for time estimates; 0 where unknown.
        licence: As its publisher states it.
        summary_ko, summary_en: One sentence for people who choose.
        default: Whether it runs unless others are chosen.
        suite: Whether it belongs to the three sets of the KoE5 paper.
        ours: Whether this project wrote it.
        folder: Where a set on disk lies.
    """

    id: str
    task: str
    hub_id: str | None = None
    revision: str = ""
    subset: str = "default"
    split: str = "test"
    n_documents: int = 0
    n_queries: int = 0
    text_bytes: int = 0
    licence: str
    summary_ko: str
    summary_en: str
    layout: StoredAs = "mteb"
    default: bool = False
    suite: bool = False
    ours: bool = False
    folder: Path | None = None

    @property
    def source(self) -> str:
        """Its page on the hub; of a set on disk its folder in the project."""
        return f"https://huggingface.co/datasets/{self.hub_id}" if self.folder is None else f"assets/{self.folder.name}"

    def estimated_seconds(self, tokens_per_s: float, max_tokens: int) -> float:
        """Return about how long encoding takes at a measured speed; 0 where the size is unknown.

        The estimate is text bytes / 5 tokens, at most `max_tokens` a text, and leaves out what a cache already holds.
        """
        most = (self.n_documents + self.n_queries) * max_tokens
        return min(self.text_bytes / BYTES_PER_TOKEN, most) / tokens_per_s


@dataclass(frozen=True)
class Problems:
    """What is wrong with the data, as counts; all zero for a clean set.

    Attributes:
        duplicate_documents, duplicate_queries: Ids given more than once; the last one counts, as in MTEB's loader.
        duplicate_judgements: The same query and document judged more than once; the last one counts.
        missing_documents: Judgements naming a document that the corpus lacks. They stay, as in the peers: a document
            that cannot be found still counts against recall and NDCG.
        missing_queries: Judged query ids without a text; they are left out.
        unjudged_queries: Queries without a judgement; they are left out.
        unanswerable_queries: Judged queries without one relevant document; they count as 0, as in the peers.
        blank_rows: Rows without id and text; they are left out.
        empty_documents, empty_queries: Texts that are blank; they stay.
    """

    duplicate_documents: int = 0
    duplicate_queries: int = 0
    duplicate_judgements: int = 0
    missing_documents: int = 0
    missing_queries: int = 0
    unjudged_queries: int = 0
    unanswerable_queries: int = 0
    blank_rows: int = 0
    empty_documents: int = 0
    empty_queries: int = 0

    def counts(self) -> dict[str, int]:
        """Return the counts that are not zero, by name."""
        return {f.name: n for f in fields(self) if (n := int(getattr(self, f.name)))}

    def notices(self) -> list[Notice]:
        """Return one notice for each kind of problem that occurs."""
        return [Notice(f"data_{name}", {"n": n}) for name, n in self.counts().items()]


Qrels = Mapping[str, Mapping[str, int]]
"""Query id -> document id -> grade; a grade of 1 or more is relevant."""


@dataclass(frozen=True)
class RetrievalData:
    """A data set that is ready to run.

    Attributes:
        name: What to call it in files and tables: the id of its record, or the folder's name.
        task: Name of the MTEB task, or the same as `name`.
        subset, split, revision: What was read; revision is a commit, empty for a folder.
        document_ids: Unique.
        documents: Texts as the model gets them: title and text joined by a blank, as MTEB joins them. Those of a large
            corpus lie on disk (`stored_texts`).
        query_ids: Unique, only judged queries, in stored order.
        queries: Texts.
        qrels: Judgements of the queries above.
        problems: What is wrong with the data.
        source: Repository or folder.
        licence: As stated; empty where unknown.
    """

    name: str
    task: str
    subset: str
    split: str
    revision: str
    document_ids: tuple[str, ...]
    documents: Sequence[str]
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: Qrels
    problems: Problems = field(default_factory=Problems)
    source: str = ""
    licence: str = ""

    @property
    def n_judgements(self) -> int:
        """Pairs of a query and a document that have a grade, whatever the grade."""
        return sum(len(grades) for grades in self.qrels.values())

    def content_hash(self) -> str:
        """Return 16 hex digits that change with any id, text or grade (BLAKE2b over length-prefixed fields)."""
        return self._content_hash

    @cached_property
    def _content_hash(self) -> str:
        digest = hashlib.blake2b(digest_size=8)
        for ids, texts in ((self.document_ids, self.documents), (self.query_ids, self.queries)):
            for id_, text in zip(ids, texts, strict=True):
                raw_id, raw_text = id_.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")
                digest.update(b"%d %d %b%b" % (len(raw_id), len(raw_text), raw_id, raw_text))
        for query_id in self.query_ids:
            digest.update(repr(sorted(self.qrels[query_id].items())).encode())
        return digest.hexdigest()
