"""This project's own small set: it runs without the hub. Written for this project, never trained on."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec
from koe5_demo.catalog import ASSETS

OURS: Final = DatasetSpec(
    id="ours",
    task="ours",
    hub_id=None,
    revision="",
    subset="default",
    split="test",
    n_documents=0,
    n_queries=0,
    n_judgements=0,
    text_bytes=0,
    licence="CC0-1.0",
    source="assets/bench-ours",
    summary_ko="이 프로젝트가 직접 쓴 작은 평가 세트. 허브 없이 바로 돕니다. 공개 벤치마크가 아닙니다.",
    summary_en="A small set written by this project that runs without the hub. It is no public benchmark.",
    default=True,
    ours=True,
    folder=ASSETS / "bench-ours",
)
