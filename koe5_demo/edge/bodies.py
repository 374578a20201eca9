"""What a request may bring: how much JSON, told from its bytes before anything reads it, and which upload.

A call whose texts are far beyond the limits, or that nests thousands of brackets, costs a look at its bytes and
nothing else; whether it is well-formed is left to who reads it. An upload is one file, of a kind that is read here, and
goes into a folder that cannot fill the disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from koe5_demo.errors import InputError

MOST_DEPTH: Final = 32
STRUCTURE_BYTES: Final = 1_000_000
"""Of numbers, brackets, commas and blanks; a request holds texts and a few options."""
ESCAPE_CHARS: Final = len("u0041")
FIRST_BYTES_FROM: Final = -64
"""As signed bytes: in UTF-8 those that go on with a character are -128 to -65."""
MOST_FILES: Final = 1
FOLDER_PREFIX: Final = "koe5-uploads-"
FORGOTTEN_AFTER_S: Final = 86_400.0


@dataclass(frozen=True)
class BodyBounds:
    """How much a JSON body may hold.

    Attributes:
        n_bytes: Bytes of the whole body.
        n_chars: Characters of all its texts together, as typed: before they are parted, trimmed or counted.
        n_texts: How many texts.
    """

    n_bytes: int
    n_chars: int
    n_texts: int


def require_modest(body: bytes, bounds: BodyBounds) -> None:
    """Refuse a body that holds more than it may.

    Raises:
        InputError: If it does; the message says how much there was and how much may be.
    """
    if body.count(b'"') > 2 * bounds.n_texts:  # before it is parted at them
        raise InputError("call_too_many_texts", limit=bounds.n_texts)
    n_chars = _n_chars(body)
    if n_chars > bounds.n_chars + STRUCTURE_BYTES:  # however much of it is structure
        raise InputError("call_too_long", chars=n_chars, limit=bounds.n_chars)
    # Every escaped backslash and quote becomes one plain character: the quotes that stay begin and end texts.
    parts = body.replace(b"\\\\", b"_").replace(b'\\"', b"_").split(b'"')
    texts, structure = b"".join(parts[1::2]), b"".join(parts[::2])
    n_chars = _n_chars(texts)
    if n_chars > bounds.n_chars:
        raise InputError("call_too_long", chars=n_chars, limit=bounds.n_chars)
    if len(structure) > STRUCTURE_BYTES or _depth(structure) > MOST_DEPTH:
        raise InputError("call_too_deep", limit=MOST_DEPTH)


def _n_chars(text: bytes) -> int:
    """Return how many characters JSON in UTF-8 stands for, fewer where an escaped backslash comes before a "u"."""
    n_chars = int(np.count_nonzero(np.frombuffer(text, np.int8) >= FIRST_BYTES_FROM))
    if b"\\" not in text:
        return n_chars
    return n_chars - text.count(b"\\") - (ESCAPE_CHARS - 1) * text.count(b"\\u")


def _depth(structure: bytes) -> int:
    if structure.count(b"[") + structure.count(b"{") <= MOST_DEPTH:
        return 0
    depth = deepest = 0
    for byte in structure:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


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
        if b"filename" not in options:
            return
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
        with suppress(OSError):  # another process may have deleted it
            if time.time() - old.stat().st_mtime > FORGOTTEN_AFTER_S:
                shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=place))


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    n_bytes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # deleted meanwhile
                n_bytes += (Path(place) / name).stat().st_size
    return n_bytes
