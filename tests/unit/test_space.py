"""The front matter of README.md is what a Space reads, and what is uploaded is what a Space accepts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from koe5_demo.catalog import KOE5
from koe5_demo.deploy.space import (
    ATTRIBUTES,
    collect,
    lfs_covers,
    requirements_for,
    space_card,
)
from koe5_demo.encoding.hub import RemoteFile, needed_files
from koe5_demo.records import Notice

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED = {
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "license"),
    *("short_description", "models", "datasets", "tags", "preload_from_hub", "suggested_hardware"),
    *("startup_duration_timeout", "header", "fullWidth"),
}


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    text = (ROOT / "README.md").read_text("utf-8")
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_every_field_is_documented(card: dict[str, Any]) -> None:
    assert set(card) <= DOCUMENTED
    assert {"title", "emoji", "sdk", "sdk_version", "app_file", "license", "models", "preload_from_hub"} <= set(card)


def test_the_sdk_is_the_pinned_gradio(card: dict[str, Any]) -> None:
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    assert re.findall(r"^gradio==([\d.]+)", requirements, flags=re.MULTILINE) == [card["sdk_version"]]
    assert card["sdk"] == "gradio"


def test_the_preloaded_revision_is_the_catalogs(card: dict[str, Any]) -> None:
    hub_id, names, revision = card["preload_from_hub"][0].split(" ")
    assert (hub_id, revision) == (KOE5.hub_id, KOE5.revision)
    assert KOE5.hub_id in card["models"]
    files = [RemoteFile(name, 1) for name in names.split(",")]
    assert {"model.safetensors", "modules.json", "1_Pooling/config.json", "config.json"} <= set(names.split(","))
    # What is preloaded and is not a tokenizer's binary is what the loader would fetch.
    assert [file for file in files if file not in needed_files(files)] == []


def test_the_words_fit(card: dict[str, Any]) -> None:
    assert len(card["short_description"]) <= 60
    assert card["colorFrom"] in {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert card["colorTo"] in {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert (ROOT / card["app_file"]).is_file()
    assert card["python_version"] in {"3.10", "3.11", "3.12", "3.13"}


def test_the_zero_gpu_card_differs_in_python_and_hardware_alone(card: dict[str, Any]) -> None:
    lent = yaml.safe_load(space_card(ROOT, zero_gpu=True).split("---\n")[1])
    assert {key for key in card if lent[key] != card[key]} == {"python_version", "suggested_hardware"}
    assert lent["python_version"] == "3.12.12"
    assert space_card(ROOT, zero_gpu=False) == (ROOT / "README.md").read_text("utf-8")


def test_zero_gpu_gets_the_torch_that_it_supports() -> None:
    plain = requirements_for(ROOT, zero_gpu=False)
    lent = requirements_for(ROOT, zero_gpu=True)
    assert plain == (ROOT / "requirements.txt").read_text("utf-8")
    assert re.search(r"^torch>=2\.8,<2\.12\b", lent, flags=re.MULTILINE)
    assert re.search(r"^spaces\b", lent, flags=re.MULTILINE)


def test_what_goes_up_is_complete_and_accepted() -> None:
    plan, problems = collect(ROOT)
    assert problems == []
    paths = {file.path for file in plan}
    assert {"app.py", "README.md", "requirements.txt", ".gitattributes", "assets/mini/few-bits-01.safetensors"} <= paths
    assert not any(path.startswith(("tests/", "bench/", "docs/", ".ci/", ".git/")) for path in paths)
    assert next(file for file in plan if file.path == "assets/mini/few-bits-01.safetensors").lfs


def test_a_binary_file_that_no_pattern_covers_is_refused(tmp_path: Path) -> None:
    _project(tmp_path)
    (tmp_path / "assets" / "secret.dat").write_bytes(b"\x00\x01\x02")
    _, problems = collect(tmp_path)
    assert problems == [Notice("space_binary", {"path": "assets/secret.dat"})]


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    _project(tmp_path)
    (tmp_path / "assets" / "long.txt").write_text("가" * 2_000_000, "utf-8")
    _, problems = collect(tmp_path, most_bytes=5_000_000)
    assert [problem.key for problem in problems] == ["space_too_big"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    _project(tmp_path)
    (tmp_path / "app.py").unlink()
    assert [problem.key for problem in collect(tmp_path)[1]] == ["space_missing"]


def test_the_patterns_cover_weights_fonts_and_pictures() -> None:
    assert all(
        map(lfs_covers, ("assets/mini/few-bits-01.safetensors", "assets/fonts/a.woff2", "assets/screenshot.png"))
    )
    assert not any(map(lfs_covers, ("app.py", "assets/examples.json")))
    assert all(line.endswith("filter=lfs diff=lfs merge=lfs -text") for line in ATTRIBUTES.splitlines())


def _project(folder: Path) -> None:
    for path in ("app.py", "README.md", "requirements.txt", "assets/mini/few-bits-01.safetensors"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x", "utf-8")
    (folder / "koe5_demo").mkdir()
    (folder / "koe5_demo" / "__init__.py").write_text("", "utf-8")
