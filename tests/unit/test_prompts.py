"""Prompts are sent exactly once."""

from __future__ import annotations

import pytest

from koe5_demo.prompts import split_prompt, typed_prompt, with_prompt
from koe5_demo.records import Prompts, Role

E5 = Prompts("query: ", "passage: ")


@pytest.mark.parametrize(
    ("text", "role", "sent"),
    [
        ("서울", Role.QUERY, "query: 서울"),
        ("서울", Role.PASSAGE, "passage: 서울"),
        ("서울", Role.NONE, "서울"),
        ("query: 서울", Role.QUERY, "query: 서울"),
        ("query:서울", Role.QUERY, "query: 서울"),
        ("  query:   서울", Role.QUERY, "query: 서울"),
        ("passage: 서울", Role.QUERY, "passage: 서울"),
        ("query: 서울", Role.NONE, "query: 서울"),
        ("querying 서울", Role.QUERY, "query: querying 서울"),
    ],
)
def test_a_text_carries_one_prompt(text: str, role: Role, sent: str) -> None:
    assert with_prompt(text, role, E5) == sent


def test_a_model_without_prompts_gets_the_text_alone() -> None:
    assert with_prompt("query: 서울", Role.QUERY, Prompts()) == "query: 서울"
    assert typed_prompt("query: 서울", Prompts()) is None


def test_prompt_and_text_can_be_told_apart() -> None:
    assert split_prompt("서울", Role.PASSAGE, E5) == ("passage: ", "서울")
    assert split_prompt("query:서울", Role.PASSAGE, E5) == ("query: ", "서울")
