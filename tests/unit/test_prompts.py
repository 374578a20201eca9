"""Prompts are sent exactly once."""

from __future__ import annotations

import pytest

from koe5_demo.prompts import GivenPrompts, holds_only_prompt, resolve_prompts, split_prompt, typed_prompt, with_prompt
from koe5_demo.records import Prompts, Role

E5 = Prompts("query: ", "passage: ")
INSTRUCT = Prompts("Instruct: Find the passage\nQuery: ")


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
        ("query 서울", Role.QUERY, "query: query 서울"),
        ("my query: 서울", Role.QUERY, "query: my query: 서울"),
        ("query", Role.QUERY, "query: query"),
    ],
)
def test_a_text_carries_one_prompt(text: str, role: Role, sent: str) -> None:
    assert with_prompt(text, role, E5) == sent


@pytest.mark.parametrize(
    "text",
    [
        "query：서울",
        "Query: 서울",
        "QUERY:서울",
        "query : 서울",
        "query\u00a0:\u3000서울",
        "\ufeffquery: 서울",
        "\u200bquery: 서울",
        " \u2060\n\u00adquery:\u200b 서울",
        "que\u200bry: 서울",
        "ｑｕｅｒｙ： 서울",
        "query﹕서울",
        "query: query：서울",
        "query: passage: 서울",
    ],
)
def test_a_prompt_typed_in_another_way_is_not_doubled(text: str) -> None:
    assert with_prompt(text, Role.QUERY, E5) == "query: 서울"
    assert with_prompt(text, Role.PASSAGE, E5) == "query: 서울"
    assert typed_prompt(text, E5) == "query: "


def test_a_model_without_prompts_gets_the_text_alone() -> None:
    assert with_prompt("query: 서울", Role.QUERY, Prompts()) == "query: 서울"
    assert typed_prompt("query: 서울", Prompts()) is None


def test_prompt_and_text_can_be_told_apart() -> None:
    assert split_prompt("서울", Role.PASSAGE, E5) == ("passage: ", "서울")
    assert split_prompt("query:서울", Role.PASSAGE, E5) == ("query: ", "서울")


def test_a_prompt_that_is_a_word_is_typed_only_as_that_word() -> None:
    assert with_prompt("quick fox", Role.QUERY, Prompts("q ")) == "q quick fox"
    assert with_prompt("Q 서울", Role.QUERY, Prompts("q ")) == "q 서울"
    assert with_prompt("[ Q ]서울", Role.QUERY, Prompts("[Q]")) == "[Q][ Q ]서울"


def test_a_prompt_of_several_lines_is_known_again() -> None:
    text = "instruct：find the  passage query: 서울"
    assert with_prompt(text, Role.QUERY, INSTRUCT) == "Instruct: Find the passage\nQuery: 서울"


def test_a_hundred_thousand_blanks_or_prompts_are_read_in_one_go() -> None:
    assert with_prompt(" " * 100_000 + "서울", Role.NONE, E5) == " " * 100_000 + "서울"
    assert with_prompt("query:" * 20_000 + "서울", Role.NONE, E5) == "query: 서울"
    assert with_prompt("query" + " " * 100_000, Role.NONE, E5) == "query" + " " * 100_000


@pytest.mark.parametrize(
    "text", ["", " \n", "\ufeff", "\u200b \u2060", "query: ", "query：", "Passage :\u200b", "query: query:"]
)
def test_a_text_that_is_nothing_but_its_prompt_holds_only_prompt(text: str) -> None:
    assert holds_only_prompt(text, E5)


@pytest.mark.parametrize("text", ["query: 서울", "query", ".", "0"])
def test_a_text_with_a_word_of_its_own_is_not_blank(text: str) -> None:
    assert not holds_only_prompt(text, E5)


def test_a_prompt_is_a_text_like_any_other_where_the_model_has_none() -> None:
    assert not holds_only_prompt("query: ", Prompts())
    assert holds_only_prompt(" \u200b", Prompts())


@pytest.mark.parametrize(
    ("given", "in_catalog", "expected"),
    [
        (None, False, E5),
        (Prompts("q: "), True, Prompts("q: ", "")),
        (GivenPrompts(), False, E5),
        (GivenPrompts(query="q: "), True, Prompts("q: ", "passage: ")),
        (GivenPrompts(passage=""), False, Prompts("query: ", "")),
        (GivenPrompts(query_outside="q: "), False, Prompts("q: ", "passage: ")),
        (GivenPrompts(query_outside="", passage_outside=""), False, Prompts()),
        (GivenPrompts(query_outside="q: ", passage_outside="p: "), True, E5),
        (GivenPrompts(query="a: ", query_outside="q: ", passage_outside="p: "), False, Prompts("a: ", "p: ")),
    ],
)
def test_what_was_given_overrules_one_prompt_and_leaves_the_other(
    given: Prompts | GivenPrompts | None, in_catalog: bool, expected: Prompts
) -> None:
    assert resolve_prompts(E5, given, in_catalog=in_catalog) == expected
