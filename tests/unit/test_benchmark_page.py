"""The benchmark tab without a browser: what it runs, what it keeps, and what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from test_benchmark_run import DOCUMENTS, QUERIES, small_data

from koe5_demo.benchmark import live
from koe5_demo.benchmark.compare import compare_results
from koe5_demo.benchmark.datasets.registry import DATASETS, KOR_V2, SUITE
from koe5_demo.benchmark.explorer import explore, ranking_form
from koe5_demo.benchmark.live import DatasetOffer, LiveBenchmarks, ModelOffer, RunChoice, RunState
from koe5_demo.benchmark.progress import RunPhase, RunProgress, RunQueue
from koe5_demo.benchmark.published import footnote, placement, show_reversal
from koe5_demo.benchmark.result_files import save_result
from koe5_demo.benchmark.result_tables import paper_board
from koe5_demo.benchmark.results import RunResult
from koe5_demo.benchmark.run import Failure, Finished, ResultReady, RunOptions, finished, run_suite
from koe5_demo.benchmark.saved_runs import SHIPPED, SavedResult, SavedRuns
from koe5_demo.benchmark.systems import system_name, system_sources
from koe5_demo.encoding.host import ModelState
from koe5_demo.encoding.host import Phase as ModelPhase
from koe5_demo.errors import DataError
from koe5_demo.records import Encoder, Notice
from koe5_demo.settings import Settings
from koe5_demo.ui import benchmark_form as form
from koe5_demo.ui import benchmark_look as look
from koe5_demo.ui import benchmark_results as results
from koe5_demo.ui.benchmark_tab import build_benchmark_tab
from koe5_demo.ui.boundary import Words
from koe5_demo.words import Language, message
from made_results import result_with
from toy_encoder import LetterCounter, ReadyHost

KOE5 = "nlpai-lab/KoE5"
AUTORAG = DATASETS["AutoRAG-benchmark"]
NASTY = "<img src=x onerror=alert(1)> ${alert(1)} {{x}}"


def both() -> tuple[RunResult, ...]:
    sources = system_sources(["letters", "bm25"], lambda name: LetterCounter(id_=name))
    return finished(run_suite([small_data()], sources)).results


def saved(result: RunResult, key: str = "shipped/letters/small") -> SavedResult:
    return SavedResult(key, Path("letters/small.json"), result)


@pytest.fixture
def store(tmp_path: Path) -> SavedRuns:
    for result in both():
        save_result(result, tmp_path / "shipped")
        save_result(result, tmp_path / "runs" / "20260102-030405-abcd")
    save_result(both()[0], tmp_path / "runs" / "20250102-030405-abcd")
    return SavedRuns(tmp_path / "runs", tmp_path / "shipped")


# --- choice ---------------------------------------------------------------------------------------------------------


def test_a_model_and_its_fusions_stand_together_so_that_it_is_opened_once() -> None:
    choice = RunChoice(("ours",), ("mini", "koe5"), ("bm25",), ("rrf", "weighted"))
    assert choice.systems == (
        "bm25",
        "mini",
        "rrf:mini",
        "weighted:mini",
        "koe5",
        "rrf:koe5",
        "weighted:koe5",
    )
    assert choice.complete


@pytest.mark.parametrize(
    "choice", [RunChoice((), ("mini",)), RunChoice(("ours",), ()), RunChoice(("ours",), (), (), ("rrf",))]
)
def test_a_choice_without_data_or_systems_cannot_start(choice: RunChoice) -> None:
    assert not choice.complete


# --- running --------------------------------------------------------------------------------------------------------


def test_results_and_failures_are_told_at_once_and_steps_now_and_then() -> None:
    step = RunProgress(RunPhase.ENCODING_DOCUMENTS, "small", "letters", 1, 5)
    error = DataError("data_no_folder", name="gone")
    result = both()[0]
    events = [
        step,
        step,
        Failure("gone", "", error),
        step,
        ResultReady(result),
        Finished((result,), (), stopped=True),
    ]
    choice = RunChoice(("gone", "small"), ("letters", "more"))
    told = list(live.follow(iter(events), choice, clock=lambda: 0.0))
    # The first step, then nothing within the same 0.3 s but the failure, the result and the end.
    assert [live.n_done for live in told] == [0, 2, 3, 3]  # the lost set takes two systems with it
    assert [live.new_result for live in told] == [False, False, True, True]
    assert told[-1].ended
    assert told[-1].stopped
    assert [failure.dataset for failure in told[-1].failures] == ["gone"]


def test_what_is_wrong_with_the_data_is_told_once_and_ends_no_run() -> None:
    problem = Notice("data_unjudged_queries", {"n": 1})
    events = [problem, Notice("data_unjudged_queries", {"n": 1}), ResultReady(both()[0])]
    told = list(live.follow(iter(events), RunChoice(("small",), ("letters",)), clock=lambda: 0.0))
    assert told[-1].notices == (problem,)
    assert told[-1].n_done == 1


@pytest.fixture
def benchmarks(tmp_path: Path) -> LiveBenchmarks:
    return LiveBenchmarks(ReadyHost(), Settings(data_dir=tmp_path), RunQueue())  # type: ignore[arg-type]


def test_a_stop_reaches_only_the_run_of_its_token(benchmarks: LiveBenchmarks) -> None:
    mine, other = benchmarks.open_run(), benchmarks.open_run()
    choice = RunChoice(("ours",), (), ("bm25",))
    assert benchmarks.stop(mine)
    assert list(benchmarks.run(choice, mine))[-1].stopped
    last = list(benchmarks.run(choice, other))[-1]
    assert (last.ended, last.stopped, last.n_done) == (True, False, 1)
    assert not benchmarks.stop(mine)  # over
    assert not benchmarks.stop("nobody's")


def test_a_run_that_is_stopped_keeps_what_was_done(benchmarks: LiveBenchmarks) -> None:
    token = benchmarks.open_run()
    for state in benchmarks.run(RunChoice(("ours",), ("letters",), ("bm25",)), token):
        if state.n_done == 1:
            benchmarks.stop(token)
    assert state.stopped
    assert [item.result.model for item in benchmarks.saved.results(state.run_id)] == ["bm25"]


def test_a_run_that_nobody_waits_for_any_more_leaves_the_queue(benchmarks: LiveBenchmarks) -> None:
    token = benchmarks.open_run()
    run = benchmarks.run(RunChoice(("ours",), ("letters",)), token)
    next(run)
    run.close()
    assert not benchmarks.stop(token)
    assert list(benchmarks.run(RunChoice(("ours",), (), ("bm25",)), benchmarks.open_run()))[-1].n_done == 1


def test_data_sets_are_offered_with_their_size_and_time(benchmarks: LiveBenchmarks) -> None:
    offers = {offer.spec.id: offer for offer in benchmarks.datasets(["letters"])}
    ours = offers["ours"]
    assert (ours.spec.n_documents, ours.spec.n_queries, ours.here) == (358, 133, True)
    assert ours.seconds is not None
    assert [offer.name for offer in benchmarks.models()] == ["letters"]


# --- saved runs -----------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_and_the_shipped_one_last(store: SavedRuns) -> None:
    assert [run.id for run in store.runs()] == ["20260102-030405-abcd", "20250102-030405-abcd", SHIPPED]
    assert [item.result.model for item in store.results(SHIPPED)] == ["letters", "bm25"]


@pytest.mark.parametrize("key", ["shipped/gone/small", "../shipped/letters/small", "", "20260102-030405-abcd"])
def test_only_listed_results_can_be_opened(store: SavedRuns, key: str) -> None:
    with pytest.raises(DataError):
        store.result(key)
    assert store.results(key) == [] or key == "20260102-030405-abcd"


def test_a_result_is_offered_beside_those_on_the_same_data_only(store: SavedRuns, tmp_path: Path) -> None:
    other_data = finished(run_suite([small_data("other", {**DOCUMENTS, "d6": "x"})], system_sources(["bm25"], None)))  # type: ignore[arg-type]
    save_result(other_data.results[0], tmp_path / "shipped")
    first = store.result("shipped/letters/small")
    assert [item.key for item in store.alike(first)] == [
        "shipped/bm25/small",
        "20260102-030405-abcd/letters/small",
        "20260102-030405-abcd/bm25/small",
        "20250102-030405-abcd/letters/small",
    ]


def test_a_broken_file_is_left_out_and_the_rest_is_shown(store: SavedRuns, tmp_path: Path) -> None:
    (tmp_path / "shipped" / "bm25" / "small.json").write_text("{", encoding="utf-8")
    assert [item.result.model for item in store.results(SHIPPED)] == ["letters"]


def test_fifty_runs_are_kept(tmp_path: Path) -> None:
    result = both()[1]
    for n in range(52):
        save_result(result, tmp_path / f"20260102-0304{n:02d}-abcd")
    store = SavedRuns(tmp_path, tmp_path / "none")
    store.new_run()
    assert len(store.runs()) == 49
    assert store.runs()[-1].id == "20260102-030403-abcd"


def test_the_shipped_run_of_the_project_can_be_shown() -> None:
    models = [item.result.model for item in SavedRuns(Path("nowhere")).results(SHIPPED)]
    assert {"mini", "bm25"} <= set(models)


# --- what is said ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
def test_the_footnote_has_the_numbers_of_the_published_files(language: Language) -> None:
    html = results.board(paper_board(both()), footnote(), language)
    for number in ("69.30", "47.57", "80.46", "71.93", "81.99", "79", "114", "14", "16"):
        assert number in html
    assert html.count("k-row-paper") == 5  # the paper's models
    assert html.count("k-row-mteb") == 4  # MTEB has nothing of kf-deberta
    assert html.count("k-delta-recovered") == 2  # KoE5 and BGE-m3
    assert html.count("k-row-run") == 0
    assert message("bench_no_suite", language).split("‘")[0].split("“")[0] in html


def test_a_run_of_the_papers_sets_gets_its_row_and_the_difference() -> None:
    result = both()[0]
    manifest = replace(result.manifest, data={**result.manifest.data, "task": "AutoRAGRetrieval"})
    metrics = {**result.metrics, "ndcg_at_1": 0.7293}
    rows = paper_board([replace(result, manifest=manifest, metrics=metrics)])
    assert [row.kind for row in rows[:5]] == ["paper", "recovered", "mteb", "run", "difference"]
    html = results.board(rows, None, Language.EN)
    assert "72.93" in html
    assert "+1.00" in html  # 72.93 - 71.93
    assert re.search(r"letters <span class=.k-badge k-badge-run.>measured here", html)
    assert "letter counter, float32, cpu" in html
    assert message("bench_no_suite", Language.EN)[:20] not in html


def test_a_measured_model_stands_below_its_own_published_rows() -> None:
    result = both()[0]
    bge = {**result.manifest.model, "hub_id": "BAAI/bge-m3", "id": "bge-m3"}
    manifest = replace(result.manifest, model=bge, data={**result.manifest.data, "task": "AutoRAGRetrieval"})
    metrics = {**result.metrics, "ndcg_at_1": 0.6854}
    rows = paper_board([replace(result, manifest=manifest, metrics=metrics)])
    place = [row.kind for row in rows].index("run")
    assert [row.model for row in rows[place - 3 : place]] == ["BAAI/bge-m3"] * 3
    assert "+1.00" in results.board(rows, None, Language.EN)  # 68.54 - 67.54, MTEB's of BGE-m3


def test_the_models_without_a_recovered_reading_have_no_footnote() -> None:
    assert footnote("intfloat/multilingual-e5-large") is None


def test_a_reversed_list_falls_below_the_first_rank() -> None:
    data = small_data()
    result = finished(run_suite([data], system_sources(["letters"], lambda name: LetterCounter(id_=name)))).results[0]
    html = look.reversal(result, show_reversal(result, data.qrels), data, Language.EN)
    assert "33.33" in html  # NDCG@1: one of three queries


def test_the_run_is_placed_among_the_published_models() -> None:
    result = both()[0]
    manifest = replace(result.manifest, data={**result.manifest.data, "task": AUTORAG.task})
    mine = replace(result, manifest=manifest, metrics={**result.metrics, "ndcg_at_1": 0.999})
    placed = placement([mine], AUTORAG, "ndcg_at_1", "", "all", KOE5)
    assert (placed.bars[0].name, placed.bars[0].kind) == ("letters", "run")
    assert placed.n_published == 52
    assert sum(bar.kind != "run" for bar in placed.bars) == 52
    assert [bar.name for bar in placed.bars if bar.kind == "reference"] == [KOE5]
    html = results.placement_html(placed, AUTORAG, "ndcg_at_1", KOE5, Language.EN)
    assert '<tr class="k-row-run"><td class="k-number" data-value="1">1</td><th scope="row">letters</th>' in html
    assert "measured here" in html
    assert "published · KoE5" in html


def test_published_models_are_filtered_by_name_and_size() -> None:
    named = placement([], AUTORAG, "ndcg_at_1", " koe5 ", "all", KOE5)
    assert [bar.name for bar in named.bars] == [KOE5]
    assert "1 of 52 published" in results.placement_html(named, AUTORAG, "ndcg_at_1", KOE5, Language.EN)
    small = placement([], AUTORAG, "ndcg_at_1", "", "small", KOE5)
    assert small.bars
    assert all(bar.parameters is not None and bar.parameters <= 150_000_000 for bar in small.bars)


def test_a_comparison_says_whether_the_difference_is_noise() -> None:
    close = compare_results(result_with(np.array([1.0, 0, 1, 0] * 10)), result_with(np.array([1.0, 0, 0, 1] * 10)))
    assert "우연일 수 있는 차이입니다" in look.comparison(close, None, Language.KO)
    far = compare_results(result_with(np.zeros(40)), result_with(np.ones(40)))
    html = look.comparison(far, None, Language.EN)
    assert "unlikely to be chance" in html
    assert "40 / 0 / 0" in html
    assert "+100.00" in html


def test_the_explorer_shows_gold_ranks_elsewhere_and_only_wrong_queries() -> None:
    letters, bm25 = both()
    views = explore(letters, small_data(), bm25, only_wrong=True)
    assert [view.query_id for view in views] == ["q1", "q3"]  # both have their answer at rank 2
    html = look.query_html(views[0], Language.KO, other="BM25")
    assert html.count("k-gold") == 1
    assert "BM25 순위" in html
    assert look.query_label(views[0]) == f"✗ 63 · {QUERIES['q1']}"


def test_a_query_goes_to_the_ranking_tab_with_its_documents_as_blocks() -> None:
    view = explore(both()[1], small_data("small", {**DOCUMENTS, "d1": "a\n\n\na"}))[0]
    missed = replace(view, hits=())
    assert ranking_form(missed) == ("a", "a\na")  # only the answer is left
    assert ranking_form(view)[1].count("\n\n") == len(view.hits) - 1 + int(not any(h.relevant for h in view.hits))


def test_every_measured_row_says_what_computed_it_and_published_rows_are_labelled() -> None:
    result = both()[0]
    model = {**result.manifest.model, "hub_id": KOE5, "revision": "bc6d284c60fe5a973e74c1751b92594c9f581213"}
    data = {**result.manifest.data, "name": AUTORAG.id, "task": AUTORAG.task, "split": "test"}
    mine = replace(result, manifest=replace(result.manifest, model=model, data=data))
    html = results.results_html([saved(mine)], Language.EN)
    assert "bc6d284c60fe · letter counter · float32 · cpu · 20" in html
    assert "KoE5: published · paper" in html
    assert "KoE5: published · MTEB" in html
    record = results.records([saved(mine)], Language.EN)
    for part in ("larger document id first", "query: ", "pytrec_eval", "tokens/s"):
        assert part in record


def test_a_live_line_tells_phase_speed_and_time_left() -> None:
    step = RunProgress(RunPhase.ENCODING_DOCUMENTS, "ours", "mini", 100, 358, 50.4, 5.1)
    html = form.progress(RunState(1, 2, progress=step), 0, Language.EN)
    for part in (
        "1 of 2 done",
        "this demo&#39;s own set (133 queries) / mini",
        "Encoding documents",
        "100 / 358",
        "50 texts/s",
        "5 s left",
    ):
        assert part in html
    waiting = form.progress(RunState(0, 2, progress=RunProgress(RunPhase.WAITING, done=1)), 0, Language.KO)
    assert "앞에 1개" in waiting


@pytest.mark.parametrize("language", Language)
def test_foreign_words_are_shown_and_never_run(language: Language) -> None:
    failure = Failure(NASTY, NASTY, DataError("data_no_folder", name=NASTY))
    view = replace(explore(both()[0], small_data())[0], text=NASTY)
    row = DatasetOffer(replace(AUTORAG, licence=NASTY), here=False, seconds=None)
    for html in (
        form.progress(RunState(1, 2, failures=(failure,)), 0, language),
        look.query_html(view, language),
        form.dataset_table([row], language),
        form.absent_models([ModelOffer(NASTY, "absent")], language),
    ):
        assert "<img" not in html
        assert not re.search(r"[{}$`]", html)


def test_an_unknown_time_is_said_to_be_unknown() -> None:
    html = form.dataset_table([DatasetOffer(AUTORAG, here=False, seconds=None)], Language.EN)
    assert "known once the model is loaded" in html
    assert "720 / 114" in html
    html = form.dataset_table([DatasetOffer(AUTORAG, here=True, seconds=600.0)], Language.EN)
    assert "about 10 min" in html


def test_chosen_sets_tell_what_is_to_be_downloaded_and_what_is_published_of_koe5() -> None:
    miracl = DATASETS["MIRACLRetrieval"]
    here = DatasetOffer(AUTORAG, here=True, seconds=60.0)
    away = DatasetOffer(miracl, here=False, seconds=7_200.0)
    html = form.chosen_sets([away, here], ["MIRACLRetrieval", "AutoRAG-benchmark"], Language.EN)
    assert html.index("AutoRAG-benchmark") < html.index("MIRACLRetrieval")  # the smallest first
    assert "2 chosen" in html
    assert "1 to be downloaded at the start (633.2 MB of text)" in html
    assert "estimated time about 2.0 h" in html  # 7,260 s
    assert "62.35" in html  # KoE5's NDCG@10 on MIRACL as MTEB has it
    assert "84.34" in html  # and on AutoRAG
    offline = form.chosen_sets([replace(away, reachable=False)], ["MIRACLRetrieval"], Language.EN)
    assert "the hub is out of reach" in offline
    assert "to be downloaded at the start" not in offline
    assert "downloaded" not in form.chosen_sets([here], ["AutoRAG-benchmark"], Language.EN)
    assert form.chosen_sets([here, away], [], Language.EN) == ""


def test_a_choice_of_sets_is_the_suite_that_has_just_those() -> None:
    assert form.suite_of(["PublicHealthQA", "AutoRAG-benchmark", "Ko-StrategyQA"]) == "paper"
    assert form.suite_of([spec.id for spec in KOR_V2]) == "MTEB(kor, v2)"
    assert form.suite_of(["PublicHealthQA"]) is None
    assert form.suite_name("MTEB(kor, v2)", Language.KO) == "MTEB(kor, v2) · 9개"


def test_a_set_that_the_hub_would_have_is_told_to_be_out_of_reach(tmp_path: Path) -> None:
    class Offline(ReadyHost):
        names = ("koe5",)

        def state(self, name: str) -> ModelState:
            return ModelState(name, ModelPhase.FAILED)

    found = LiveBenchmarks(Offline(), Settings(data_dir=tmp_path), RunQueue()).datasets([])  # type: ignore[arg-type]
    assert not any(offer.reachable for offer in found)
    assert "hub out of reach" in form.dataset_table([offer for offer in found if not offer.here], Language.EN)


# --- bars -----------------------------------------------------------------------------------------------------------


def test_every_value_has_a_bar_of_its_width_and_what_is_missing_has_none() -> None:
    result = both()[0]
    model = {**result.manifest.model, "hub_id": KOE5}
    data = {**result.manifest.data, "name": AUTORAG.id, "task": AUTORAG.task, "split": "test"}
    mine = replace(
        result, metrics={**result.metrics, "mrr_at_10": 0.5}, manifest=replace(result.manifest, model=model, data=data)
    )
    html = results.results_html([saved(mine)], Language.EN)
    assert '--w:50.0%">50.00' in html
    assert '--w:69.3%">69.30' in html  # the paper's NDCG@1
    assert html.count("–</td>") == 4  # the paper has no NDCG@10, Recall@10, MRR@10; MTEB's rows no Recall@10


def test_published_bars_keep_their_order_and_names_are_text() -> None:
    placed = placement([], AUTORAG, "ndcg_at_1", "", "all", KOE5)
    bars = (replace(placed.bars[0], name="<b>x</b>", value=0.9), replace(placed.bars[1], name="y", value=0.805))
    html = results.placement_html(replace(placed, bars=bars), AUTORAG, "ndcg_at_1", KOE5, Language.EN)
    assert re.findall(r'<span style="width:([\d.]+)%">', html) == ["90.0", "80.5"]
    assert html.index("&lt;b&gt;x&lt;/b&gt;") < html.index(">y<")


@pytest.mark.parametrize("language", Language)
def test_what_a_button_is_going_to_run_is_told(language: Language) -> None:
    here = [DatasetOffer(spec, here=True, seconds=60.0) for spec in SUITE]
    ready = form.paper_plan([ModelOffer("koe5", "ready")], here, "fp32", language)
    assert "KoE5" in ready
    assert "3" in ready  # minutes
    away = [replace(offer, here=False) for offer in here]
    alone = form.paper_plan([ModelOffer("mini", "ready")], away, "fp32", language)
    assert "mini" in alone
    assert message("bench_plan_sets_absent", language, n=3) in alone.replace("&#39;", "'")
    assert message("bench_minutes", language, n=3) not in alone  # nothing can be run: no time
    fetched = form.paper_plan([ModelOffer("koe5", "download", 2_257)], away, "fp32", language)
    assert "2,257" in fetched


def test_systems_and_sets_have_names_that_say_what_they_are() -> None:
    names = [system_name(name) for name in ("rrf:mini", "weighted:koe5", "bm25", "bm25-kiwi", "letters (a)")]
    assert names == ["mini + BM25 (RRF)", "KoE5 + BM25 (1:1)", "BM25", "BM25 (Kiwi)", "letters (a)"]
    assert form.dataset_name("ours", Language.KO) == "데모 자체 세트 (질의 133개)"
    assert form.dataset_name("AutoRAG-benchmark", Language.KO) == "AutoRAG-benchmark"


def test_the_paper_is_reproduced_with_the_embedded_model_where_koe5_cannot_be_had(tmp_path: Path) -> None:
    class Offline(ReadyHost):
        names = ("koe5", "mini")

        def state(self, name: str) -> ModelState:
            return ModelState(name, ModelPhase.FAILED if name == "koe5" else ModelPhase.READY)

    offline = LiveBenchmarks(Offline(), Settings(data_dir=tmp_path), RunQueue())  # type: ignore[arg-type]
    assert offline.paper_choice().models == ("mini",)
    assert offline.paper_choice().datasets == ("Ko-StrategyQA", "AutoRAG-benchmark", "PublicHealthQA")

    class Online(Offline):
        def state(self, name: str) -> ModelState:
            return ModelState(name, ModelPhase.READY)

    online = LiveBenchmarks(Online(), Settings(data_dir=tmp_path), RunQueue())  # type: ignore[arg-type]
    assert online.paper_choice().models == ("koe5",)


def test_the_newest_result_of_each_system_is_taken_whichever_run_it_is_of(store: SavedRuns) -> None:
    found = store.newest(["small"])
    assert [(item.run_id, item.result.model) for item in found] == [
        ("20260102-030405-abcd", "letters"),
        ("20260102-030405-abcd", "bm25"),
    ]
    assert store.newest(["ours"]) == []


def test_an_arithmetic_is_asked_of_every_model_that_is_opened() -> None:
    asked = []

    class Host:
        def state(self, name: str) -> ModelState:
            return ModelState(name, ModelPhase.READY)

        def exact_encoder(self, name: str, dtype: str | None) -> Encoder:
            asked.append((name, dtype))
            return LetterCounter(id_=name)

    choice = RunChoice(("ours",), ("mini", "koe5"), dtype="int8")
    list(live.run_choice(choice, Host(), RunOptions()))
    assert asked == [("mini", "int8"), ("koe5", "int8")]


def test_float32_is_offered_first_and_every_arithmetic_has_its_words() -> None:
    offered = form.dtypes_offered(Settings().exact_dtype)
    assert offered == ("fp32", "auto", "bf16", "fp16", "int8")
    assert Settings().exact_dtype == offered[0]
    labels = [message(f"bench_dtype_{name}", language) for name in offered for language in Language]
    assert len(set(labels)) == len(labels)


def dense(result: RunResult, **facts: object) -> RunResult:
    model = {**result.manifest.model, **facts}
    return replace(result, manifest=replace(result.manifest, model=model))


@pytest.mark.parametrize(("language", "told"), [(Language.EN, "no prefix added"), (Language.KO, "접두사 없이 인코딩")])
def test_a_row_says_that_no_prefix_was_added(language: Language, told: str) -> None:
    letters, bm25 = both()
    assert told not in results.results_html([saved(letters), saved(bm25)], language)
    bare = dense(letters, prompts={"query": "", "passage": ""})
    assert results.results_html([saved(bare)], language).count(told) == 1


@pytest.mark.parametrize(("language", "told"), [(Language.EN, "scored on dev"), (Language.KO, "dev 분할로 채점")])
def test_a_row_says_that_it_was_scored_on_dev(language: Language, told: str) -> None:
    result = both()[0]
    dev = replace(result, manifest=replace(result.manifest, data={**result.manifest.data, "split": "dev"}))
    assert told not in results.results_html([saved(result)], language)
    assert told in results.results_html([saved(dev)], language)


def test_the_papers_table_names_the_split_that_is_no_test() -> None:
    html = results.board(paper_board([]), None, Language.EN)
    assert "Ko-StrategyQA (dev)" in html
    assert "AutoRAG-benchmark (" not in html


def test_two_models_of_one_name_have_their_own_rows_bars_and_labels() -> None:
    letters = both()[0]
    two = [dense(letters, device=f"http://{host}/v1", fingerprint=host) for host in ("a", "b")]
    items = [saved(result, f"run/{n}/small") for n, result in enumerate(two)]
    names = ["letters (http://a/v1)", "letters (http://b/v1)"]
    for html in (results.results_html(items, Language.EN), results.records(items, Language.EN)):
        assert all(name in html for name in names)
    assert compare_results(*two).model_b == names[1]


def test_what_a_run_should_tell_stands_below_its_progress() -> None:
    notice = Notice("notice_uncached", {"reason": "Read-only file system"})
    assert "Read-only file system" in form.progress(RunState(1, 1, notices=(notice,)), 0, Language.EN)


def test_every_event_reads_and_changes_values_by_component(tmp_path: Path) -> None:
    """No handler of the tab counts on an order of components."""
    with gr.Blocks() as page, gr.Tabs() as tabs, gr.Tab() as tab:
        language, box = gr.Radio(["ko", "en"], value="en"), gr.Textbox()
        form = SimpleNamespace(queries=box, passages=box, layout=box, file=box)
        ranking = SimpleNamespace(form=form, run_event={}, desk=gr.State(None), marked=gr.Button())
        build_benchmark_tab(
            ReadyHost(),  # type: ignore[arg-type]
            Settings(data_dir=tmp_path),
            Words(Language.EN),
            language,
            ranking,  # type: ignore[arg-type]
            tabs=tabs,
            tab=tab,
            runs=RunQueue(),
        )
    events = [event for event in page.fns.values() if event.fn is not None]
    assert len(events) > 20
    assert all(event.inputs_as_dict for event in events)
    by_name = {event.fn.__name__: event for event in events}
    values = {component: component.value for event in events for component in event.inputs}
    values[language] = "en"

    def fire(name: str, **changed: str) -> dict[str, object]:
        """Run a handler on what the page holds, put what it answers into the page; return that by element id."""
        event = by_name[name]
        given = {c: changed.get(str(c.elem_id).removeprefix("bench-"), values[c]) for c in event.inputs}
        answers = event.fn(given)
        for answer in [answers] if isinstance(answers, dict) else answers:
            assert set(answer) <= set(event.outputs), name
            for component, value in answer.items():
                update = isinstance(value, dict) and value.get("__type__") == "update"
                if not update or "value" in value:
                    values[component] = value["value"] if update else value
        return {component.elem_id: values.get(component) for component in event.outputs}

    untold = dict(values)
    fire("speak")
    assert values == untold, "nobody has opened the tab"
    shown = fire("open")
    assert shown["bench-run"] == SHIPPED
    assert "mini" in str(shown["bench-results"])
    assert str(shown["bench-a"]).startswith("shipped/")
    assert shown["bench-of"] == shown["bench-a"]
    values[language] = "ko"
    assert "질의" in str(fire("speak")["bench-comparison"])
    values[language] = "en"
    fire("speak")
    assert "p = " in str(fire("compare")["bench-comparison"])
    first = fire("explore")["bench-query"]
    assert fire("next_query")["bench-query"] != first
    assert fire("previous_query")["bench-query"] == first
    assert fire("open_in_ranking")[None] is not None
    assert str(fire("choose_result", a="shipped/bm25/ours")["bench-b"]).startswith("shipped/")
    assert fire("choose_of", of="shipped/bm25/ours")["bench-a"] == "shipped/bm25/ours"
    assert fire("csv_file")["bench-download-name"] == "koe5-benchmark-shipped.csv"
    assert "| ours | mini |" in str(fire("markdown_file")["bench-download-text"])
    assert fire("json_file")["bench-download-name"] == "ours.json"
    assert " Q0 " in str(fire("trec_file")["bench-download-text"])
    assert "1 of 52 published" in str(fire("place", **{"published-name": "koe5"})["bench-published"])
    fire("begin")
    ran = fire("run_chosen")
    assert "2 results are saved" in str(ran["bench-progress"])
    came = fire("show_arrived")
    assert came["bench-run"] != SHIPPED
    assert "letters" in str(came["bench-results"])
    values[language] = "ko"
    assert "결과 2개를 저장했습니다" in str(fire("speak")["bench-progress"])
    values[language] = "en"
    assert "letters" in str(fire("show_run")["bench-results"])
    fire("stop")
    assert fire("begin_paper")
    for name in ("estimate", "look", "explore"):
        assert fire(name)
