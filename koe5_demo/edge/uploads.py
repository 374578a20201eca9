"""What may be uploaded: one file at a time, of a kind that is read here, into a folder that cannot fill the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from koe5_demo.errors import InputError

MOST_FILES: Final = 1
FOLDER_PREFIX: Final = "koe5-uploads-"
FORGOTTEN_AFTER_S: Final = 86_400.0


class UploadCheck:
    """Reads a multipart body as it passes by, and refuses what should not come in.

    Args:
        content_type: The request's header, with the boundary.
        kinds: Endings that may be uploaded, without the dot.
    """

    def __init__(self, content_type: str, kinds: tuple[str, ...]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise InputError("upload_broken")
        self._kinds = kinds
        self._n_files = 0
        self._name = bytearray()
        self._value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes.

        Raises:
            InputError: If there are too many files, one of another kind, or the body is broken.
        """
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise InputError("upload_broken") from error

    def _begin(self) -> None:
        self._name.clear()
        self._value.clear()

    def _end(self) -> None:
        if bytes(self._name).lower() != b"content-disposition":
            return
        _, options = parse_options_header(bytes(self._value))
        if b"filename" in options:
            self._file(options)

    def _file(self, options: Mapping[bytes, bytes]) -> None:
        self._n_files += 1
        if self._n_files > MOST_FILES:
            raise InputError("upload_count", limit=MOST_FILES)
        name = options[b"filename"].decode("utf-8", "replace")
        ending = name.rsplit(".", 1)[-1].lower() if "." in name else ""
        if ending not in self._kinds:
            raise InputError("file_kind", name=name[:100], valid=", ".join(f".{kind}" for kind in self._kinds))


def make_folder() -> Path:
    """Make a folder of this process for uploads, and delete those that killed processes left a day ago."""
    place = Path(tempfile.gettempdir())
    for old in place.glob(f"{FOLDER_PREFIX}*"):
        if _is_forgotten(old):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=place))


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(_size(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # deleted meanwhile
        return 0


def _is_forgotten(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > FORGOTTEN_AFTER_S
    except OSError:
        return False
