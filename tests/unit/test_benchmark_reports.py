"""Tables, published numbers, paired comparison, the explorer and the command line."""

from __future__ import annotations

import argparse
import csv
import io
import json

import numpy as np
import pytest
from test_benchmark_run import QRELS, small_data

from koe5_demo.benchmark import result_tables
from koe5_demo.benchmark.commands import add_parsers, run_benchmark
from koe5_demo.benchmark.compare import compare_results, compare_runs
from koe5_demo.benchmark.explorer import explore
from koe5_demo.benchmark.published import (
    leaderboard,
    paper_table,
    published_by_mteb,
    published_results,
    rank_counts,
    recovered,
    show_reversal,
)
from koe5_demo.benchmark.run import finished, run_suite
from koe5_demo.benchmark.systems import encoder_source, system_sources
from koe5_demo.errors import DataError, InputError
from koe5_demo.settings import Settings
from koe5_demo.words import Language
from toy_encoder import LetterCounter


@pytest.fixture(scope="module")
def results():
    sources = system_sources(["letters", "bm25"], lambda name: LetterCounter(id_=name))
    return finished(run_suite([small_data()], sources)).results


def test_the_footnotes_value_follows_from_the_recovered_counts():
    koe5 = rank_counts()["KoE5"]
    assert (koe5.queries, koe5.at_rank) == (114, (79, 17, 4))
    # (79 + 17 / log2(3) + 4 / 2) / 114 = (79 + 10.7258 + 2) / 114
    assert koe5.ndcg_at_3 == pytest.approx(0.8046, abs=5e-5)
    # reversed: (4 + 10.7258 + 39.5) / 114, the paper's 47.57
    assert koe5.reversed_ndcg_at_3 == pytest.approx(0.4757, abs=5e-5)
    assert rank_counts()["bge-m3"].at_rank == (77, 17, 5)
    assert sum(counts.reversed_fits for counts in rank_counts().values()) == 14
    assert recovered("nlpai-lab/KoE5") == koe5
    assert recovered("nlpai-lab/KURE-v1") is None


def test_the_reversed_reading_gives_the_papers_printed_value():
    printed = paper_table()["KoE5"]["AutoRAG-benchmark", "ndcg_at_3"]
    assert round(rank_counts()["KoE5"].reversed_ndcg_at_3, 4) == printed
    assert printed < paper_table()["KoE5"]["AutoRAG-benchmark", "ndcg_at_1"]


