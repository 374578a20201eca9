"""Words: both languages are there, and nothing shown to a visitor bypasses the two catalogues."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from koe5_demo.words import WORDS

PACKAGE = Path(__file__).resolve().parents[2] / "koe5_demo"
HANGUL = re.compile("[가-힣]")
# Names in the data, and lines that are not words of the page.
MAY_HOLD_HANGUL = {
    "words.py",
    "catalog.py",
    "inputs.py",
    "__init__.py",
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_a_text_speaks_both_languages_with_the_same_values(key: str) -> None:
    korean, english = WORDS[key]
    assert korean
    assert english
    assert not HANGUL.search(english) or key == "language"
    assert fields(korean) == fields(english)


def test_every_key_that_the_page_asks_for_exists() -> None:
    asked = set()
    for path in (PACKAGE / "ui").rglob("*.*"):
        if path.suffix in {".py", ".html"}:
            asked |= set(
                re.findall(r"""\b(?:message|t|label)\(\s*["']([a-z0-9_]*[a-z0-9])["']""", path.read_text("utf-8"))
            )
    assert asked
    assert asked <= set(WORDS)


def test_no_template_holds_words_of_its_own() -> None:
    for path in (PACKAGE / "ui" / "templates").glob("*.html"):
        markup = re.sub(r"\{[{%].*?[}%]\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        code = re.sub(r"<(code|a)\b[^>]*>.*?</\1>", "", markup, flags=re.DOTALL)  # commands and addresses are no prose
        bare = re.sub(r"<[^>]+>|&[a-z]+;", "", code)
        assert not re.search(r"[A-Za-z가-힣]", bare), path.name


def test_hangul_in_code_of_the_page_stands_only_in_the_catalogues() -> None:
    for path in (PACKAGE / "ui").glob("*.py"):
        if f"ui/{path.name}" in MAY_HOLD_HANGUL:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                assert not HANGUL.search(node.value) or node.value == "한국어", f"{path.name}: {node.value}"
