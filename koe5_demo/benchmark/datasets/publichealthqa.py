"""PublicHealthQA, as the MTEB task `PublicHealthQA` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

PUBLICHEALTHQA: Final = DatasetSpec(
    id="PublicHealthQA",
    task="PublicHealthQA",
    hub_id="xhluca/publichealth-qa",
    revision="main",
    subset="korean",
    split="test",
    n_documents=77,
    n_queries=77,
    n_judgements=77,
    text_bytes=73_800,
    licence="CC-BY-NC-SA-3.0",
    source="https://huggingface.co/datasets/xhluca/publichealth-qa",
    summary_ko="감염병에 관한 공중 보건 질문과 답 77쌍.",
    summary_en="77 public health questions about an epidemic and their answers.",
    default=True,
    suite=True,
    layout="question-answer",
)
