"""Every known data set by name, and how any name or folder becomes data. Add a set by adding a record.

A record that names a task of MTEB is read as MTEB reads that task; revisions are commits, but for a set whose task
takes a branch, which is resolved to a commit at download.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.folder import read_folder
from koe5_demo.benchmark.datasets.hub import is_cached, read_hub
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.catalog import ASSETS
from koe5_demo.errors import DataError

_RECORDS: Final = (
    DatasetSpec(
        id="Ko-StrategyQA",
        task="Ko-StrategyQA",
        hub_id="taeminlee/Ko-StrategyQA",
        revision="d243889a3eb6654029dbd7e7f9319ae31d58f97c",
        split="dev",
        n_documents=9_251,
        n_queries=592,
        text_bytes=7_054_046,
        licence="CC-BY-4.0",
        summary_ko="한국어로 옮긴 여러 단계 추론 질문 592개와 위키백과 문단 9,251개.",
        summary_en="592 multi-hop questions translated into Korean over 9,251 Wikipedia passages.",
        default=True,
        suite=True,
    ),
    DatasetSpec(
        id="AutoRAG-benchmark",
        task="AutoRAGRetrieval",
        hub_id="yjoonjang/markers_bm",
        revision="fd7df84ac089bbec763b1c6bb1b56e985df5cc5c",
        n_documents=720,
        n_queries=114,
        text_bytes=1_369_481,
        licence="MIT",
        summary_ko="금융·공공·의료·법률·상거래 문서 720쪽과 질문 114개(질문마다 정답 하나).",
        summary_en="720 pages on finance, government, health, law and commerce; 114 queries with one answer each.",
        default=True,
        suite=True,
    ),
    DatasetSpec(
        id="PublicHealthQA",
        task="PublicHealthQA",
        hub_id="xhluca/publichealth-qa",
        revision="main",
        subset="korean",
        n_documents=77,
        n_queries=77,
        text_bytes=73_800,
        licence="CC-BY-NC-SA-3.0",
        summary_ko="감염병에 관한 공중 보건 질문과 답 77쌍.",
        summary_en="77 public health questions about an epidemic and their answers.",
        default=True,
        suite=True,
        layout="question-answer",
    ),
    DatasetSpec(
        id="ours",
        task="ours",
        licence="CC0-1.0",
        summary_ko="이 프로젝트가 직접 쓴 작은 평가 세트. 허브 없이 바로 돕니다. 공개 벤치마크가 아닙니다.",
        summary_en="A small set written by this project that runs without the hub. It is no public benchmark.",
        default=True,
        ours=True,
        folder=ASSETS / "bench-ours",
    ),
    DatasetSpec(
        id="SQuADKorV1Retrieval",
        task="SQuADKorV1Retrieval",
        hub_id="yjoonjang/squad_kor_v1",
        revision="2b4ee1f3b143a04792da93a3df21933c5fe9eed3",
        n_documents=960,
        n_queries=5_774,
        text_bytes=1_700_000,
        licence="CC-BY-SA-4.0",
        summary_ko="KorQuAD 1.0의 질문 5,774개와 위키백과 문단 960개.",
        summary_en="5,774 questions of KorQuAD 1.0 over 960 Wikipedia passages.",
    ),
    DatasetSpec(
        id="LawIRKo",
        task="LawIRKo",
        hub_id="on-and-on/lawgov_ir-ko",
        revision="bd5361e486ef4be7052c506adfdf0610d04abbfe",
        n_documents=3_563,
        n_queries=3_563,
        text_bytes=3_700_000,
        licence="MIT",
        summary_ko="법령 조문 3,563개와 조문을 묻는 질문 3,563개.",
        summary_en="3,563 articles of Korean law, one query each.",
    ),
    DatasetSpec(
        id="BelebeleRetrieval",
        task="BelebeleRetrieval",
        hub_id="mteb/belebele",
        revision="979a211276faa22f671e69d096634193567cfd05",
        subset="kor_Hang-kor_Hang",
        n_documents=488,
        n_queries=900,
        text_bytes=340_000,
        licence="CC-BY-SA-4.0",
        summary_ko="FLORES-200 문단 488개와 독해 질문 900개.",
        summary_en="900 reading questions over 488 passages of FLORES-200.",
        layout="belebele",
    ),
    DatasetSpec(
        id="MIRACLRetrieval",
        task="MIRACLRetrieval",
        hub_id="mteb/MIRACLRetrieval",
        revision="9c09abc13478308c27598f350e31d8f06b9b5481",
        subset="ko",
        split="dev",
        n_documents=1_486_752,
        n_queries=213,
        text_bytes=633_206_834,
        licence="CC-BY-SA-4.0",
        summary_ko="위키백과 문단 약 149만 개와 질문 213개.",
        summary_en="213 questions over 1.49 million Wikipedia passages.",
    ),
    DatasetSpec(
        id="MrTidyRetrieval",
        task="MrTidyRetrieval",
        hub_id="mteb/mrtidy",
        revision="fc24a3ce8f09746410daee3d5cd823ff7a0675b7",
        subset="korean",
        n_documents=1_496_126,
        n_queries=421,
        text_bytes=637_416_518,
        licence="CC-BY-SA-3.0",
        summary_ko="위키백과 문단 약 150만 개와 질문 421개.",
        summary_en="421 questions over 1.5 million Wikipedia passages.",
    ),
    DatasetSpec(
        id="MultiLongDocRetrieval",
        task="MultiLongDocRetrieval",
        hub_id="mteb/MultiLongDocRetrieval",
        revision="837028901907a7d419b4ab906f28e011ce1cc824",
        subset="ko",
        n_documents=6_176,
        n_queries=200,
        text_bytes=191_800_000,
        licence="MIT",
        summary_ko="긴 위키백과 문서 6,176개와 질문 200개.",
        summary_en="200 questions over 6,176 long Wikipedia articles.",
    ),
    DatasetSpec(
        id="XPQARetrieval",
        task="XPQARetrieval",
        hub_id="mteb/XPQARetrieval",
        revision="fc4624be978945a0ceebbc4b85737258fe26330b",
        subset="kor-kor",
        n_documents=889,
        n_queries=654,
        text_bytes=92_000,
        licence="CDLA-Sharing-1.0",
        summary_ko="상품 질문 654개와 후기·설명 889개.",
        summary_en="654 product questions over 889 reviews and descriptions.",
    ),
)
DATASETS: Final[dict[str, DatasetSpec]] = {spec.id: spec for spec in _RECORDS}
SUITE: Final = tuple(spec for spec in _RECORDS if spec.suite)
"""The three sets of the KoE5 paper."""
KOR_V2_NAME: Final = "MTEB(kor, v2)"
KOR_V2: Final = tuple(
    DATASETS[name]
    for name in (
        *("MIRACLRetrieval", "Ko-StrategyQA", "LawIRKo", "SQuADKorV1Retrieval", "AutoRAG-benchmark"),
        *("PublicHealthQA", "BelebeleRetrieval", "MultiLongDocRetrieval", "MrTidyRetrieval"),
    )
)
"""The retrieval tasks of MTEB's Korean benchmark of July 2026, in its order, each on its Korean subset: of Belebele the
Korean questions over Korean passages, of MultiLongDoc the split `test`."""
SUITES: Final[dict[str, tuple[DatasetSpec, ...]]] = {"paper": SUITE, KOR_V2_NAME: KOR_V2}
"""Choices of several sets at once, by the name that `--dataset` takes."""
AUTORAG: Final = DATASETS["AutoRAG-benchmark"]
_BY_NAME: Final = {name.lower(): spec for spec in _RECORDS for name in (spec.id, spec.task)}


def find_dataset(name: str) -> DatasetSpec | Path:
    """Return the record of a name (id or MTEB task, in any case), or the folder it points at.

    Raises:
        DataError: If it is neither; the message lists the valid names.
    """
    spec = _BY_NAME.get(name.lower())
    if spec is not None:
        return spec
    if Path(name).is_dir():
        return Path(name)
    raise DataError("unknown_dataset", value=name, valid=", ".join(DATASETS))


def read_dataset(which: DatasetSpec | Path | str) -> RetrievalData:
    """Read a data set by record, name or folder, downloading what is missing.

    Raises:
        DataError: If it cannot be had or is broken.
    """
    found = find_dataset(which) if isinstance(which, str) else which
    if isinstance(found, Path):
        return read_folder(found)
    if found.folder is not None:
        return read_folder(found.folder, name=found.id, split=found.split, licence=found.licence)
    return read_hub(found)


@lru_cache(maxsize=3)
def kept_dataset(name: str) -> RetrievalData:
    """Return a known data set; a few stay in memory.

    Raises:
        DataError: If it cannot be had.
    """
    return read_dataset(name)


def on_this_machine(spec: DatasetSpec) -> bool:
    """Whether the set can be read without a network."""
    return spec.folder.is_dir() if spec.folder is not None else is_cached(spec)
