"""What is really sent to a model: its prompt exactly once, whatever the visitor typed."""

from __future__ import annotations

from collections.abc import Iterable

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
    """Apply `with_prompt` to each text."""
    return [with_prompt(text, role, prompts) for text in texts]