def test_published_rows_are_those_of_the_source_files(shared):
    ours = {(r.model, r.revision, r.task, r.split, r.source): r.metrics for r in published_results()}
    with (shared / "facts" / "published.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(published_results()) == 1444
    for row in rows:
        metrics = ours[row["model"], row["revision"], row["task"], row["split"], row["source"]]
        assert metrics["ndcg_at_1"] == float(row["ndcg_at_1"])


def test_mtebs_row_of_koe5_is_found_by_hub_id():
    found = published_by_mteb("nlpai-lab/KoE5", "AutoRAGRetrieval", "test")
    assert (found.metrics["ndcg_at_1"], found.metrics["ndcg_at_3"]) == (0.7193, 0.81986)
    assert published_by_mteb("nobody/nothing", "AutoRAGRetrieval", "test") is None


def test_the_leaderboard_is_sorted_and_filtered_by_name_and_size():
    rows = leaderboard("AutoRAGRetrieval", "test", "ndcg_at_10")
    values = [row.metrics["ndcg_at_10"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert len({row.model for row in rows}) == len(rows) == 52
    assert {row.model for row in leaderboard("AutoRAGRetrieval", "test", "ndcg_at_10", name_contains="koe5")} == {
        "nlpai-lab/KoE5"
    }
    small = leaderboard("AutoRAGRetrieval", "test", "ndcg_at_10", parameters=(0, 600_000_000))
    assert all(row.parameters <= 600_000_000 for row in small)
    assert 0 < len(small) < len(rows)


def test_reversing_a_live_top_three_gives_less_than_ndcg_at_1(results):
    data = small_data(documents={"d1": "aaa", "d2": "ab", "d3": "bbb", "d4": "zz"})
    live = finished(run_suite([data], [encoder_source(LetterCounter())])).results[0]
    # q1: d1 d2 d3, answer d1 at 1; q3: all equal but d4 (cosine 1): answer at 1; q2: d3 d2 right, then d1
    shown = show_reversal(live, QRELS)
    assert (shown.ndcg_at_1, shown.ndcg_at_3) == (1, 1)
    # q1 and q3: 1/log2(4) = .5; q2: (1/log2(3) + 1/log2(4)) / (1 + 1/log2(3)) = 1.13093 / 1.63093
    assert shown.reversed_ndcg_at_3 == pytest.approx((0.5 + 0.5 + 1.130930 / 1.630930) / 3, abs=1e-6)
    assert shown.reversed_ndcg_at_3 < shown.ndcg_at_1
    assert shown.example == ("q1", ("d1", "d2", "d4"))  # d3 and d4 share no letter with the query: larger id first


def test_the_papers_table_has_published_rows_and_the_average_of_the_paper():
    rows = result_tables.paper_rows([], "nlpai-lab/KoE5")
    assert [row.kind for row in rows] == ["paper", "recovered", "mteb"]
    paper, back, mteb = rows
    # 76.69 60.70 75.70 56.32  69.30 69.30 47.57 43.86  71.43 71.43 80.10 42.86: sum 765.26, / 12 = 63.77
    assert paper.average == pytest.approx(0.637717, abs=1e-6)
    assert back.average is None
    assert mteb.cells["AutoRAG-benchmark", "ndcg_at_3"] == 0.81986
    assert back.cells["AutoRAG-benchmark", "ndcg_at_3"] == pytest.approx(0.8046, abs=5e-5)


def test_a_run_on_a_set_of_the_suite_is_held_against_mteb():
    from dataclasses import replace

    data = replace(small_data("AutoRAG-benchmark"), task="AutoRAGRetrieval")
    result = finished(run_suite([data], [encoder_source(LetterCounter())])).results[0]
    kinds = {row.kind: row for row in result_tables.paper_rows([result], "nlpai-lab/KoE5")}
    assert kinds["run"].cells["AutoRAG-benchmark", "ndcg_at_1"] == pytest.approx(1 / 3)
    assert kinds["difference"].cells["AutoRAG-benchmark", "ndcg_at_1"] == pytest.approx(1 / 3 - 0.7193)
    assert kinds["difference"].average is None


def test_tables_are_written_in_four_forms(results):
    table = result_tables.results_table(results)
    assert result_tables.to_text(table).splitlines()[1].split()[:3] == ["small", "letters", "33.33"]
    assert result_tables.to_markdown(table).splitlines()[1].startswith("| --- | ---: |")
    parsed = list(csv.DictReader(io.StringIO(result_tables.results_csv(results))))
    assert float(parsed[0]["ndcg_at_1"]) == pytest.approx(1 / 3)
    record = result_tables.result_record(results[0])
    assert set(record) == {"model", "dataset", "metrics", "manifest"}
    assert set(record["model"]) == {"id", "hub_id", "revision", "engine", "dtype", "device"}
    assert list(record["metrics"]) == list(result_tables.HEADLINE_METRICS)
    json.dumps(record, allow_nan=False)


def test_text_tables_count_korean_letters_as_two_columns():
    lines = result_tables.to_text([["가나", "b", "1"], ["c", "dd", "22"]]).splitlines()
    assert lines == ["가나  b    1", "c     dd  22"]


def test_equal_results_do_not_differ(results):
    for row in compare_results(results[0], results[0]).differences:
        assert (row.difference, row.low, row.high, row.wins, row.losses) == (0, 0, 0, 0, 0)
        assert row.p_value == 1


def test_a_paired_comparison_by_hand(results):
    comparison = compare_results(results[0], results[1])
    first = comparison.differences[0]
    # NDCG@1: letters 0, 1, 0; BM25 finds nothing for one-letter queries in these words: 0, 0, 0
    assert (first.a, first.b) == (pytest.approx(1 / 3), 0)
    assert (first.wins, first.ties, first.losses) == (0, 2, 1)
    assert first.p_value == 1  # exact: one query that differs, either sign is as extreme
    assert first.low <= first.difference <= first.high
    assert comparison.movers[0].query_id == "q2"


def test_the_randomization_test_is_exact_for_few_queries(results):
    a, b = results[0], results[0]
    from dataclasses import replace

    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    a = replace(a, per_query=dict.fromkeys(a.per_query, zeros))
    b = replace(b, per_query=dict.fromkeys(b.per_query, ones))
    row = compare_results(a, b, ["ndcg_at_1", "f1_at_1"])
    # three queries, all better: 2 of the 8 sign patterns are as extreme
    assert [d.p_value for d in row.differences] == [0.25, 0.25]
    assert [d.difference for d in row.differences] == [1, 1]


def test_runs_on_different_data_are_not_compared(results):
    other = finished(run_suite([small_data(documents={"d1": "a"})], [encoder_source(LetterCounter())])).results
    with pytest.raises(DataError, match="small"):
        compare_runs(results, other)


def test_the_explorer_shows_gold_ranks_and_cuts(results):
    views = explore(results[0], small_data(), results[1])
    assert [view.query_id for view in views] == ["q1", "q2", "q3"]
    first = views[0]
    assert first.wrong
    assert [(hit.document_id, hit.relevant, hit.other_rank) for hit in first.hits[:2]] == [
        ("d5", False, None),
        ("d1", True, None),
    ]
    assert first.gold[0].rank == 2
    cut = next(hit for hit in first.hits if hit.document_id == "d4")
    assert (cut.tokens, cut.truncated) == (8, True)
    assert [view.query_id for view in explore(results[0], small_data(), only_wrong=True)] == ["q1", "q3"]
    lexical = explore(results[1], small_data())[0]
    assert (lexical.tokens, lexical.truncated, lexical.wrong) == (None, False, True)


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parsers(parser.add_subparsers())
    return parser.parse_args(arguments)


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


def bench(settings, *arguments: str) -> int:
    return run_benchmark(parse("benchmark", *arguments), settings, lambda name: LetterCounter(id_=name))


def test_the_command_prints_json_and_nothing_else_on_standard_output(settings, capsys, tmp_path):
    arguments = ["--dataset", "ours", "--model", "letters", "--model", "bm25", "--format", "json"]
    assert bench(settings, *arguments, "--output", str(tmp_path / "out")) == 0
    captured = capsys.readouterr()
    runs = json.loads(captured.out)["runs"]
    assert [(run["model"]["id"], run["dataset"]) for run in runs] == [("letters", "ours"), ("bm25", "ours")]
    assert all(0 <= value <= 1 for run in runs for value in run["metrics"].values())
    assert "ours / bm25: NDCG@10" in captured.err
    assert (tmp_path / "out" / "letters" / "ours.json").is_file()


def test_compare_reads_what_benchmark_wrote(settings, capsys, tmp_path):
    out = tmp_path / "out"
    bench(settings, "--dataset", "ours", "--model", "letters", "--model", "bm25", "--output", str(out))
    capsys.readouterr()
    options = parse("compare", str(out / "letters"), str(out / "bm25"), "--format", "json")
    assert options.func(options, settings) == 0
    (comparison,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (comparison["model_a"], comparison["model_b"]) == ("letters", "bm25")
    ndcg = next(row for row in comparison["differences"] if row["metric"] == "ndcg_at_10")
    assert ndcg["low"] <= ndcg["difference"] <= ndcg["high"]
    assert ndcg["wins"] + ndcg["ties"] + ndcg["losses"] == comparison["n_queries"]


def test_bad_input_is_refused_before_anything_runs(settings):
    with pytest.raises(DataError, match="PublicHealthQA"):
        bench(settings, "--dataset", "nope", "--model", "letters")
    with pytest.raises(InputError, match="--resume"):
        bench(settings, "--dataset", "ours", "--model", "letters", "--resume")


def test_a_part_that_fails_shows_in_the_exit_code_and_the_rest_is_printed(settings, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert bench(settings, "--dataset", str(tmp_path / "empty"), "--dataset", "ours", "--model", "bm25") == 1
    captured = capsys.readouterr()
    assert "bm25" in captured.out
    assert "empty" in captured.err
    assert bench(settings, "--dataset", str(tmp_path / "empty"), "--model", "bm25") == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", ["table", "csv", "md"])
def test_every_format_has_a_line_a_result(settings, capsys, form):
    bench(settings, "--dataset", "ours", "--model", "bm25", "--format", form)
    assert sum("bm25" in line for line in capsys.readouterr().out.splitlines()) == 1


def changed(result, *, model=None, data=None):
    from dataclasses import replace

    manifest = result.manifest
    new = {"model": {**manifest.model, **(model or {})}, "data": {**manifest.data, **(data or {})}}
    return replace(result, manifest=replace(manifest, **new))


def test_a_table_says_where_no_prefix_was_added_and_what_was_scored_on_dev(results):
    letters, bm25 = results
    bare = changed(letters, model={"prompts": {"query": "", "passage": ""}, "fingerprint": "x"}, data={"split": "dev"})
    notes = [row[-1] for row in result_tables.results_table([letters, bare, bm25])]
    assert notes == ["notes", "", "scored on dev; no prefix added", ""]
    parsed = list(csv.DictReader(io.StringIO(result_tables.results_csv([letters, bare, bm25]))))
    assert [row["notes"] for row in parsed] == notes[1:]
    assert "| scored on dev; no prefix added |" in result_tables.to_markdown(result_tables.results_table([bare]))


def test_rows_of_two_models_of_one_name_are_told_apart(results):
    two = [changed(results[0], model={"revision": revision, "fingerprint": revision}) for revision in ("0f3a", "77bc")]
    names = ["letters (0f3a)", "letters (77bc)"]
    assert [row[1] for row in result_tables.results_table(two)[1:]] == names
    assert [row["model"] for row in csv.DictReader(io.StringIO(result_tables.results_csv(two)))] == names
    assert [row.model for row in result_tables.paper_board(two) if row.kind == "run"] == []
    assert [(c.model_a, c.model_b) for c in compare_runs(two[:1], two[1:])] == [tuple(names)]


def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay_numbers(results):
    nasty = changed(results[0], model={"id": "=1+1"})
    (row,) = csv.DictReader(io.StringIO(result_tables.results_csv([nasty])))
    assert row["model"] == "'=1+1"
    assert result_tables.to_csv([["-1.25", "+3", "1e-05", "-x"]]) == "-1.25,+3,1e-05,'-x\n"


def test_two_models_of_one_name_keep_both_results_on_the_command_line(settings, capsys, tmp_path):
    class Named(LetterCounter):
        def __init__(self, name):
            super().__init__(id_="e5", device=name.removeprefix("endpoint:").partition("#")[0])
            from dataclasses import replace

            self._info = replace(self._info, fingerprint=name)

    names = ["endpoint:http://a/v1#e5", "endpoint:http://b/v1#e5"]
    arguments = parse("benchmark", "--dataset", "ours", "--model", *names, "--output", str(tmp_path), "--resume")
    assert run_benchmark(arguments, settings, Named) == 0
    table = capsys.readouterr().out
    assert "e5 (http://a/v1)" in table
    assert "e5 (http://b/v1)" in table
    assert len(list(tmp_path.glob("*/ours.json"))) == 2
    assert run_benchmark(arguments, settings, Named) == 0
    assert capsys.readouterr().err.count("(resumed)") == 2


def test_an_unwritable_cache_does_not_fail_the_command(capsys, tmp_path):
    (tmp_path / "data").write_text("")
    assert (
        bench(Settings(data_dir=tmp_path / "data", language=Language.EN), "--dataset", "ours", "--model", "letters")
        == 0
    )
    assert "cannot be written" in capsys.readouterr().err
