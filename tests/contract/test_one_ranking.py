"""Page, command line, API and Python give the same numbers for the same texts: they show one record."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import re
from collections.abc import Iterator
from typing import Any, cast

import pytest

from bench.click_path import click_on_rank
from doubles import SAME_SCORE, alike
from koe5_demo import exports, load_encoder
from koe5_demo.cli import main
from koe5_demo.encoding.host import ModelHost
from koe5_demo.figures.of_ranking import draw_pair, place_scores
from koe5_demo.ranking.result import TextRef
from koe5_demo.records import Encoder, Role
from koe5_demo.settings import Settings
from koe5_demo.ui import ranking_html
from koe5_demo.ui.api import Api
from koe5_demo.ui.ranking_results import Desk
from koe5_demo.words import Language

QUERIES = ["세종대왕이 만든 글자", "바다"]
LONG = "가나다 " * 300 + "세종대왕이 만든 글자는 훈민정음이다."
PASSAGES = ["서울은 수도이다.", LONG, "바다는 넓다.", "바다는 넓다.", "부산은 항구이다.", "책을 읽는다.", "산이 높다."]
WISHES = ["--windows", "--compare", "bm25", "--bare", "--explain", "--calibration", "--map"]


class OneModel:
    """A host that has the embedded model alone."""

    serving = wanted = "mini"

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def request(self, _: str) -> None:
        """Nothing has to be loaded."""

    def encoder(self, _: str) -> Encoder:
        return self._encoder

    def answering(self) -> Encoder:
        return self._encoder


@pytest.fixture(scope="module", autouse=True)
def mini_is_asked_for() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOE5_MODEL", "mini")
        yield


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini")


@pytest.fixture(scope="module")
def told() -> Any:
    """What the command line prints."""
    options = [option for text in QUERIES for option in ("--query", text)]
    options += [option for text in PASSAGES for option in ("--passage", text)]
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out):
        assert main(["rank", *options, *WISHES, "--model", "mini", "--format", "json"]) == 0
    return json.loads(out.buffer.getvalue())


@pytest.fixture(scope="module")
def clicked() -> dict[Any, Any]:
    """What one click on the page's button shows, by component."""
    texts = {"queries": "\n".join(QUERIES), "passages": "\n\n".join(PASSAGES)}
    return click_on_rank({**texts, "windows": True, "bare": True, "rival": "bm25"})()


def test_the_page_shows_the_numbers_of_the_command_line(told: Any, clicked: dict[Any, Any], mini: Encoder) -> None:
    shown = {getattr(part, "elem_id", None) or id(part): value for part, value in clicked.items()}
    assert not {"sent", "code", "calibration", "strip-table", "map-table"} & shown.keys()  # their folds are closed
    first = told["results"][0]["hits"]
    rows = re.findall(r'<tr data-index="(\d+)">\n(.*?)</tr>', shown["ranking"], flags=re.DOTALL)
    assert [int(index) for index, _ in rows] == [hit["index"] for hit in first]
    for (_, row), hit in zip(rows, first, strict=True):
        cells = re.findall(r'data-value="([^"]*)"', row)
        assert (int(cells[0]), float(cells[1])) == (hit["rank"], pytest.approx(hit["score"], abs=SAME_SCORE))
        assert int(cells[2]) == hit["without_prompts"]["rank"]
        if hit["compared"]["no_match"]:
            assert "일치 없음" in row
        else:
            assert int(cells[3]) == hit["compared"]["rank"]
            assert f"{hit['compared']['score']:.4f}" in row
        if hit["window"]:
            assert f"{hit['window']['start'] + 1:,}" in row or str(hit["window"]["start"] + 1) in row
    best = first[0]
    looked = next(value for value in shown.values() if isinstance(value, Desk)).kept.result
    pair = TextRef(Role.QUERY, 0), TextRef(Role.PASSAGE, best["index"])
    explained = ranking_html.pair(draw_pair(looked, *pair, mini, Language.KO), Language.KO)
    assert f'data-score="{best["explanation"]["score"]:.4f}' in explained
    for unit in best["explanation"]["passage"]:
        if unit["kind"] == "word" and not unit["cut"]:
            assert f'title="{unit["value"]:+.4f}"' in explained
    assert f"{best['percentiles']['random']:.1f}%" in ranking_html.strip_table(
        place_scores(looked, 0, Language.KO), Language.KO
    )
    assert f"{told['map']['points'][0]['x']:.3f}" in ranking_html.map_table(looked, Language.KO)


def test_what_the_page_lets_download_is_what_the_command_line_prints(told: Any, clicked: dict[Any, Any]) -> None:
    result = next(value.kept.result for value in clicked.values() if isinstance(value, Desk))
    page, printed = json.loads(exports.to_json(exports.ranking_json(result))), copy.deepcopy(told)
    for answer in (page, printed):
        for query in answer["results"]:
            for hit in query["hits"]:
                hit.pop("explanation", None)  # the page explains the pair that is picked
    assert alike(page, printed)


def test_the_api_answers_as_the_command_line_does(told: Any, mini: Encoder) -> None:
    api = Api(cast("ModelHost", OneModel(mini)), Settings())
    wishes: dict[str, Any] = {"windows": True, "compare": "bm25", "bare": True, "explain": True}
    answer = api.rank(QUERIES, PASSAGES, **wishes, calibration=True, map=True)
    assert alike(json.loads(json.dumps(answer)), told)


def test_a_whole_number_of_another_language_is_a_top_k(mini: Encoder) -> None:
    api = Api(cast("ModelHost", OneModel(mini)), Settings())
    assert len(api.rank(QUERIES, PASSAGES, top_k=cast("int", 1.0))["results"][0]["hits"]) == 1


def test_equal_passages_share_a_rank_and_what_bm25_does_not_find_has_none(told: Any) -> None:
    hits = {hit["index"]: hit for hit in told["results"][1]["hits"]}
    assert hits[2]["rank"] == hits[3]["rank"] == 1
    assert [hits[n]["compared"]["rank"] for n in (2, 3)] == [1, 1]
    assert {hits[n]["compared"]["rank"] for n in (0, 4, 5, 6)} == {None}


@pytest.mark.parametrize("kind", ["csv", "table"])
def test_csv_and_table_hold_what_was_asked_for(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = [option for text in [*PASSAGES, "마지막 글"] for option in ("--passage", text)]
    assert main(["rank", "--query", QUERIES[0], *options, *WISHES, "--model", "mini", "--format", kind]) == 0
    head = capsys.readouterr().out.splitlines()[0 if kind == "csv" else 1]
    columns = ["window", "rank_without_prompts", "score_without_prompts", "rank_bm25", "score_bm25"]
    columns += ["percent_of_random_below", "percent_of_relevant_below", "map_x", "map_y", "strongest_words"]
    assert [name for name in re.split(r",|\s+", head) if name in columns] == columns


def test_a_second_model_is_opened_by_name(tiny_folder: Any, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--query", "바다", "--passage", "바다", "--passage", "산", "--model", "mini"]
    assert main(["rank", *options, "--compare", str(tiny_folder), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["compared_with"]["model"]["id"] == tiny_folder.name
    assert sorted(hit["compared"]["rank"] for hit in answer["results"][0]["hits"]) == [1, 2]
    assert main(["rank", *options, "--compare", "no-such-model"]) == 2
