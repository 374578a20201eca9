"""JSON, CSV and code: the contract of the command line, and spreadsheets that stay harmless."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from doubles import WordCountEncoder
from koe5_demo.exports import defuse, ranking_csv, ranking_json, similarity_csv, similarity_json, snippet, to_json
from koe5_demo.ranking import RankingRequest, rank_all

ENCODER = WordCountEncoder()
RESULT = rank_all(RankingRequest(["서울"], ["=1+1", "서울 <b>"]), ENCODER)


def test_ranking_json_has_the_fields_of_the_contract() -> None:
    data = json.loads(to_json(ranking_json(RESULT)))
    assert list(data) == ["model", "results", "notices"]
    assert list(data["model"]) == ["id", "hub_id", "revision", "engine", "dtype", "device", "prompts", "notes"]
    hit = data["results"][0]["hits"][0]
    assert list(hit) == ["rank", "index", "score", "tokens", "truncated", "passage"]
    assert (hit["rank"], hit["index"], hit["passage"]) == (1, 1, "서울 <b>")
    assert hit["score"] == pytest.approx(1.0)


def test_similarity_json_has_the_fields_of_the_contract() -> None:
    data = similarity_json(["a", "b"], np.eye(2, dtype=np.float32), ENCODER.info)
    assert list(data) == ["model", "texts", "matrix"]
    assert data["matrix"] == [[1.0, 0.0], [0.0, 1.0]]


def test_top_k_holds_in_every_form() -> None:
    assert len(ranking_json(RESULT, 1)["results"][0]["hits"]) == 1
    assert len(list(csv.reader(io.StringIO(ranking_csv(RESULT, 1))))) == 2


def test_csv_can_be_read_back_and_names_the_model() -> None:
    rows = list(csv.DictReader(io.StringIO(ranking_csv(RESULT))))
    assert [row["passage"] for row in rows] == ["서울 <b>", "'=1+1"]
    assert {row["model"] for row in rows} == {"words"}
    assert rows[0]["score"] == "1.000000"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_formulas_are_defused(cell: str) -> None:
    assert defuse(cell) == "'" + cell


def test_ordinary_text_is_left_alone() -> None:
    assert defuse("서울 = 수도") == "서울 = 수도"


def test_the_matrix_as_csv_keeps_negative_numbers_as_numbers() -> None:
    matrix = np.array([[1, -0.5], [-0.5, 1]], dtype=np.float32)
    rows = list(csv.reader(io.StringIO(similarity_csv(["-가", "나"], matrix, ENCODER.info))))
    assert rows[0][1:] == ["'-가", "나"]
    assert rows[1][1:] == ["1.000000", "-0.500000"]


@pytest.mark.parametrize(
    ("dtype", "given", "told"), [("float32", False, False), ("bfloat16", True, False), ("int8", False, True)]
)
def test_the_snippet_names_an_arithmetic_that_the_library_has(dtype: str, given: bool, told: bool) -> None:
    code = snippet(replace(RESULT, info=replace(RESULT.info, dtype=dtype)))
    compile(code, "snippet", "exec")
    assert (f'model_kwargs={{"dtype": "{dtype}"}}' in code) is given
    assert ("in int8" in code) is told
    assert "model_kwargs" not in code or given


def test_the_snippet_is_python_that_carries_the_texts_as_sent() -> None:
    code = snippet(RESULT)
    compile(code, "snippet", "exec")
    assert '"query: 서울"' in code
    assert '"passage: =1+1"' in code
