"""Runs: numbers, failures beside results, stop, resume, the queue, and what is written."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.gate import RunGate
from koe5_demo.benchmark.naming import encoder_source, system_sources
from koe5_demo.benchmark.progress import Phase, Progress
from koe5_demo.benchmark.results import file_name, find_results, load_result, result_path, trec_run
from koe5_demo.benchmark.run import Failure, Finished, ResultReady, RunOptions, finished, run_suite
from koe5_demo.benchmark.vector_cache import VectorCache
from koe5_demo.errors import DataError, UnknownModelError
from toy_encoder import LetterCounter

DOCUMENTS = {"d1": "aaa", "d2": "ab", "d3": "bbb", "d4": "cd ef gh", "d5": "aaa"}
QUERIES = {"q1": "a", "q2": "b", "q3": "zzz"}
QRELS = {"q1": {"d1": 1}, "q2": {"d3": 1, "d2": 1}, "q3": {"d4": 1}}


def small_data(name: str = "small", documents: dict[str, str] = DOCUMENTS):
    return assemble(
        [{"_id": id_, "text": text} for id_, text in documents.items()],
        [{"_id": id_, "text": text} for id_, text in QUERIES.items()],
        [{"query-id": q, "corpus-id": d, "score": g} for q, grades in QRELS.items() for d, g in grades.items()],
        name=name,
    )


def one_result(encoder=None, **options):
    sources = [encoder_source(encoder or LetterCounter())]
    return finished(run_suite([small_data()], sources, RunOptions(**options))).results[0]


def test_numbers_of_a_small_run_by_hand():
    result = one_result()
    # q1 "a": d5 and d1 tie at cosine 1, the larger id d5 first; the answer d1 at rank 2
    # q2 "b": d3 (1), d2 (.707): both right
    # q3 has no letter: all cosines 0, ids descending: d5, d4, ...: the answer at rank 2
    assert [hits[:2] for hits in result.hits] == [("d5", "d1"), ("d3", "d2"), ("d5", "d4")]
    assert result.metrics["ndcg_at_1"] == pytest.approx(1 / 3)
    assert result.metrics["mrr_at_10"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    # P@1 = 1/3, R@1 = (0 + 1/2 + 0) / 3 = 1/6, F1 = 2 * 1/18 / (1/2) = 2/9
    assert result.metrics["f1_at_1"] == pytest.approx(2 / 9)
    assert result.metrics["ndcg_at_10"] == pytest.approx((0.630930 + 1 + 0.630930) / 3, abs=1e-6)


def test_the_manifest_says_what_was_run_on_what():
    manifest = one_result().manifest
    assert manifest.model["prompts"] == {"query": "query: ", "passage": "passage: "}
    assert manifest.model["engine"] == "letter counter"
    assert manifest.data["n_documents"] == 5
    assert manifest.data["content"] == small_data().content_hash()
    assert "larger document id first" in manifest.tie_rule
    assert {"koe5_demo", "python", "numpy", "bm25s", "pytrec_eval-terrier"} <= set(manifest.versions)
    assert (manifest.texts_encoded, manifest.texts_cached) == (7, 0)  # 3 queries, 4 distinct documents
    assert manifest.tokens_encoded == 1 + 1 + 3 + 3 + 2 + 3 + 6  # "cd ef gh" has 8, the model sees 6
    assert (manifest.queries_cut, manifest.documents_cut) == (0, 1)


def test_a_set_and_a_model_that_cannot_be_had_do_not_stop_the_rest(tmp_path):
    def load(name):
        if name == "gone":
            raise UnknownModelError("unknown_model", value=name, valid="letters")
        return LetterCounter()

    events = list(run_suite([tmp_path / "nowhere", small_data()], system_sources(["gone", "letters", "bm25"], load)))
    failures = [event for event in events if isinstance(event, Failure)]
    assert [(failure.dataset, failure.model) for failure in failures] == [("nowhere", ""), ("", "gone")]
    assert isinstance(failures[0].error, DataError)
    last = events[-1]
    assert isinstance(last, Finished)
    assert [result.model for result in last.results] == ["letters", "bm25"]
    assert last.failures == tuple(failures)


def test_fusions_share_one_model_and_one_lexical_ranking():
    loaded = []

    def load(name):
        loaded.append(name)
        return LetterCounter(id_=name)

    names = ["bm25", "m", "rrf:m", "weighted:m"]
    results = finished(run_suite([small_data()], system_sources(names, load))).results
    assert loaded == ["m"]
    assert [result.model for result in results] == names
    assert results[2].manifest.model["engine"] == "letter counter + bm25, RRF k=60"
    assert len({result.manifest.model["fingerprint"] for result in results}) == 4


def test_phases_come_in_order_with_names():
    events = list(run_suite([small_data()], [encoder_source(LetterCounter())]))
    phases = list(dict.fromkeys(event.phase for event in events if isinstance(event, Progress)))
    assert phases == [
        Phase.LOADING_DATA,
        Phase.LOADING_MODEL,
        Phase.ENCODING_QUERIES,
        Phase.ENCODING_DOCUMENTS,
        Phase.SEARCHING,
        Phase.SCORING,
    ]
    encoding = [e for e in events if isinstance(e, Progress) and e.phase is Phase.ENCODING_DOCUMENTS]
    assert (encoding[-1].dataset, encoding[-1].model) == ("small", "letters")
    assert (encoding[-1].done, encoding[-1].total) == (4, 4)


def test_a_stop_keeps_the_results_so_far():
    stop = threading.Event()
    sources = [encoder_source(LetterCounter(id_="one")), encoder_source(LetterCounter(id_="two"))]
    seen = []
    for event in run_suite([small_data()], sources, RunOptions(should_stop=stop.is_set)):
        seen.append(event)
        if isinstance(event, ResultReady):
            stop.set()
    assert isinstance(seen[-1], Finished)
    assert seen[-1].stopped
    assert [result.model for result in seen[-1].results] == ["one"]


def test_vectors_are_used_again_by_the_next_run(tmp_path):
    encoder = LetterCounter()
    first = one_result(encoder, cache=VectorCache(tmp_path))
    second = one_result(encoder, cache=VectorCache(tmp_path))
    assert len(encoder.encoded) == 7
    assert (second.manifest.texts_encoded, second.manifest.texts_cached, second.manifest.tokens_per_s) == (0, 7, 0)
    assert second.metrics == first.metrics


def test_resume_takes_a_result_only_if_model_and_data_are_the_same(tmp_path):
    def run(data, encoder):
        options = RunOptions(output=tmp_path, resume=True)
        return next(e for e in run_suite([data], [encoder_source(encoder)], options) if isinstance(e, ResultReady))

    assert not run(small_data(), LetterCounter()).resumed
    encoder = LetterCounter()
    again = run(small_data(), encoder)
    assert again.resumed
    assert encoder.encoded == []
    assert not run(small_data(documents=DOCUMENTS | {"d6": "new"}), LetterCounter()).resumed
    path = result_path(tmp_path, "letters", "small")
    path.write_text(path.read_text()[:-20])
    assert not run(small_data(documents=DOCUMENTS | {"d6": "new"}), LetterCounter()).resumed


def test_a_saved_result_is_read_back_whole(tmp_path):
    result = one_result(output=tmp_path)
    (path,) = find_results(tmp_path)
    assert path == tmp_path / "letters" / "small.json"
    loaded = load_result(path)
    assert loaded.metrics == result.metrics
    assert loaded.manifest == result.manifest
    assert loaded.hits == result.hits
    assert loaded.query_ids == result.query_ids
    assert np.array_equal(loaded.query_tokens, result.query_tokens)
    for name, values in result.per_query.items():
        assert np.allclose(loaded.per_query[name], values, atol=1e-7)


def test_a_file_that_is_no_run_is_refused_in_words(tmp_path):
    (tmp_path / "x.json").write_text('{"scores": {}}')
    with pytest.raises(DataError, match=r"x\.json"):
        load_result(tmp_path / "x.json")
    with pytest.raises(DataError, match="no run"):
        find_results(tmp_path)


def test_an_output_that_cannot_be_written_is_a_failure_in_words(tmp_path):
    (tmp_path / "letters").write_text("in the way")
    last = finished(run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(output=tmp_path)))
    assert last.failures[0].error.key == "output_failed"


def test_a_trec_run_has_six_columns_in_rank_order(tmp_path):
    lines = trec_run(one_result()).splitlines()
    assert lines[0] == "q1 Q0 d5 1 1 letters"
    assert len(lines) == 15
    assert all(len(line.split()) == 6 for line in lines)


def test_names_become_file_names():
    assert file_name("BAAI/bge-m3") == "BAAI__bge-m3"
    assert file_name("rrf:koe5") == "rrf-koe5"
    assert file_name("../..") == "__"
    assert file_name("한국어 세트") == "한국어-세트"


def test_one_run_at_a_time_on_a_device_and_the_others_see_their_place():
    gate = RunGate()
    first = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(gate=gate))
    assert isinstance(next(first), Progress)
    second = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(gate=gate))
    waiting = next(second)
    assert (waiting.phase, waiting.done) == (Phase.WAITING, 1)
    assert gate.waiting("cpu") == 2
    other_device = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(gate=gate, device="cuda:0"))
    assert next(other_device).phase is Phase.LOADING_DATA
    list(first)
    assert next(second).phase is Phase.LOADING_DATA
    second.close()
    other_device.close()
    assert gate.waiting("cpu") == 0


def test_a_waiting_run_can_be_stopped_and_leaves_the_queue():
    gate = RunGate()
    first = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(gate=gate))
    next(first)
    second = run_suite([small_data()], [], RunOptions(gate=gate, should_stop=lambda: True))
    assert [type(event) for event in second] == [Progress, Finished]
    assert gate.waiting("cpu") == 1
    first.close()
    assert gate.waiting("cpu") == 0


def test_two_visitors_at_once_both_get_their_results():
    gate = RunGate()
    running, most, results = [0], [0], []

    class Counting(LetterCounter):
        def encode(self, texts, role, *, on_progress=None):
            running[0] += 1
            most[0] = max(most[0], running[0])
            try:
                return super().encode(texts, role, on_progress=on_progress)
            finally:
                running[0] -= 1

    def visit():
        encoder = Counting(seconds_a_text=0.01)
        results.append(finished(run_suite([small_data()], [encoder_source(encoder)], RunOptions(gate=gate))))

    threads = [threading.Thread(target=visit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(results) == 3
    assert all(len(result.results) == 1 for result in results)
    assert most[0] == 1


def test_the_written_json_is_in_mtebs_form(tmp_path):
    one_result(output=tmp_path)
    document = json.loads((tmp_path / "letters" / "small.json").read_text())
    scores = document["scores"]["test"][0]
    assert scores["main_score"] == scores["ndcg_at_10"]
    assert (scores["hf_subset"], scores["languages"]) == ("default", ["kor-Hang"])
    assert document["task_name"] == "small"


def test_a_relative_output_folder_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_result(output=Path("out"))
    assert (tmp_path / "out" / "letters" / "small.trec").is_file()
