"""What several tests share: a tiny model on disk, the model hub in a box, and how much is tried."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

os.environ.setdefault("OMP_NUM_THREADS", "1")  # models of this size only wait for each other's threads; before torch

from browser import served
from hub_stand_in import HubStandIn, serve
from koe5_demo.catalog import KOE5
from profiles import examples

__all__ = ["examples", "served"]
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what models opened here leave behind, speeds and verdicts, apart from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def own_log_level() -> Iterator[None]:
    """Undo what the command line sets for its process: it silences the package's log."""
    yield
    logging.getLogger("koe5_demo").setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny XLM-RoBERTa with mean pooling in sentence-transformers form."""
    # Here, not above: it imports for seconds what the process that hands out the tests never needs.
    from tiny_models import build_tiny_xlmr

    return Path(build_tiny_xlmr(tmp_path_factory.mktemp("tiny") / "model"))


@pytest.fixture
def hub(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """A hub that has the tiny model as KoE5 at its pinned revision, and an empty cache."""
    with serve({"nlpai-lab/KoE5": tiny_folder}, {"nlpai-lab/KoE5": KOE5.revision}) as stand_in:
        use_hub(stand_in.url, tmp_path / "hub-cache", monkeypatch)
        yield stand_in


def use_hub(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point huggingface_hub, which reads its environment only once, at another hub and cache."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of evaluation data beside the project."""
    if not (SHARED / "benchmarks").is_dir():
        pytest.skip("the evaluation data beside the project is absent")
    return SHARED
