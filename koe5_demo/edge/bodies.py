"""How much a JSON body asks for, told from its bytes before anything reads it: characters, structure, depth.

A request whose texts are far beyond the limits, or that nests thousands of brackets, costs a look at its bytes and
nothing else. Whether it is well-formed is left to who reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from koe5_demo.errors import InputError

MOST_DEPTH: Final = 32
STRUCTURE_BYTES: Final = 1_000_000
"""Of numbers, brackets, commas and blanks; a request holds texts and a few options."""
ESCAPE_CHARS: Final = len("u0041")


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
    # Every escaped backslash and quote becomes one plain character: the quotes that stay begin and end texts.
    parts = body.replace(b"\\\\", b"_").replace(b'\\"', b"_").split(b'"')
    texts, structure = b"".join(parts[1::2]), b"".join(parts[::2])
    n_chars = len(texts.decode("utf-8", "replace")) - texts.count(b"\\") - (ESCAPE_CHARS - 1) * texts.count(b"\\u")
    if n_chars > bounds.n_chars:
        raise InputError("call_too_long", chars=n_chars, limit=bounds.n_chars)
    if len(structure) > STRUCTURE_BYTES or _depth(structure) > MOST_DEPTH:
        raise InputError("call_too_deep", limit=MOST_DEPTH)


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
