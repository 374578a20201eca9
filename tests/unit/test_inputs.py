"""What visitors type and upload: every kind of bad input, each with its message or notice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koe5_demo.errors import DemoError, InputError
from koe5_demo.inputs import Layout, Parsed, check, clean, parse_text, read_table
from koe5_demo.messages import Language
from koe5_demo.settings import Limits

LIMITS = Limits()


def notices(parsed: Parsed) -> dict[str, object]:
    return {notice.key: notice.values.get("n") for notice in parsed.notices}


def test_lines_are_texts_and_blank_lines_are_counted() -> None:
    parsed = parse_text("하나\n\n  둘 \r\n\t\n셋\n", Layout.LINES)
    assert parsed.texts == ("하나", "둘", "셋")
    assert notices(parsed) == {"notice_blank_skipped": 2}


def test_blocks_are_parted_by_blank_lines_and_keep_their_own_lines() -> None:
    parsed = parse_text("하나\n둘\n\n\n셋\n \n넷", Layout.BLOCKS)
    assert parsed.texts == ("하나\n둘", "셋", "넷")
    assert parsed.notices == ()


def test_nothing_typed_gives_no_text_and_no_notice() -> None:
    for layout in Layout:
        assert parse_text(" \n \n", layout) == Parsed(())


def test_control_characters_are_removed_and_counted() -> None:
    parsed = clean(["가\x00나\x07다\t라"])
    assert parsed.texts == ("가나다\t라",)
    assert notices(parsed) == {"notice_controls_removed": 2}


def test_unpaired_surrogates_are_replaced_and_counted() -> None:
    parsed = clean(["가\ud83d나"])
    assert parsed.texts == ("가\N{REPLACEMENT CHARACTER}나",)
    assert notices(parsed) == {"notice_surrogates_replaced": 1}
    "".join(parsed.texts).encode("utf-8")


@pytest.mark.parametrize(
    "text", ["🙂👨‍👩‍👧", "漢字 大韓民國", "ㄱㄴ ㅏㅑ ㅋㅋㅋ", "שלום עולם", "\u202eabc", "<script>alert(1)</script>"]
)
def test_unusual_text_is_kept_as_it_is(text: str) -> None:
    assert parse_text(text, Layout.LINES) == Parsed((text,))


@pytest.mark.parametrize(
    ("queries", "passages", "key"),
    [
        ((), ("문단",), "no_query"),
        (("질의",), (), "no_passage"),
        (("질의",) * 51, ("문단",), "too_many_queries"),
        (("질의",), ("문단",) * 1_001, "too_many_passages"),
        (("질의",), ("가" * 200_000,), "text_too_long"),
        (("질의",), ("가" * 100_000,) * 21, "too_much_text"),
    ],
)
def test_missing_and_too_much_input_is_refused(queries: tuple[str, ...], passages: tuple[str, ...], key: str) -> None:
    with pytest.raises(InputError) as caught:
        check(Parsed(queries), Parsed(passages), LIMITS)
    assert caught.value.key == key


def test_a_limit_is_named_with_the_value_in_both_languages() -> None:
    with pytest.raises(InputError) as caught:
        check(Parsed(("질의",)), Parsed(("문단",) * 1_001), LIMITS)
    for language in Language:
        assert "1,001" in caught.value.text(language)
        assert "1,000" in caught.value.text(language)


def test_exactly_the_limit_passes() -> None:
    assert check(Parsed(("질의",) * 50), Parsed(tuple(f"문단 {n}" for n in range(1_000))), LIMITS) == []


def test_one_passage_and_duplicates_are_told() -> None:
    assert [notice.key for notice in check(Parsed(("질의",)), Parsed(("문단",)), LIMITS)] == ["notice_one_passage"]
    told = check(Parsed(("질의",)), Parsed(("가", "나", "가", "다", "나")), LIMITS)
    assert [(notice.key, notice.values) for notice in told] == [("notice_duplicates", {"pairs": "1=3, 2=5"})]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("본문\n똠방각하 펲시콜라\n".encode("cp949"), "cp949"),
        ("본문\n똠방각하 펲시콜라\n".encode("utf-8-sig"), "utf-8-sig"),
        ("본문\n똠방각하 펲시콜라\n".encode(), "utf-8"),
        ("본문\n똠방각하 펲시콜라\n".encode("utf-16"), "utf-16"),
    ],
)
def test_korean_files_are_read_in_the_encodings_that_spreadsheets_write(content: bytes, encoding: str) -> None:
    table = read_table(content, "표.csv", LIMITS)
    assert table.encoding == encoding
    assert table.columns == ("본문",)
    assert table.texts().texts == ("똠방각하 펲시콜라",)


def test_a_csv_offers_its_columns_and_suggests_the_one_with_text() -> None:
    content = 'id,제목,내용\n1,가,"첫 문단, 쉼표와\n줄바꿈"\n2,나,둘째\n'.encode()
    table = read_table(content, "a.csv", LIMITS)
    assert table.columns == ("id", "제목", "내용")
    assert table.suggested_column == "내용"
    assert table.texts().texts == ("첫 문단, 쉼표와\n줄바꿈", "둘째")
    assert table.texts("제목").texts == ("가", "나")


def test_the_longest_column_is_suggested_where_no_name_tells() -> None:
    assert read_table("a;b\n1;긴 문장입니다\n".encode(), "a.csv", LIMITS).suggested_column == "b"


def test_repeated_and_nameless_columns_can_be_told_apart() -> None:
    assert read_table(b"x,,x\n1,2,3\n", "a.csv", LIMITS).columns == ("x", "column 2", "x (3)")


def test_jsonl_takes_objects_and_strings() -> None:
    lines = [json.dumps({"text": "가", "id": 1}), "", json.dumps("나"), json.dumps({"text": None, "id": [1]})]
    table = read_table("\n".join(lines).encode(), "a.jsonl", LIMITS)
    assert table.columns == ("text", "id")
    assert table.texts("text").texts == ("가", "나")
    assert table.rows[2] == ("", "[1]")


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("a.txt", b"", "file_empty"),
        ("a.csv", b"\n\n", "file_empty"),
        ("a.pdf", b"%PDF", "file_kind"),
        ("noending", b"x", "file_kind"),
        ("a.txt", b"\xff\xfe\xff", "file_encoding"),
        ("a.txt", b"\x81\x20\xff\xff", "file_encoding"),
        ("a.csv", b'a,b\n1,"open\n', "file_broken_csv"),
        ("a.csv", b"a,b\n1,2,3\n", "file_broken_csv"),
        ("a.jsonl", b'{"text": "x"}\n{broken\n', "file_broken_jsonl"),
        ("a.jsonl", b"[1, 2]\n", "file_broken_jsonl"),
        ("a.jsonl", b"[" * 100_000, "file_broken_jsonl"),
        ("a.csv", ",".join(f"c{n}" for n in range(1_001)).encode(), "file_too_many_columns"),
    ],
)
def test_files_that_cannot_be_read_say_why(name: str, content: bytes, key: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(content, name, LIMITS)
    assert caught.value.key == key
    for language in Language:
        assert name in caught.value.text(language)


def test_a_broken_line_is_named_by_its_number() -> None:
    with pytest.raises(InputError, match="Line 2"):
        read_table(b'{"text": "x"}\n{broken\n', "a.jsonl", LIMITS)


def test_a_file_that_is_too_big_says_both_sizes() -> None:
    with pytest.raises(InputError, match=r"0\.3 MB; the limit is 0\.2 MB"):
        read_table(b"x" * 300_000, "a.txt", Limits(file_mb=0.2))


def test_an_unknown_or_empty_column_is_refused() -> None:
    table = read_table("a,b\n글,\n".encode(), "a.csv", LIMITS)
    with pytest.raises(InputError, match="Columns: a, b"):
        table.texts("c")
    with pytest.raises(InputError) as caught:
        table.texts("b")
    assert caught.value.key == "file_no_text"


@given(st.binary(max_size=400), st.sampled_from(["a.txt", "a.csv", "a.tsv", "a.jsonl"]))
def test_any_bytes_are_read_or_refused_with_a_message(content: bytes, name: str) -> None:
    try:
        read_table(content, name, LIMITS).texts()
    except DemoError as error:
        assert error.text(Language.KO)


@given(st.text(max_size=300), st.sampled_from(Layout))
def test_any_text_gives_texts_that_can_be_encoded(text: str, layout: Layout) -> None:
    for item in parse_text(text, layout).texts:
        assert item.strip() == item != ""
        item.encode("utf-8")
