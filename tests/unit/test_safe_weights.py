"""Weights are safetensors; a Python pickle is opened only where the catalog's own record names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub_stand_in import HubStandIn
from koe5_demo.catalog import BGE_M3, CATALOG, KOE5
from koe5_demo.encoding import hub as hub_files
from koe5_demo.encoding.opening import Files, Source, refuse_pickles
from koe5_demo.errors import HubError, ModelLoadError


def files(folder: Path, model: str | None = None) -> Files:
    return Files(Source("model", None, None, folder, CATALOG.get(model or "")), folder, "0", "0")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "2_Dense/pytorch_model.bin", "model.pt", "weights.pkl"])
def test_pickled_weights_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"\x80\x04")
    with pytest.raises(ModelLoadError, match="safetensors alone"):
        refuse_pickles(files(tmp_path))
    with pytest.raises(ModelLoadError):
        refuse_pickles(files(tmp_path, "koe5"))
    refuse_pickles(files(tmp_path, "bge-m3"))


def test_a_pickle_beside_safetensors_is_never_opened_and_does_no_harm(tmp_path: Path) -> None:
    for name in ("model.safetensors", "training_args.bin"):
        (tmp_path / name).write_bytes(b"")
    refuse_pickles(files(tmp_path))


def test_only_one_model_of_the_catalog_is_pickled() -> None:
    assert [spec.id for spec in CATALOG.values() if spec.weights != "model.safetensors"] == [BGE_M3.id]


def test_a_pickled_model_is_refused_before_it_is_downloaded(hub: HubStandIn, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04" * 100)
    assert KOE5.hub_id is not None
    hub.models[KOE5.hub_id] = tmp_path
    with pytest.raises(HubError, match="safetensors alone"):
        hub_files.download(KOE5.hub_id, KOE5.revision, timeout=5)
    assert not any("pytorch_model.bin" in asked for asked in hub.requests)
    assert replace(KOE5, weights="pytorch_model.bin").weights == hub_files.PICKLED_WEIGHTS
