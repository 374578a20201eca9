"""What visitors type and upload: every kind of bad input, each with its message or notice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koe5_demo.errors import DemoError, InputError
from koe5_demo.inputs import Layout, Parsed, check, check_texts, clean, clean_each, parse_text, read_table
from koe5_demo.settings import Limits
from koe5_demo.words import Language

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


def test_a_control_character_that_parts_words_leaves_a_blank() -> None:
    parsed = clean(["첫 줄\x0c둘째"])
    assert parsed.texts == ("첫 줄 둘째",)
    assert notices(parsed) == {"notice_controls_removed": 1}


@pytest.mark.parametrize("nothing", ["\u200b", "\ufeff \u00ad", "\u3164", "\x07"])
def test_a_text_that_shows_nothing_is_blank(nothing: str) -> None:
    assert clean([nothing, "글"]).texts == ("글",)


def test_texts_that_must_keep_their_places_are_cleaned_or_refused() -> None:
    assert clean_each(["가\x00", "나"]).texts == ("가", "나")
    with pytest.raises(InputError, match="Text 2 is blank"):
        clean_each(["가", "\u200b", ""])


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
        (("질의",), ("가" * 200_000,), "passage_too_long"),
        (("가" * 100_001,), ("문단",), "query_too_long"),
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


def test_a_text_that_is_too_long_is_named_by_its_place_among_its_kind() -> None:
    with pytest.raises(InputError, match="Passage 2 has 200,000 characters; the limit is 100,000"):
        check(Parsed(("질의", "질의")), Parsed(("문단", "가" * 200_000)), LIMITS)


def test_texts_of_no_kind_have_the_same_limits() -> None:
    check_texts(Parsed(("글",) * 1_000), LIMITS)
    with pytest.raises(InputError, match="1,001 texts; the limit is 1,000"):
        check_texts(Parsed(("글",) * 1_001), LIMITS)
    with pytest.raises(InputError, match="Text 1 has 200,000"):
        check_texts(Parsed(("가" * 200_000,)), LIMITS)


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
        (b"\xfe\xff" + "본문\n똠방각하 펲시콜라\n".encode("utf-16-be"), "utf-16"),
        ("본문\n똠방각하 펲시콜라\n".encode("utf-32"), "utf-32"),
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


def test_a_column_that_was_chosen_for_the_visitor_is_told() -> None:
    headless = read_table("서울은 수도이다.\n부산은 항구이다.\n".encode(), "a.csv", LIMITS).texts()
    assert [(notice.key, notice.values["column"]) for notice in headless.notices] == [
        ("notice_column", "서울은 수도이다.")
    ]
    assert read_table("첫 줄\n둘째 줄\n".encode(), "a.txt", LIMITS).texts().notices == ()
    assert read_table("본문\n둘째 줄\n".encode(), "a.csv", LIMITS).texts().notices == ()


def test_a_separator_line_and_blanks_before_quotes_are_read_as_spreadsheets_mean_them() -> None:
    assert read_table("sep=;\r\n번호;본문\r\n1;가, 나\r\n".encode(), "a.csv", LIMITS).rows == (("1", "가, 나"),)
    assert read_table('번호, 본문\n1, "가, 나"\n'.encode(), "a.csv", LIMITS).rows == (("1", "가, 나"),)


def test_nul_in_a_csv_is_told_as_anywhere_else() -> None:
    parsed = read_table("본문\n가\x00나\n".encode(), "a.csv", LIMITS).texts()
    assert parsed.texts == ("가나",)
    assert notices(parsed) == {"notice_controls_removed": 1}


def test_only_line_ends_part_the_lines_of_a_file() -> None:
    assert read_table("가\x0c나\r다\u2028라".encode(), "a.txt", LIMITS).texts().texts == ("가 나", "다", "라")
    lines = '"가\u2028나"\n"다"\n'.encode()
    assert read_table(lines, "a.jsonl", LIMITS).rows == (("가\u2028나",), ("다",))


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
        ("a.csv", b"a,b\n1,2,3\n", "file_wide_row"),
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
