"""MIRACLRetrieval, as the MTEB task `MIRACLRetrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

MIRACL: Final = DatasetSpec(
    id="MIRACLRetrieval",
    task="MIRACLRetrieval",
    hub_id="mteb/MIRACLRetrieval",
    revision="9c09abc13478308c27598f350e31d8f06b9b5481",
    subset="ko",
    split="dev",
    n_documents=1_486_752,
    n_queries=213,
    n_judgements=547,
    text_bytes=633_206_834,
    licence="CC-BY-SA-4.0",
    source="https://huggingface.co/datasets/mteb/MIRACLRetrieval",
    summary_ko="위키백과 문단 약 149만 개와 질문 213개.",
    summary_en="213 questions over 1.49 million Wikipedia passages.",
)
