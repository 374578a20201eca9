"""A visitor's state as a link or a file: texts, model and options, never stored on a server.

A link carries compressed JSON in its address. Whoever made it may be hostile: what comes out is bounded in size and
depth, checked field by field, and then goes through the same checks as anything typed.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from koe5_demo.errors import InputError
from koe5_demo.inputs import Layout

FORMAT: Final = "koe5-demo-state"
VERSION: Final = 1
MOST_LINK_CHARS: Final = 6_000
"""Of the packed state: every browser and most chat programs carry an address of this length whole."""
MOST_LINK_BYTES: Final = 1_000_000
"""Of the JSON inside a link; compression could blow 6,000 characters up to some 4.6 million bytes."""
MOST_FILE_BYTES: Final = 20_000_000
MOST_OPTIONS: Final = 64
MOST_NAME_CHARS: Final = 300
LARGEST_NUMBER: Final = 2**53
"""Whole numbers beyond are not the same in a browser."""
_LONE_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_LINK: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")

OptionValue = str | int | float | bool


@dataclass(frozen=True)
class SharedState:
    """What a link restores.

    Attributes:
        queries, passages: Texts, in order.
        layout: How passages are parted when they are put back into a text box.
        model: Name of the model: as shown, never a path of somebody's machine.
        options: Other choices by name: switches, numbers, short texts. Unknown names are for the page to ignore.
    """

    queries: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()
    layout: Layout = Layout.LINES
    model: str = ""
    options: Mapping[str, OptionValue] = field(default_factory=dict)


def to_link(state: SharedState) -> str | None:
    """Pack a state into characters that need no escaping in an address; None if there are more than 6,000."""
    content = _to_json(state, indent=None)
    if len(content) > MOST_LINK_BYTES:
        return None
    packed = base64.urlsafe_b64encode(zlib.compress(content, level=9)).decode("ascii").rstrip("=")
    return packed if len(packed) <= MOST_LINK_CHARS else None


def from_link(packed: str) -> SharedState:
    """Read what `to_link` made.

    Raises:
        InputError: If it is too long, broken, of a newer version, or a field has a value that cannot be used.
    """
    if len(packed) > MOST_LINK_CHARS:
        raise InputError("share_too_big", limit=MOST_LINK_CHARS)
    if not _LINK.fullmatch(packed):
        raise InputError("share_broken")
    return _from_json(_inflate(packed.rstrip("=")))


def to_file(state: SharedState) -> bytes:
    """Return the state as indented JSON in UTF-8, of any length: a file has room where a link has none."""
    return _to_json(state, indent=2) + b"\n"


def from_file(content: bytes) -> SharedState:
    """Read what `to_file` made.

    Raises:
        InputError: As `from_link`.
    """
    if len(content) > MOST_FILE_BYTES:
        raise InputError("share_too_big", limit=MOST_FILE_BYTES)
    return _from_json(content)


def _inflate(packed: str) -> bytes:
    try:
        compressed = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        inflater = zlib.decompressobj()
        content = inflater.decompress(compressed, MOST_LINK_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise InputError("share_broken") from error
    if inflater.unconsumed_tail:
        raise InputError("share_too_big", limit=MOST_LINK_BYTES)
    if not inflater.eof or inflater.unused_data:
        raise InputError("share_broken")
    return content


def _to_json(state: SharedState, *, indent: int | None) -> bytes:
    content = {
        "format": FORMAT,
        "version": VERSION,
        "queries": list(state.queries),
        "passages": list(state.passages),
        "layout": state.layout.value,
        "model": state.model,
        "options": dict(state.options),
    }
    separators = (",", ":") if indent is None else None
    text = json.dumps(content, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    return _LONE_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8")


def _from_json(content: bytes) -> SharedState:
    try:
        raw = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError("share_broken") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError("share_broken")
    version = raw.get("version")
    if type(version) is not int or version < 1:
        raise InputError("share_broken")
    if version > VERSION:
        raise InputError("share_version", found=version, known=VERSION)
    return SharedState(**{name: _checked(name, raw[name]) for name in _READERS if name in raw})


def _checked(name: str, value: object) -> Any:
    try:
        return _READERS[name](value)
    except (TypeError, ValueError) as error:
        raise InputError("share_field", field=name) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return _LONE_SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(_text(item) for item in value)


def _layout(value: object) -> Layout:
    return Layout(_text(value))


def _name(value: object) -> str:
    name = _text(value)
    if len(name) > MOST_NAME_CHARS:
        raise ValueError("too long")
    return name


def _options(value: object) -> dict[str, OptionValue]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    if len(value) > MOST_OPTIONS:
        raise ValueError("too many")
    return {_name(name): _option(found) for name, found in value.items()}


def _option(value: object) -> OptionValue:
    if isinstance(value, str):
        return _name(value)
    if isinstance(value, int) and abs(value) <= LARGEST_NUMBER:  # True and False are whole numbers too
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise TypeError("not a plain value")


_READERS: Final[dict[str, Callable[[object], Any]]] = {
    "queries": _texts,
    "passages": _texts,
    "layout": _layout,
    "model": _name,
    "options": _options,
}
