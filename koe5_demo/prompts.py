"""What is really sent to a model: its prompt exactly once, whatever the visitor typed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from koe5_demo.errors import InputError
from koe5_demo.records import Prompts, Role


def typed_prompt(text: str, prompts: Prompts) -> str | None:
    """Return the prompt that `text` already carries, or None.

    A prompt counts as typed with or without the blank at its end, whichever role it belongs to: a visitor who wrote
    `passage: ...` as a query meant it.
    """
    for prompt in (prompts.query, prompts.passage):
        if prompt and text.lstrip().startswith(prompt.rstrip()):
            return prompt
    return None


def split_prompt(text: str, role: Role, prompts: Prompts) -> tuple[str, str]:
    """Return (prompt, bare text): the prompt that was typed if there is one, else the prompt of `role`."""
    typed = typed_prompt(text, prompts)
    if typed is None:
        return prompts.of(role), text
    return typed, text.lstrip()[len(typed.rstrip()) :].lstrip()


def with_prompt(text: str, role: Role, prompts: Prompts) -> str:
    """Return `text` as the model gets it: with one prompt, never two.

    >>> with_prompt("서울", Role.QUERY, Prompts("query: ", "passage: "))
    'query: 서울'
    >>> with_prompt("query:서울", Role.QUERY, Prompts("query: ", "passage: "))
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
