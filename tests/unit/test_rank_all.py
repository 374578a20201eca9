"""One record says all of a ranking: windows, second systems, explanations, percentiles and the map, in every form."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo import Prompts, RankingRequest, Role, exports, load_encoder, rank, rank_all, similarity
from koe5_demo.cli import ranking_table
from koe5_demo.encoding.cache import CachingEncoder, VectorCache
from koe5_demo.errors import InputError
from koe5_demo.ranking import TextRef, explain_texts
from koe5_demo.ranking.calibration import load_calibration
from koe5_demo.records import Encoder

# Of 8 tokens "passage:" takes one: seven words are left for a window.
LONG = "서울 서울 수도 서울 수도 서울 서울 부산 바다 부산 바다 산"
EIGHT = [f"{word}에 관한 글" for word in ("서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종")]


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


def as_json(*args, **kwargs) -> dict:
    return json.loads(exports.to_json(exports.ranking_json(*args, **kwargs)))


def test_what_was_not_asked_for_is_in_no_form() -> None:
    result = rank_all(RankingRequest(["서울"], ["서울", "바다"]), WordCountEncoder())
    answer = as_json(result)
    assert set(answer) == {"model", "results", "notices"}
    assert set(answer["results"][0]) == {"query", "hits"}
    assert set(answer["results"][0]["hits"][0]) == {"rank", "index", "score", "tokens", "truncated", "passage"}
    assert exports.extra_columns(result) == {}


def test_a_long_passage_is_encoded_in_windows_only_and_its_best_window_stands_on_the_map() -> None:
    encoder = WordCountEncoder()
    passages = [LONG, *EIGHT]
    result = rank_all(RankingRequest(["바다 부산", "수도"], passages, windows=True, text_map=True), encoder)
    encoded = [text for call in encoder.calls for text in call]
    assert LONG not in encoded
    assert len(encoded) == len(set(encoded)) == result.n_encoded == 2 + 2 + len(EIGHT)
    assert result.text_map is not None
    assert len(result.text_map.points) == 2 + len(passages)
    # The second window, which repeats a word of the first, holds nearly all that 바다 부산 asks for.
    found = result.best_window(TextRef(Role.PASSAGE, 0), TextRef(Role.PASSAGE, 1))
    assert found is not None
    assert LONG[slice(*found.span)] == "서울 부산 바다 부산 바다 산"
    hit = as_json(result)["results"][0]["hits"][0]
    assert (hit["index"], hit["window"]["n"], hit["window"]["of"]) == (0, 2, 2)
    assert hit["window"]["text"] == hit["passage"][hit["window"]["start"] : hit["window"]["end"]]


def test_the_score_of_two_passages_in_windows_is_the_one_that_is_explained(mini: Encoder) -> None:
    passages = ["가나다 " * 200 + "세종대왕이 만든 글자는 훈민정음이다.", "라마바 " * 200, "훈민정음은 글자이다."]
    result = rank_all(RankingRequest(["세종대왕이 만든 글자"], passages, windows=True), mini)
    refs = result.drawn_texts
    for row, column in ((0, 1), (1, 2), (3, 1)):
        score = explain_texts(result, refs[row], refs[column], mini).score
        assert score == pytest.approx(float(result.pairs[row, column]), abs=1e-4)


def test_every_system_is_scored_by_windows_where_the_first_is() -> None:
    encoder, second = WordCountEncoder(), WordCountEncoder(fingerprint="second", max_tokens=5)
    request = RankingRequest(["바다 부산"], [LONG, "산"], windows=True, without_prompts=True, compare_with="second")
    result = rank_all(request, encoder, second_encoder=second)
    assert result.without_prompts is not None
    assert result.second is not None
    assert not [text for call in (*encoder.calls, *second.calls) for text in call if text == LONG]
    # "passage: " holds none of the five words: without it nothing changes.
    assert [change.places for change in result.without_prompts.queries[0].changes] == [0, 0]


def test_bm25_finds_no_match_where_nothing_is_shared() -> None:
    request = RankingRequest(["바다"], ["바다 산", "서울", "수도", "부산 바다"], compare_with="bm25")
    result = rank_all(request, WordCountEncoder())
    hits = {hit["index"]: hit for hit in as_json(result)["results"][0]["hits"]}
    assert {index: hit["compared"]["rank"] for index, hit in hits.items()} == {0: 1, 1: None, 2: None, 3: 1}
    assert [hits[n]["compared"]["no_match"] for n in range(4)] == [False, True, True, False]
    assert hits[1]["compared"]["score"] == 0
    rows = {row["index"]: row for row in csv.DictReader(io.StringIO(exports.ranking_csv(result)))}
    assert (rows["0"]["rank_bm25"], rows["1"]["rank_bm25"]) == ("1", "no match")
    assert "no match" in ranking_table(result, None)
    assert "Kendall's tau with bm25" in ranking_table(result, None)


def test_a_second_model_that_was_not_given_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="me5-large"):
        rank_all(RankingRequest(["바다"], ["산"], compare_with="me5-large"), WordCountEncoder())


def test_explanations_add_up_to_the_scores_of_the_best_ten(mini: Encoder) -> None:
    passages = [f"{n}번째 글은 바다에 관한 것이다." for n in range(12)]
    answer = as_json(rank_all(RankingRequest(["바다"], passages, explain=True), mini))
    hits = answer["results"][0]["hits"]
    assert ["explanation" in hit for hit in hits] == [True] * 10 + [False] * 2
    for hit in hits[:10]:
        for side in ("query", "passage"):
            total = sum(unit["value"] for unit in hit["explanation"][side])
            assert total == pytest.approx(hit["score"], abs=1e-4)


@pytest.mark.parametrize("cached", [False, True])
def test_a_model_without_token_vectors_refuses_to_explain(cached: bool) -> None:
    inner = WordCountEncoder()
    encoder = CachingEncoder(inner, VectorCache(1_000_000)) if cached else inner
    with pytest.raises(InputError) as refused:
        rank_all(RankingRequest(["바다"], ["산"], explain=True), encoder)
    assert refused.value.key == "explain_unsupported"


def test_percentiles_are_those_of_the_calibration_or_null(mini: Encoder) -> None:
    request, measured = RankingRequest(["바다"], ["바다의 색", "책"], calibration=True), load_calibration(mini.info)
    assert measured is not None
    answer = as_json(rank_all(request, mini, calibration=measured))
    hit = answer["results"][0]["hits"][0]
    assert hit["percentiles"] == pytest.approx(vars(measured.percentile(hit["score"])))
    assert answer["calibration"]["dataset"] == measured.data["name"]
    assert as_json(rank_all(request, mini))["calibration"] is None


def test_the_map_names_every_text_and_its_neighbours_or_is_null(mini: Encoder) -> None:
    answer = as_json(rank_all(RankingRequest(["서울"], EIGHT, text_map=True), mini))
    points = answer["map"]["points"]
    assert [(point["role"], point["index"]) for point in points] == [("query", 0), *(("passage", n) for n in range(8))]
    assert all(len(point["nearest"]) == 3 for point in points)
    assert points[0]["nearest"][0]["role"] == "passage"
    assert as_json(rank_all(RankingRequest(["서울"], EIGHT[:3], text_map=True), mini))["map"] is None


def test_equal_passages_share_a_rank_in_every_form() -> None:
    result = rank_all(RankingRequest(["서울"], ["서울", "바다", "서울", "바다 산"]), WordCountEncoder())
    assert [hit["rank"] for hit in as_json(result)["results"][0]["hits"]] == [1, 1, 3, 3]
    rows = list(csv.DictReader(io.StringIO(exports.ranking_csv(result))))
    assert [row["rank"] for row in rows] == ["1", "1", "3", "3"]


def test_json_names_prompts_and_what_to_know_of_the_model() -> None:
    with_prompts = as_json(rank_all(RankingRequest(["서울"], ["서울"]), WordCountEncoder()))
    assert with_prompts["model"]["prompts"] == {"query": "query: ", "passage": "passage: "}
    assert with_prompts["model"]["notes"] == []
    assert (
        with_prompts["notices"] == ["There is only one passage: there is nothing to rank."]
        or with_prompts["notices"] == []
    )
    none = WordCountEncoder(prompts=Prompts())
    assert "No prefix is added" in as_json(rank_all(RankingRequest(["서울"], ["서울"]), none))["model"]["notes"][0]
    matrix = np.eye(1, dtype=np.float32)
    assert (
        "role is none"
        in exports.similarity_json(["a"], matrix, WordCountEncoder().info, Role.NONE)["model"]["notes"][0]
    )


@pytest.mark.parametrize("name", ["double", "mini"])
def test_a_string_where_a_list_belongs_is_refused(name: str, mini: Encoder) -> None:
    encoder = mini if name == "mini" else WordCountEncoder()
    calls = (
        lambda: rank("수도", "서울은 수도이다.", encoder),
        lambda: similarity("서울", encoder),
        lambda: encoder.encode("안녕", "query"),
        lambda: encoder.count_tokens("안녕", Role.QUERY),
        lambda: rank_all(RankingRequest("수도", ["서울"]), encoder),
        lambda: rank("수도", ["서울", 3], encoder),
    )
    for call in calls:
        with pytest.raises(InputError) as refused:
            call()
        assert refused.value.key == "bad_texts"


def test_roles_work_by_name_and_others_are_refused(mini: Encoder) -> None:
    cached = CachingEncoder(mini, VectorCache(1_000_000))
    for encoder in (mini, cached):
        by_name, by_role = encoder.encode(["서울"], "query"), encoder.encode(["서울"], Role.QUERY)
        np.testing.assert_array_equal(by_name.vectors, by_role.vectors)
        with pytest.raises(InputError, match="Unknown role 'root'"):
            encoder.encode(["서울"], "root")
    np.testing.assert_array_equal(
        similarity(["가", "나"], mini, role="query"), similarity(["가", "나"], mini, role=Role.QUERY)
    )


@pytest.mark.parametrize(("given", "n_hits"), [(1.0, 1), (2, 2), (None, 3)])
def test_a_whole_number_is_a_top_k_however_it_is_written(given: float | None, n_hits: int) -> None:
    assert len(rank("서울", ["서울", "산", "바다"], WordCountEncoder(), top_k=given)) == n_hits


@pytest.mark.parametrize("given", [0, -1, 1.5, "1", True, float("nan"), float("inf")])
def test_anything_else_is_not(given: object) -> None:
    with pytest.raises(InputError) as refused:
        rank("서울", ["서울"], WordCountEncoder(), top_k=given)
    assert refused.value.key == "bad_top_k"
