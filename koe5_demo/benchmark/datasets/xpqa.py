"""XPQARetrieval, as the MTEB task `XPQARetrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

XPQA: Final = DatasetSpec(
    id="XPQARetrieval",
    task="XPQARetrieval",
    hub_id="mteb/XPQARetrieval",
    revision="fc4624be978945a0ceebbc4b85737258fe26330b",
    subset="kor-kor",
    split="test",
    n_documents=889,
    n_queries=654,
    n_judgements=1_023,
    text_bytes=92_000,
    licence="CDLA-Sharing-1.0",
    source="https://huggingface.co/datasets/mteb/XPQARetrieval",
    summary_ko="상품 질문 654개와 후기·설명 889개.",
    summary_en="654 product questions over 889 reviews and descriptions.",
)
