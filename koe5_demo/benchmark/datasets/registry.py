"""Every known data set by name, and how any name or folder becomes data. Add a set by adding a record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from koe5_demo.benchmark.datasets.autorag import AUTORAG
from koe5_demo.benchmark.datasets.belebele import BELEBELE
from koe5_demo.benchmark.datasets.folder import read_folder
from koe5_demo.benchmark.datasets.hub import is_cached, read_hub
from koe5_demo.benchmark.datasets.ko_strategyqa import KO_STRATEGYQA
from koe5_demo.benchmark.datasets.law_ir_ko import LAW_IR_KO
from koe5_demo.benchmark.datasets.miracl import MIRACL
from koe5_demo.benchmark.datasets.mr_tidy import MR_TIDY
from koe5_demo.benchmark.datasets.multi_long_doc import MULTI_LONG_DOC
from koe5_demo.benchmark.datasets.ours import OURS
from koe5_demo.benchmark.datasets.publichealthqa import PUBLICHEALTHQA
from koe5_demo.benchmark.datasets.records import DatasetSpec, RetrievalData
from koe5_demo.benchmark.datasets.squad_kor_v1 import SQUAD_KOR_V1
from koe5_demo.benchmark.datasets.xpqa import XPQA
from koe5_demo.errors import DataError

DATASETS: Final[dict[str, DatasetSpec]] = {
    spec.id: spec
    for spec in (
        KO_STRATEGYQA,
        AUTORAG,
        PUBLICHEALTHQA,
        OURS,
        SQUAD_KOR_V1,
        LAW_IR_KO,
        BELEBELE,
        MIRACL,
        MR_TIDY,
        MULTI_LONG_DOC,
        XPQA,
    )
}
SUITE: Final = tuple(spec for spec in DATASETS.values() if spec.suite)
_BY_NAME: Final = {name.lower(): spec for spec in DATASETS.values() for name in (spec.id, spec.task)}


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


def with_sizes(spec: DatasetSpec) -> DatasetSpec:
    """Return a record with the sizes of a set on disk filled in; the hub's records carry theirs.

    Raises:
        DataError: If the folder is missing or broken.
    """
    if spec.folder is None or spec.n_documents:
        return spec
    data = read_dataset(spec)
    return replace(
        spec,
        n_documents=len(data.documents),
        n_queries=len(data.queries),
        n_judgements=data.n_judgements,
        text_bytes=sum(len(text.encode("utf-8", "surrogatepass")) for text in (*data.documents, *data.queries)),
    )


def on_this_machine(spec: DatasetSpec) -> bool:
    """Whether the set can be read without a network."""
    return spec.folder.is_dir() if spec.folder is not None else is_cached(spec)
