"""MultiLongDocRetrieval, as the MTEB task `MultiLongDocRetrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

MULTI_LONG_DOC: Final = DatasetSpec(
    id="MultiLongDocRetrieval",
    task="MultiLongDocRetrieval",
    hub_id="mteb/MultiLongDocRetrieval",
    revision="837028901907a7d419b4ab906f28e011ce1cc824",
    subset="ko",
    split="test",
    n_documents=6_176,
    n_queries=200,
    n_judgements=200,
    text_bytes=191_800_000,
    licence="MIT",
    source="https://huggingface.co/datasets/mteb/MultiLongDocRetrieval",
    summary_ko="긴 위키백과 문서 6,176개와 질문 200개.",
    summary_en="200 questions over 6,176 long Wikipedia articles.",
)
