"""Names for model contents: a fingerprint changes whenever the vectors could."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Final

from koe5_demo.records import ModelInfo

WHOLE_FILE_BYTES: Final = 64 * 1024 * 1024
SAMPLE_BYTES: Final = 1024 * 1024
N_SAMPLES: Final = 32


def folder_hash(folder: Path) -> str:
    """Return 40 hexadecimal digits for the files of a model folder: names, sizes and contents.

    Files over 64 MiB are read at 32 even places of 1 MiB, so that 2 GB of weights take a fraction of a second: any
    training step moves nearly every weight, so two models differ in every sample.
    """
    digest = blake2b(digest_size=20)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        _add_content(digest, path)
    return digest.hexdigest()


def with_fingerprint(info: ModelInfo, content: str) -> ModelInfo:
    """Return `info` with the fingerprint of its content and of all that bears on its vectors."""
    parts = (content, info.engine, info.dtype, str(info.max_tokens), info.prompts.query, info.prompts.passage)
    return replace(info, fingerprint=blake2b("\0".join(parts).encode(), digest_size=16).hexdigest())


def _add_content(digest: blake2b, path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE_FILE_BYTES:
            digest.update(file.read())
            return
        for n in range(N_SAMPLES):
            file.seek((size - SAMPLE_BYTES) * n // (N_SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
