"""Links and state files: what goes in comes out, and nothing hostile gets through."""

from __future__ import annotations

import base64
import json
import time
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koe5_demo import share
from koe5_demo.errors import InputError
from koe5_demo.inputs import Layout
from koe5_demo.share import SharedState, from_file, from_link, to_file, to_link
from koe5_demo.words import Language

OPTIONS = st.dictionaries(
    st.text(max_size=20),
    st.one_of(
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=50),
    ),
    max_size=10,
)
STATES = st.builds(
    SharedState,
    queries=st.lists(st.text(max_size=60), max_size=5).map(tuple),
    passages=st.lists(st.text(max_size=200), max_size=8).map(tuple),
    layout=st.sampled_from(list(Layout)),
    model=st.text(max_size=40),
    options=OPTIONS,
)
EXAMPLE = SharedState(
    ("수도는?",), ("서울은 수도이다.", "부산 & <b>"), Layout.BLOCKS, "koe5", {"top_k": 3, "windows": True}
)


def link_of(value: object) -> str:
    return packed(json.dumps(value).encode())


def packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")


def state_with(**changes: object) -> dict[str, object]:
    return {"format": share.FORMAT, "version": 1, "queries": ["q"], "passages": ["p"], **changes}


def refusal(link: str) -> InputError:
    with pytest.raises(InputError) as refused:
        from_link(link)
    assert all(refused.value.text(language) for language in Language)
    return refused.value


@settings(max_examples=200, deadline=None)
@given(STATES)
def test_a_link_restores_the_state(state: SharedState) -> None:
    link = to_link(state)
    assert link is None or from_link(link) == state


@settings(max_examples=100, deadline=None)
@given(STATES)
def test_a_file_restores_the_state(state: SharedState) -> None:
    assert from_file(to_file(state)) == state


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.binary(max_size=300).map(packed),
        st.text(max_size=200).map(lambda t: packed(t.encode())),
    )
)
def test_anything_else_is_refused_with_a_message(link: str) -> None:
    refusal(link)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("queries", "passages", "layout", "model", "options"), JSON)))
def test_fields_of_any_type_give_a_valid_state_or_a_message(fields: dict[str, object]) -> None:
    link = link_of({"format": share.FORMAT, "version": 1, **fields})
    with suppress(InputError):
        assert_plain(from_link(link))


def assert_plain(state: SharedState) -> None:
    assert all(isinstance(text, str) for text in (*state.queries, *state.passages, state.model))
    assert isinstance(state.layout, Layout)
    assert all(type(value) in {str, int, float, bool} for value in state.options.values())


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_link_that_was_cut_off_or_changed_is_refused_or_whole(data: st.DataObject) -> None:
    link = to_link(EXAMPLE)
    assert link is not None
    place = data.draw(st.integers(0, len(link) - 1))
    refusal(link[:place])
    changed = link[:place] + data.draw(st.sampled_from("ABCxyz019-_")) + link[place + 1 :]
    with suppress(InputError):
        assert from_link(changed) == EXAMPLE  # zlib's checksum covers every byte of the content


def test_a_link_needs_no_escaping_in_an_address() -> None:
    link = to_link(EXAMPLE)
    assert link is not None
    assert set(link) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_state_that_is_too_long_for_a_link_says_so_and_fits_a_file() -> None:
    noise = base64.b85encode(bytes((7 * k * k + k // 3) % 251 for k in range(20_000))).decode()
    state = SharedState(passages=(noise + "".join(chr(0xAC00 + (k * 7919) % 11172) for k in range(5000)),))
    assert to_link(state) is None
    assert from_file(to_file(state)) == state


def test_a_state_that_only_compression_makes_short_is_no_link_either() -> None:
    # It would be refused when read: 1,000,000 bytes are the bound.
    assert to_link(SharedState(passages=("a" * 1_000_000,))) is None


def test_a_decompression_bomb_is_refused_at_once_without_memory() -> None:
    bomb = packed(json.dumps(state_with(passages=["0" * 4_000_000])).encode())
    assert len(bomb) <= share.MOST_LINK_CHARS
    start = time.perf_counter()
    assert refusal(bomb).key == "share_too_big"
    assert time.perf_counter() - start < 1


def test_a_link_that_is_too_long_is_not_even_read() -> None:
    assert refusal("A" * 6_001).key == "share_too_big"


def test_nested_json_and_numbers_of_many_digits_are_refused() -> None:
    assert refusal(packed(b"[" * 100_000)).key == "share_broken"
    assert refusal(packed(b'{"format":"koe5-demo-state","version":' + b"9" * 5_000 + b"}")).key == "share_broken"
    assert refusal(link_of(state_with(options={"n": 10**300}))).key == "share_field"
    assert refusal(packed(b'{"format":"koe5-demo-state","version":1,"options":{"x":NaN}}')).key == "share_broken"
    assert refusal(packed(b'{"format":"koe5-demo-state","version":1,"options":{"x":1e999}}')).key == "share_field"


def test_unknown_fields_are_ignored_and_missing_ones_have_defaults() -> None:
    assert from_link(link_of(state_with(shoe_size=42))) == SharedState(("q",), ("p",))
    assert from_link(link_of({"format": share.FORMAT, "version": 1})) == SharedState()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("queries", "one text"),
        ("queries", [1]),
        ("passages", {"a": "b"}),
        ("passages", [None]),
        ("layout", "diagonal"),
        ("layout", 3),
        ("model", None),
        ("model", "x" * 301),
        ("options", ["a"]),
        ("options", {"a": [1]}),
        ("options", {"a": None}),
        ("options", {str(n): n for n in range(65)}),
    ],
)
def test_a_value_of_the_wrong_kind_names_its_field(field: str, value: object) -> None:
    error = refusal(link_of(state_with(**{field: value})))
    assert (error.key, error.values) == ("share_field", {"field": field})


def test_a_newer_version_and_other_files_are_told_apart() -> None:
    assert refusal(link_of(state_with(version=2))).values == {"found": 2, "known": 1}
    assert refusal(link_of(state_with(version=True))).key == "share_broken"
    assert refusal(link_of({"queries": []})).key == "share_broken"
    assert refusal(packed(zlib.compress(b"x"))).key == "share_broken"


def test_bytes_behind_the_state_are_refused() -> None:
    content = zlib.compress(json.dumps(state_with()).encode()) + b"more"
    assert refusal(base64.urlsafe_b64encode(content).decode().rstrip("=")).key == "share_broken"


def test_halves_of_characters_are_replaced_on_both_ways() -> None:
    assert from_file(to_file(SharedState(("a\ud800b",)))).queries == ("a\ufffdb",)
    assert from_link(link_of(state_with(queries=["a\udfffb"]))).queries == ("a\ufffdb",)


def test_a_file_may_begin_with_a_byte_order_mark_and_is_readable_text() -> None:
    content = to_file(EXAMPLE)
    assert from_file(b"\xef\xbb\xbf" + content) == EXAMPLE
    assert "서울은 수도이다." in content.decode("utf-8")
    with pytest.raises(InputError):
        from_file(b"\xff\xfe")
