"""SQuADKorV1Retrieval, as the MTEB task `SQuADKorV1Retrieval` loads it."""

from __future__ import annotations

from typing import Final

from koe5_demo.benchmark.datasets.records import DatasetSpec

SQUAD_KOR_V1: Final = DatasetSpec(
    id="SQuADKorV1Retrieval",
    task="SQuADKorV1Retrieval",
    hub_id="yjoonjang/squad_kor_v1",
    revision="2b4ee1f3b143a04792da93a3df21933c5fe9eed3",
    subset="default",
    split="test",
    n_documents=960,
    n_queries=5_774,
    n_judgements=5_774,
    text_bytes=1_700_000,
    licence="CC-BY-SA-4.0",
    source="https://huggingface.co/datasets/yjoonjang/squad_kor_v1",
    summary_ko="KorQuAD 1.0의 질문 5,774개와 위키백과 문단 960개.",
    summary_en="5,774 questions of KorQuAD 1.0 over 960 Wikipedia passages.",
)
