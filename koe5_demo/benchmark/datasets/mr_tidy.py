"""MrTidyRetrieval, as the MTEB task `MrTidyRetrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

MR_TIDY: Final = DatasetSpec(
    id="MrTidyRetrieval",
    task="MrTidyRetrieval",
    hub_id="mteb/mrtidy",
    revision="fc24a3ce8f09746410daee3d5cd823ff7a0675b7",
    subset="korean",
    split="test",
    n_documents=1_496_126,
    n_queries=421,
    n_judgements=492,
    text_bytes=637_416_518,
    licence="CC-BY-SA-3.0",
    source="https://huggingface.co/datasets/mteb/mrtidy",
    summary_ko="위키백과 문단 약 150만 개와 질문 421개.",
    summary_en="421 questions over 1.5 million Wikipedia passages.",
)
