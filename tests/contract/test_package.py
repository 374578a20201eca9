"""What pip and docker make of the project.

pip: a wheel with the data inside, the lists of requirements as its own, and a command. docker: the extras asked for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.message import Message
from email.parser import BytesParser
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from koe5_demo import __version__
from koe5_demo.catalog import ASSETS, assets_folder

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("train", "endpoint", "mcp", "ray", "kiwi")
NOT_SHIPPED = {"screenshot.png"}
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network from a copy: building leaves folders behind."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("koe5_demo", "assets"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "pyproject.toml",
        "setup.py",
        "README.md",
        "LICENSE",
        *(f.name for f in ROOT.glob("requirements*.txt")),
    ):
        shutil.copy(ROOT / name, source)
    local = ["--no-deps", "--no-build-isolation", "--no-index"]
    quick = "--config-settings=--build-option=--compression=stored"  # the weights hardly get smaller, but take seconds
    build = [*PIP, "wheel", *local, quick, "--wheel-dir", str(built), str(source)]
    subprocess.run(build, check=True, timeout=120)
    (file,) = built.iterdir()
    return file


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return BytesParser().parsebytes(archive.read(name))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of a fresh environment with the wheel in it, which sees the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    places = sysconfig.get_paths("venv", {"base": str(folder), "platbase": str(folder), "installed_base": str(folder)})
    python = Path(places["scripts"]) / Path(sys.executable).name
    subprocess.run([*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    (Path(places["purelib"]) / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return Path(places["scripts"])


def run(*command: str | Path, folder: Path) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("KOE5_", "PYTHON"))}
    environment = {**own, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def test_the_command_ranks_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    asked = ["rank", "--query", "대한민국의 수도는?", "--passage", "부산은 항구이다.", "--passage", "서울은 수도이다."]
    answer = json.loads(run(installed / "koe5-demo", *asked, "--model", "mini", "--format", "json", folder=tmp_path))
    assert answer["model"]["id"] == "mini"
    assert [hit["passage"] for hit in answer["results"][0]["hits"]] == ["서울은 수도이다.", "부산은 항구이다."]
    assert list(tmp_path.iterdir()) == []


def test_the_installed_package_is_imported_with_its_own_data(installed: Path, tmp_path: Path) -> None:
    script = "import koe5_demo.catalog as c; print(c.__file__); print(c.ASSETS)"
    module, assets = map(Path, run(installed / "python", "-c", script, folder=tmp_path).splitlines())
    assert installed.parent in module.parents
    assert assets == module.parent / "assets"


def files(folder: Path, place: str) -> dict[str, Path]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {f"{place}/{path.relative_to(folder).as_posix()}": path for path in paths if path.name not in NOT_SHIPPED}


def test_every_file_of_package_and_assets_travels_unchanged(wheel: Path) -> None:
    here = files(ROOT / "koe5_demo", place="koe5_demo") | files(ROOT / "assets", place="koe5_demo/assets")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    assert inside.keys() == here.keys()
    assert [name for name, content in inside.items() if content != here[name].read_bytes()] == []


def requirements(name: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return {str(Requirement(line)) for line in lines if line}


def test_requirements_are_those_of_the_lists(metadata: Message) -> None:
    told = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    assert {str(one) for one in told if one.marker is None} == requirements("requirements.txt")
    assert set(metadata.get_all("Provides-Extra", [])) == set(EXTRAS)
    for extra in EXTRAS:
        of_extra = {str(one).split(";")[0] for one in told if one.marker and f'"{extra}"' in str(one.marker)}
        assert of_extra == requirements(f"requirements-{extra}.txt"), extra


def test_name_version_and_licences_are_told(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("koe5-demo", __version__)
    assert metadata["License-Expression"] == "MIT AND CC-BY-SA-4.0 AND CC0-1.0 AND OFL-1.1"


def test_data_lies_beside_the_package_in_the_repository_and_inside_it_when_installed(tmp_path: Path) -> None:
    package = tmp_path / "koe5_demo"
    package.mkdir()
    assert assets_folder(package) == tmp_path / "assets"
    (package / "assets").mkdir()
    assert assets_folder(package) == package / "assets"
    assert ASSETS.is_dir()


@pytest.mark.parametrize(("extras", "lists"), [("", []), ("endpoint mcp kiwi", ["endpoint", "mcp", "kiwi"])])
def test_the_container_installs_the_extras_that_are_asked_for(extras: str, lists: list[str]) -> None:
    recipe = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    (step,) = re.findall(r"^RUN (lists=.*)$", recipe, re.MULTILINE)
    told = subprocess.run(
        ["sh", "-c", f'pip() {{ echo "$@"; }}; {step}'],
        env={"EXTRAS": extras, "TORCH_INDEX": "URL"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = ["requirements.txt", *(f"requirements-{name}.txt" for name in lists)]
    assert [told[n + 1] for n, word in enumerate(told) if word == "--requirement"] == wanted
    assert all((ROOT / name).is_file() for name in wanted)


def test_what_the_container_copies_is_in_its_context() -> None:
    recipe = (ROOT / "Dockerfile").read_text("utf-8")
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", recipe, re.MULTILINE) for name in line.split()}
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    assert copied == set(let_in)
    assert all(any(fnmatch(path.name, name) for path in ROOT.iterdir()) for name in copied)
