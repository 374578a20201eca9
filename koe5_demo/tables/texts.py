"""What is text and what is not: texts cleaned of what nobody sees, each in its place, and texts made comparable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from koe5_demo.records import Notice

INVISIBLE: Final = "\u00ad\u200b\u2060\ufeff"
"""Soft hyphen, zero-width space, word joiner, byte order mark: they come along with copied text and change its vector.
Joiners (U+200C, U+200D) are none of them: they hold emoji and scripts together."""
HANGUL_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
_INVISIBLE: Final = re.compile(f"[{INVISIBLE}]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Parsed:
    """Texts that were read, and what the visitor should know about the reading.

    Attributes:
        texts: None of them blank.
        notices: What was skipped, removed or replaced.
        places: Where each text stood among all that were given, from 0; None where none was blank.
        n_given: How many were given, blank ones among them; None where none was blank.
    """

    texts: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    places: tuple[int, ...] | None = None
    n_given: int | None = None

    def place(self, index: int) -> int:
        """Return where text number `index` stood among all that were given, from 0."""
        return index if self.places is None else self.places[index]


def clean(raw: Iterable[str]) -> Parsed:
    """Strip texts, drop blank ones, control characters, what nobody sees and unpaired surrogates; say how many.

    Blank is also what shows nothing: zero-width characters and Hangul fillers alone.
    """
    texts: list[str] = []
    places: list[int] = []
    n_given = controls = invisible = surrogates = 0
    for place, item in enumerate(raw):
        n_given += 1
        # A form feed and its like part words, as a blank does.
        text, n_controls = _CONTROL.subn(_without_control, item)
        text, n_invisible = _INVISIBLE.subn("", text)
        text, n_surrogates = _SURROGATE.subn("\N{REPLACEMENT CHARACTER}", text)
        controls, surrogates = controls + n_controls, surrogates + n_surrogates
        text = text.strip()
        if not is_blank(text):
            texts.append(text)
            places.append(place)
            invisible += n_invisible
    counted = (
        ("notice_blank_skipped", n_given - len(texts)),
        ("notice_controls_removed", controls),
        ("notice_invisible_removed", invisible),
        ("notice_surrogates_replaced", surrogates),
    )
    notices = tuple(Notice(key, {"n": n}) for key, n in counted if n)
    if n_given == len(texts):
        return Parsed(tuple(texts), notices)
    return Parsed(tuple(texts), notices, tuple(places), n_given)


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing."""
    return not any(map(_is_visible, text))


def seen(text: str) -> str:
    """Return a text without the characters that nobody sees."""
    return _INVISIBLE.sub("", text)


def compared(text: str) -> str:
    """Return a text as it is compared: composed Hangul (files of macOS hold it in parts), nothing that nobody sees.

    >>> compared("가") == compared("\u1100\u1161\u200b")
    True
    """
    return unicodedata.normalize("NFC", seen(text))


def _without_control(found: re.Match[str]) -> str:
    return " " if found[0].isspace() else ""


def _is_visible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) not in {"Cc", "Cf"} and char not in HANGUL_FILLERS
