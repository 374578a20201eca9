"""BelebeleRetrieval, as the MTEB task `BelebeleRetrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

BELEBELE: Final = DatasetSpec(
    id="BelebeleRetrieval",
    task="BelebeleRetrieval",
    hub_id="mteb/belebele",
    revision="979a211276faa22f671e69d096634193567cfd05",
    subset="kor_Hang-kor_Hang",
    split="test",
    n_documents=488,
    n_queries=900,
    n_judgements=900,
    text_bytes=340_000,
    licence="CC-BY-SA-4.0",
    source="https://huggingface.co/datasets/mteb/belebele",
    summary_ko="FLORES-200 문단 488개와 독해 질문 900개.",
    summary_en="900 reading questions over 488 passages of FLORES-200.",
    layout="belebele",
)
