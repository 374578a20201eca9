"""What a visitor looks at, and what an example does to the form: plain records, without a browser."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from doubles import WordCountEncoder
from koe5_demo import exports
from koe5_demo.errors import DataError, HubError, InputError
from koe5_demo.figures.of_ranking import HeatmapOrder, ScaleChoice
from koe5_demo.inputs import Layout
from koe5_demo.ranking import rank_all
from koe5_demo.ranking.examples import examples
from koe5_demo.ranking.form import FilledForm, ranking_request
from koe5_demo.settings import Limits
from koe5_demo.ui import ranking_html
from koe5_demo.ui.boundary import for_visitors
from koe5_demo.ui.ranking_form import Applied
from koe5_demo.ui.ranking_results import Shown
from koe5_demo.words import Language

FORM = FilledForm("서울\n산", "바다 서울\n서울\n산", Layout.LINES)


@pytest.fixture
def shown() -> Shown:
    return Shown(rank_all(ranking_request(FORM, Limits()), WordCountEncoder()), FORM)


def test_a_press_changes_what_it_names_and_nothing_else(shown: Shown) -> None:
    assert shown.pressed("query:1").query == 1
    assert shown.pressed("scale:fixed").look.scale is ScaleChoice.FIXED
    assert shown.pressed("order:rank").look.order is HeatmapOrder.RANK
    assert shown.pressed("query:1").look == shown.look


@pytest.mark.parametrize(
    "nonsense", ["", "query:2", "query:-1", "query:", "scale:x", "nothing:1", "pair:open", "::", "mark:3", "mark:x"]
)
def test_a_press_of_what_is_not_there_changes_nothing(shown: Shown, nonsense: str) -> None:
    assert shown.pressed(nonsense) == shown


def test_with_reasons_open_another_query_brings_those_of_its_best_passage(shown: Shown) -> None:
    # "산" is the third passage itself; "서울" the second.
    opened = shown.with_picked("q0:p0")
    assert opened.pressed("query:1").picked == "q1:p2"
    assert opened.pressed("query:0").picked == "q0:p1"
    assert opened.pressed("pair:close").picked == ""
    assert shown.pressed("query:1").picked == ""


def test_the_next_result_keeps_the_look_and_open_reasons(shown: Shown) -> None:
    looked = shown.pressed("query:1").pressed("scale:fixed").pressed("mark:0")
    after = looked.followed_by(shown.result, FORM)
    assert after.look == looked.look
    assert (after.query, after.picked, after.marks) == (0, "", frozenset())
    assert looked.with_picked("q1:p0").followed_by(shown.result, FORM).picked == "q0:p1"


def test_marks_are_set_and_taken_back_and_make_a_set_of_their_own(shown: Shown) -> None:
    # The second query ("산") is answered by the third passage, the first ("서울") by the second.
    marked = shown.pressed("mark:1").pressed("query:1").pressed("mark:0").pressed("mark:2").pressed("mark:0")
    assert marked.marks == {(0, 1), (1, 2)}
    own = marked.own_set.data
    assert (own.queries, set(own.documents)) == (("서울", "산"), {"바다 서울", "서울", "산"})
    answers = {
        query: {own.documents[own.document_ids.index(id_)] for id_ in own.qrels[query_id]}
        for query_id, query in zip(own.query_ids, own.queries, strict=True)
    }
    assert answers == {"서울": {"서울"}, "산": {"산"}}
    assert 'aria-pressed="true"' in ranking_html.ranking(marked.result, 1, Language.KO, marks=marked.marks)
    assert 'aria-pressed="true"' not in ranking_html.ranking(marked.result, 1, Language.KO)
    with pytest.raises(DataError):
        _ = shown.own_set


@pytest.mark.parametrize("picked", ["", "q0", "q9:p0", "q0:p3", "x0:p0", "q0:p0:p1"])
def test_a_pair_of_other_texts_is_none(shown: Shown, picked: str) -> None:
    assert shown.with_picked(picked).pair is None


@pytest.mark.parametrize(
    ("before", "undone"),
    [
        (FORM, True),
        (FilledForm("", " "), False),
        (FilledForm(examples()[1].text_of_queries, examples()[1].text_of_passages), False),
    ],
)
def test_an_example_can_be_taken_back_where_it_replaced_typed_text(before: FilledForm, undone: bool) -> None:
    assert Applied(examples()[0], before).can_be_undone is undone


def test_columns_of_a_file_stand_beside_their_passages_and_blank_rows_keep_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "책.csv"
    file.write_text("id,score,본문\na,1,서울\nb,2,\nc,=3,산\n", "utf-8")
    form = FilledForm("산", "", file=file, column="본문", shown_columns=("id", "score", "본문"))
    result = rank_all(ranking_request(form, Limits()), WordCountEncoder())
    assert result.request.columns == {"id": ("a", "c"), "score": ("1", "=3")}
    first, second = csv.DictReader(io.StringIO(exports.ranking_csv(result)))
    assert (first["number"], first["index"], first["id"], first["file_score"]) == ("3", "2", "c", "'=3")
    assert (second["number"], second["id"]) == ("1", "a")
    hits = exports.ranking_json(result)["results"][0]["hits"]
    assert hits[0]["columns"] == {"id": "c", "score": "=3"}


@pytest.mark.parametrize("language", Language)
def test_causes_and_options_are_no_words_for_a_visitor(language: Language) -> None:
    error = HubError("hub_unreachable", endpoint="http://x", name="koe5", reason="[Errno -2] Name or service not known")
    told = for_visitors(error, language)
    assert "koe5" in told
    assert "Errno" not in told
    assert "--model" not in told
    plain = InputError("no_query")
    assert for_visitors(plain, language) == plain.text(language)
