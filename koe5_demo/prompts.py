"""What is really sent to a model: its prompt exactly once, whatever the visitor typed, and whose prompt that is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from koe5_demo.errors import InputError
from koe5_demo.records import Prompts, Role

UNSEEN: Final = "\ufeff\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069"
"""Characters that nobody sees and that come with copied texts, as a class of a pattern; \\s knows none of them."""
COLONS: Final = ":\uff1a\ufe55\ufe13\u2236\ua789\u02d0"
FULL_WIDTH_OFFSET: Final = 0xFEE0
SPACE: Final = rf"[\s{UNSEEN}]*"


@dataclass(frozen=True)
class GivenPrompts:
    """Prompts given in place of a model's own. None leaves what the model has; an empty string means none.

    Attributes:
        query, passage: Given by name for this very model: they overrule any, those of the catalog too.
        query_outside, passage_outside: For any model outside the catalog: KOE5_QUERY_PROMPT, KOE5_PASSAGE_PROMPT.
    """

    query: str | None = None
    passage: str | None = None
    query_outside: str | None = None
    passage_outside: str | None = None


def resolve_prompts(own: Prompts, given: Prompts | GivenPrompts | None, *, in_catalog: bool) -> Prompts:
    """Return the prompts that a model is used with.

    Args:
        own: What the catalog or the model's files say.
        given: `Prompts` overrule both of the model's own; `GivenPrompts` one by one.
        in_catalog: Whether `own` is the catalog's: what was given for models outside it does not count then.
    """
    if isinstance(given, Prompts):
        return given
    if given is None:
        return own
    layers = [(given.query, given.passage)]
    if not in_catalog:
        layers.append((given.query_outside, given.passage_outside))
    layers.append((own.query, own.passage))
    query, passage = (next(value for value in values if value is not None) for values in zip(*layers, strict=True))
    return Prompts(query, passage)


def typed_prompt(text: str, prompts: Prompts) -> str | None:
    """Return the prompt that `text` already carries, or None.

    A prompt counts as typed whichever role it belongs to: a visitor who wrote `passage: ...` as a query meant it. It
    counts in any case and width of letters and colon, with blanks before the colon or none behind it, and with
    characters that nobody sees before and inside it.
    """
    pattern = _typed(prompts)
    match = pattern.match(text) if pattern else None
    return prompts.of(Role(match.lastgroup)) if match else None


def split_prompt(text: str, role: Role, prompts: Prompts) -> tuple[str, str]:
    """Return (prompt, bare text): the prompt that was typed if there is one, else the prompt of `role`.

    The bare text is an end of `text`. A prompt that was typed again and again is taken off as one.
    """
    typed, pattern, place = typed_prompt(text, prompts), _typed(prompts), 0
    if typed is None or pattern is None:
        return prompts.of(role), text
    while match := pattern.match(text, place):
        place = match.end()
    return typed, text[place:]


def with_prompt(text: str, role: Role, prompts: Prompts) -> str:
    """Return `text` as the model gets it: with one prompt, never two.

    >>> with_prompt("서울", Role.QUERY, Prompts("query: ", "passage: "))
    'query: 서울'
    >>> with_prompt("Query：서울", Role.QUERY, Prompts("query: ", "passage: "))
    'query: 서울'
    """
    return "".join(split_prompt(text, role, prompts))


def with_prompts(texts: Iterable[str], role: Role, prompts: Prompts) -> list[str]:
    """Apply `with_prompt` to each text; every encoder does, so what is no list of texts or no role is refused here.

    Raises:
        InputError: If `texts` is one string, or there is no such role.
    """
    require_list(texts)
    known = checked_role(role)
    return [with_prompt(text, known, prompts) for text in texts]


def holds_only_prompt(text: str, prompts: Prompts) -> bool:
    """Return whether a text says nothing to a model: it is blank, or a prompt was typed with nothing behind it.

    >>> holds_only_prompt("query: ", Prompts("query: ", "passage: "))
    True
    """
    return re.fullmatch(SPACE, split_prompt(text, Role.NONE, prompts)[1]) is not None


@lru_cache(maxsize=64)
def _typed(prompts: Prompts) -> re.Pattern[str] | None:
    """Return the pattern of prompts as people type them at the start of a text, a group by the name of its role."""
    kinds = []
    for role in (Role.QUERY, Role.PASSAGE):
        prompt = prompts.of(role)
        if stem := prompt.strip():
            # A prompt that ends with a word and a blank is typed only where that word ends.
            end = r"(?!\w)" if stem[-1].isalnum() and prompt[-1].isspace() else ""
            chars = re.sub(r":\s+", ":", stem)  # a blank behind a colon need not be typed
            kinds.append(f"(?P<{role.value}>{f'[{UNSEEN}]*'.join(map(_as_typed, chars))}{end})")
    return re.compile(f"{SPACE}(?:{'|'.join(kinds)}){SPACE}", re.IGNORECASE) if kinds else None


def _as_typed(char: str) -> str:
    """Return the pattern of one character of a prompt."""
    if char.isspace():
        return r"\s+"
    if char == ":":
        return rf"\s*[{COLONS}]\s*"
    wide = f"|{chr(ord(char) + FULL_WIDTH_OFFSET)}" if "!" <= char <= "~" else ""
    return f"(?:{re.escape(char)}{wide})"


def checked_role(role: Any) -> Role:
    """Return a role given as a `Role` or by its name.

    Raises:
        InputError: If there is no such role.
    """
    try:
        return Role(role)
    except ValueError as error:
        raise InputError("bad_role", value=role, valid=", ".join(item.value for item in Role)) from error


def require_list(texts: Any) -> None:
    """Refuse one string where a list of strings belongs: its letters would be taken for texts.

    Raises:
        InputError: If it is a string or bytes.
    """
    if isinstance(texts, str | bytes):
        raise InputError("bad_texts", kind=type(texts).__name__)
