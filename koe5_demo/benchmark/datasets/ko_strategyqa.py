"""Ko-StrategyQA, as the MTEB task `Ko-StrategyQA` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

KO_STRATEGYQA: Final = DatasetSpec(
    id="Ko-StrategyQA",
    task="Ko-StrategyQA",
    hub_id="taeminlee/Ko-StrategyQA",
    revision="d243889a3eb6654029dbd7e7f9319ae31d58f97c",
    subset="default",
    split="dev",
    n_documents=9_251,
    n_queries=592,
    n_judgements=1_145,
    text_bytes=7_054_046,
    licence="CC-BY-4.0",
    source="https://huggingface.co/datasets/taeminlee/Ko-StrategyQA",
    summary_ko="한국어로 옮긴 여러 단계 추론 질문 592개와 위키백과 문단 9,251개.",
    summary_en="592 multi-hop questions translated into Korean over 9,251 Wikipedia passages.",
    default=True,
    suite=True,
)
