"""AutoRAG-benchmark, as the MTEB task `AutoRAGRetrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

AUTORAG: Final = DatasetSpec(
    id="AutoRAG-benchmark",
    task="AutoRAGRetrieval",
    hub_id="yjoonjang/markers_bm",
    revision="fd7df84ac089bbec763b1c6bb1b56e985df5cc5c",
    subset="default",
    split="test",
    n_documents=720,
    n_queries=114,
    n_judgements=114,
    text_bytes=1_369_481,
    licence="MIT",
    source="https://huggingface.co/datasets/yjoonjang/markers_bm",
    summary_ko="금융·공공·의료·법률·상거래 문서 720쪽과 질문 114개(질문마다 정답 하나).",
    summary_en="720 pages on finance, government, health, law and commerce; 114 queries with one answer each.",
    default=True,
    suite=True,
)
