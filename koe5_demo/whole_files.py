"""Files that are written whole or not at all: a name never stands for half of what belongs there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

TEMPORARY: Final = ".tmp"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write to that takes its name when the block ends well; what had the name before stays until then.

    Two writers do not disturb each other. After an error nothing is left behind; after a kill, a file that ends in
    `TEMPORARY`.

    Raises:
        OSError: If the folder cannot be written to or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
