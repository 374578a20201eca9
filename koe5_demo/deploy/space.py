"""What goes up to a Space, and whether a Space would take it. Decides only; `__main__` talks to the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from koe5_demo.records import Notice

FOLDERS: Final = ("koe5_demo", "assets")
FILES: Final = ("app.py", "README.md", "requirements.txt", "LICENSE")
NEEDED: Final = (
    "app.py",
    "README.md",
    "requirements.txt",
    "koe5_demo/__init__.py",
    "assets/mini/few-bits-01.safetensors",
)
SKIPPED_FOLDERS: Final = frozenset({"__pycache__", ".ipynb_checkpoints"})
SKIPPED_ENDINGS: Final = (".pyc", ".tmp", ".orig", ".DS_Store")
LFS_PATTERNS: Final = (
    *("*.safetensors", "*.npy", "*.npz", "*.parquet", "*.bin", "*.gz", "*.zip", "*.zst"),
    *("*.png", "*.jpg", "*.jpeg", "*.webp", "*.gif", "*.ico", "*.woff", "*.woff2", "*.ttf", "*.otf", "*.pdf"),
)
ATTRIBUTES: Final = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LFS_PATTERNS)
MOST_PLAIN_BYTES: Final = 10_000_000
MOST_LFS_BYTES: Final = 1_000_000_000
LOOKED_AT_BYTES: Final = 8_192
ZERO_GPU_PYTHON: Final = "3.12.12"
ZERO_GPU_TORCH: Final = "torch>=2.8,<2.12              # what ZeroGPU supports"


@dataclass(frozen=True)
class SpaceFile:
    """One file on its way.

    Attributes:
        path: Place in the Space.
        content: Its bytes where they are made here; None means as on disk.
        n_bytes: Size.
        lfs: Whether it is stored through LFS.
    """

    path: str
    content: bytes | None
    n_bytes: int
    lfs: bool


def collect(
    root: Path, *, zero_gpu: bool = False, most_bytes: int = MOST_PLAIN_BYTES
) -> tuple[list[SpaceFile], list[Notice]]:
    """Return what goes up, in order of paths, and what stands against it.

    Args:
        root: The project.
        zero_gpu: Whether the Space runs on ZeroGPU.
        most_bytes: Largest file that is not stored through LFS.
    """
    made = {".gitattributes": ATTRIBUTES.encode()}
    if (root / "README.md").is_file() and (root / "requirements.txt").is_file():
        made["README.md"] = space_card(root, zero_gpu=zero_gpu).encode()
        made["requirements.txt"] = requirements_for(root, zero_gpu=zero_gpu).encode()
    names = sorted({*_names(root), *made})
    files = [_file(root, name, made.get(name)) for name in names]
    missing = [Notice("space_missing", {"path": name}) for name in NEEDED if name not in names]
    return files, missing + [problem for file in files for problem in _problems(root, file, most_bytes)]


def space_card(root: Path, *, zero_gpu: bool) -> str:
    """Return README.md with the front matter of the Space's hardware."""
    text = (root / "README.md").read_text("utf-8")
    if not zero_gpu:
        return text
    text = re.sub(r"^python_version: .*$", f'python_version: "{ZERO_GPU_PYTHON}"', text, count=1, flags=re.MULTILINE)
    return re.sub(r"^suggested_hardware: .*$", "suggested_hardware: zero-a10g", text, count=1, flags=re.MULTILINE)


def requirements_for(root: Path, *, zero_gpu: bool) -> str:
    """Return requirements.txt, on ZeroGPU with `spaces` and the torch that it supports."""
    text = (root / "requirements.txt").read_text("utf-8")
    if not zero_gpu:
        return text
    text = re.sub(r"^torch[<>=].*$", ZERO_GPU_TORCH, text, count=1, flags=re.MULTILINE)
    return f"{text}spaces>=0.40,<1               # lends the GPU\n"


def lfs_covers(path: str) -> bool:
    """Return whether a file is stored through LFS."""
    return any(fnmatch(path.rsplit("/", 1)[-1], pattern) for pattern in LFS_PATTERNS)


def _names(root: Path) -> list[str]:
    found = [root / name for name in FILES if (root / name).is_file()]
    found += [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    return [path.relative_to(root).as_posix() for path in found if not _is_skipped(path.relative_to(root))]


def _is_skipped(path: Path) -> bool:
    return bool(SKIPPED_FOLDERS.intersection(path.parts)) or path.name.endswith(SKIPPED_ENDINGS)


def _file(root: Path, name: str, content: bytes | None) -> SpaceFile:
    size = (root / name).stat().st_size if content is None else len(content)
    return SpaceFile(name, content, size, lfs_covers(name))


def _problems(root: Path, file: SpaceFile, most_bytes: int) -> list[Notice]:
    limit = MOST_LFS_BYTES if file.lfs else most_bytes
    found = []
    if file.n_bytes > limit:
        found.append(Notice("space_too_big", {"path": file.path, "mb": file.n_bytes / 1e6, "limit": limit / 1e6}))
    if not file.lfs and file.content is None and _is_binary(root / file.path):
        found.append(Notice("space_binary", {"path": file.path}))
    return found


def _is_binary(path: Path) -> bool:
    """Whether git would call it binary, or it is no UTF-8 at all."""
    with path.open("rb") as file:
        start = file.read(LOOKED_AT_BYTES)
    if b"\0" in start:
        return True
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start < len(start) - 3  # a character may be cut at the end
    return False
