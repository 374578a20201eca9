"""LawIRKo, as the MTEB task `LawIRKo` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

LAW_IR_KO: Final = DatasetSpec(
    id="LawIRKo",
    task="LawIRKo",
    hub_id="on-and-on/lawgov_ir-ko",
    revision="bd5361e486ef4be7052c506adfdf0610d04abbfe",
    subset="default",
    split="test",
    n_documents=3_563,
    n_queries=3_563,
    n_judgements=3_563,
    text_bytes=3_700_000,
    licence="MIT",
    source="https://huggingface.co/datasets/on-and-on/lawgov_ir-ko",
    summary_ko="법령 조문 3,563개와 조문을 묻는 질문 3,563개.",
    summary_en="3,563 articles of Korean law, one query each.",
)
