"""Whatever comes in, what comes out is a result or an error of the documented kinds. Random inputs to the
parsers of text boxes and files, to ranking and to the endpoints: 20,000 in all, and fifty times as many in
`make fuzz`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from doubles import WordCountEncoder
from koe5_demo import exports, inputs
from koe5_demo.benchmark.datasets.folder import read_card, table_files
from koe5_demo.benchmark.result_files import load_result
from koe5_demo.edge.bodies import UploadCheck
from koe5_demo.edge.visitors import language_of, visitor_key
from koe5_demo.encoding.endpoint.protocol import SCHEME, parse_address
from koe5_demo.encoding.host import ModelHost
from koe5_demo.errors import DemoError
from koe5_demo.inputs import Layout
from koe5_demo.prompts import holds_only_prompt
from koe5_demo.ranking import RankingRequest, rank_all
from koe5_demo.ranking.calibration import read as read_calibration
from koe5_demo.settings import Limits, Settings
from koe5_demo.tables import KINDS
from koe5_demo.ui.api import Api
from koe5_demo.words import Language
from profiles import examples

LIMITS = Limits(queries=3, passages=6, chars_per_text=40, chars_in_all=120, file_mb=0.01, columns=5)
ODD = st.sampled_from(
    ["", " ", "\x00", "\ud800", "\u2028", "﻿", "=1+1", "query: ", "<script>", "서울", "a" * 60, "👨‍👩‍👧"]
)
WORDS = st.one_of(st.text(max_size=30), ODD, st.text(st.characters(), max_size=10))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def runs(n: int) -> Any:
    return settings(max_examples=examples(n), deadline=None, suppress_health_check=list(HealthCheck), database=None)


class OneModel:
    """A host that has one model, which counts words."""

    serving = "words"
    wanted = "words"

    def request(self, name: str) -> None:
        if name != "words":
            raise DemoError("no_text")

    def encoder(self, _: str) -> WordCountEncoder:
        return WordCountEncoder()

    def answering(self) -> WordCountEncoder:
        return WordCountEncoder()


API = Api(cast("ModelHost", OneModel()), Settings(limits=LIMITS))


@runs(4_000)
@given(WORDS, st.sampled_from(Layout))
def test_text_boxes_are_read(text: str, layout: Layout) -> None:
    parsed = inputs.parse_text(text, layout)
    assert all(item == item.strip() and item for item in parsed.texts)
    assert all(notice.text(language) for notice in parsed.notices for language in Language)
    "".join(parsed.texts).encode("utf-8")


@runs(4_000)
@given(
    st.one_of(st.binary(max_size=200), WORDS.map(lambda text: text.encode("utf-8", "replace"))),
    st.sampled_from([*KINDS, "exe", ""]),
)
def test_files_are_read_or_refused_in_words(content: bytes, ending: str) -> None:
    try:
        table = inputs.read_table(content, f"a.{ending}", LIMITS)
        table.texts()
    except DemoError as error:
        assert all(error.text(language) for language in Language)
        return
    assert all(len(row) == len(table.columns) for row in table.rows)


CELLS = st.one_of(WORDS, st.sampled_from(['"', '""', '"a" b', "a, b", ";", "\t", "'=x", "\r\n"]))


@runs(1_500)  # times two kinds
@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_delimited_files_are_read_row_by_row_or_refused_in_words(rows: list[list[str]], separator: str) -> None:
    content = "\n".join(separator.join(cells) for cells in rows).encode("utf-8", "replace")
    for ending in ("csv", "tsv"):
        try:
            table = inputs.read_table(content, f"a.{ending}", LIMITS)
        except DemoError as error:
            assert all(error.text(language) for language in Language)
            continue
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert list(table.lines) == sorted(set(table.lines))


@runs(1_500)
@given(st.lists(ANYTHING | st.dictionaries(WORDS, ANYTHING, max_size=3), max_size=4), st.booleans())
def test_json_of_any_shape_is_read_as_text_or_refused_in_words(values: list[Any], listed: bool) -> None:
    content = json.dumps(values) if listed else "\n".join(map(json.dumps, values))
    try:
        table = inputs.read_table(content.encode(), "a.jsonl", LIMITS)
    except DemoError as error:
        assert all(error.text(language) for language in Language)
        return
    assert all(type(cell) is str for row in table.rows for cell in row)


@runs(1_500)
@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=8), st.one_of(st.none(), st.integers(-2, 9)))
def test_rankings_are_in_order_or_refused(queries: list[str], passages: list[str], top_k: int | None) -> None:
    try:
        answer = API.rank(queries, passages, "", top_k)
    except DemoError:
        return
    json.dumps(answer, allow_nan=False)
    for result in answer["results"]:
        scores = [hit["score"] for hit in result["hits"]]
        assert scores == sorted(scores, reverse=True)
        # An exact score's rank is one more than the number of better ones; rounding may join neighbours.
        better = [sum(other > score + 1e-6 for other in scores) for score in scores]
        assert [hit["rank"] for hit in result["hits"]] == [n + 1 for n in better]


@runs(500)  # times five endpoints
@given(ANYTHING, ANYTHING, st.sampled_from(["words", "", "else", "../x"]))
def test_endpoints_answer_anything_with_a_result_or_a_documented_error(first: Any, second: Any, model: str) -> None:
    calls = (
        lambda: API.rank(first, second, model),
        lambda: API.similarity(first, second, model),
        lambda: API.embed(first, second, model),
        lambda: API.tokens(first, second, model),
        lambda: API.benchmark([first], second),
    )
    for call in calls:
        assert answered(call)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: API.embed(["서울", "", "부산"]), "Text 2 is blank"),
        (lambda: API.similarity(["서울", "\u200b"]), "Text 2 is blank"),
        (lambda: API.rank(["수도"], ["", "서울", "부산"]), "Passage 1 is blank"),
        (lambda: API.rank(["", "수도"], ["서울"]), "Query 1 is blank"),
        (lambda: API.rank([""], ["서울"]), "There is no query"),
    ],
)
def test_a_blank_text_among_others_is_refused_by_its_place(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(DemoError, match=told):
        call()


def answered(call: Callable[[], Any]) -> str:
    try:
        return json.dumps(call(), allow_nan=False)
    except DemoError as error:
        return error.text(Language.EN)


def says_something(text: str) -> bool:
    """Whether a text is more than blanks, a soft hyphen alone among them: such a text is refused."""
    return not holds_only_prompt(text, WordCountEncoder().info.prompts)


@runs(500)
@given(st.lists(st.text(min_size=1, max_size=20).filter(says_something), min_size=1, max_size=5))
@example(["0\xad"])
def test_exports_hold_no_formula_and_every_text(texts: list[str]) -> None:
    result = rank_all(RankingRequest(texts, texts), WordCountEncoder())
    table = exports.ranking_csv(result)
    assert not any(line.startswith(("=", "+", "@")) for line in table.splitlines()[:1])
    assert np.isfinite(result.comparison.scores).all()
    assert json.loads(exports.to_json(exports.ranking_json(result)))["results"]


@runs(2_000)
@given(st.binary(max_size=120), st.text(max_size=40))
def test_the_gate_reads_any_headers_and_bodies(body: bytes, header: str) -> None:
    raw = [(name, header.encode("utf-8", "replace")) for name in (b"x-forwarded-for", b"cookie", b"accept-language")]
    scope = {"client": (header, 1), "headers": raw}
    assert visitor_key(scope, behind_proxy=True)
    assert language_of(scope, Language.EN) in Language
    with contextlib.suppress(DemoError):
        UploadCheck(header.encode("utf-8", "replace").decode("latin-1"), ("csv",))
    check = UploadCheck("multipart/form-data; boundary=b", ("csv",))
    with_or_without(check, body)


def with_or_without(check: UploadCheck, body: bytes) -> None:
    try:
        check.feed(b"--b\r\n" + body)
    except DemoError as error:
        assert error.key in {"upload_broken", "upload_count", "file_kind"}


ADDRESS_PARTS = st.sampled_from(
    ["http://", "https://", "a", ":", "80", "@", "[", "]", "/", "#", "?", "=", ",", "v1", "&"]
)


@runs(1_500)
@given(st.one_of(WORDS, st.lists(st.one_of(ADDRESS_PARTS, WORDS), max_size=8).map("".join)))
def test_addresses_of_servers_are_read_or_refused_in_words(name: str) -> None:
    try:
        assert parse_address(SCHEME + name).url.startswith("http")
    except DemoError as error:
        assert all(error.text(language) for language in Language)


CARD_PARTS = st.sampled_from(
    [
        "configs:",
        "- config_name: corpus",
        "  data_files: a.csv",
        "[",
        "{",
        "}",
        "&a *a",
        "2024-99-99",
        "!!python/x",
        "?",
    ]
)


@runs(1_500)
@given(st.lists(st.one_of(CARD_PARTS, WORDS), max_size=6))
def test_cards_of_data_sets_are_read_as_far_as_they_go(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "README.md"
    path.write_bytes("\n".join(["---", *lines, "---", "text"]).encode("utf-8", "replace"))
    card = read_card(path)
    with contextlib.suppress(DemoError):
        table_files(["corpus.jsonl", "qrels/test.tsv"], card, "corpus", "default")


@runs(1_500)
@given(ANYTHING, st.dictionaries(st.sampled_from(["format", "koe5_demo", "manifest", "scores", "version"]), ANYTHING))
def test_saved_results_of_any_shape_are_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, line: Any, content: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "result.json"
    path.write_text(json.dumps(content), "utf-8")
    path.with_suffix(".queries.jsonl").write_text(json.dumps(line), "utf-8")
    with pytest.raises(DemoError) as refused:
        load_result(path)
    assert all(refused.value.text(language) for language in Language)
    assert read_calibration(path) is None


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_file_of_very_many_columns_is_refused(ending: str) -> None:
    wide, n_columns = Limits(file_mb=20), 200_000
    if ending == "jsonl":
        content = json.dumps({str(n): 1 for n in range(n_columns)}).encode()
    else:
        content = ("\t" if ending == "tsv" else ",").join(map(str, range(n_columns))).encode() + b"\n1"
    with pytest.raises(DemoError) as refused:
        inputs.read_table(content, f"a.{ending}", wide)
    assert refused.value.key == "file_too_many_columns"
