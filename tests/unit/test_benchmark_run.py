"""Runs: numbers, failures beside results, stop, resume, the queue, and what is written."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from koe5_demo.benchmark.datasets.assembly import assemble
from koe5_demo.benchmark.progress import RunPhase, RunProgress, RunQueue
from koe5_demo.benchmark.result_files import file_name, find_results, load_result, save_result, trec_id, trec_run
from koe5_demo.benchmark.results import telling_names
from koe5_demo.benchmark.run import Failure, Finished, ResultReady, RunOptions, finished, run_suite
from koe5_demo.benchmark.stored_vectors import DiskVectors
from koe5_demo.benchmark.systems import encoder_source, system_sources
from koe5_demo.errors import DataError, UnknownModelError
from koe5_demo.records import Notice
from koe5_demo.words import Language
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
    phases = list(dict.fromkeys(event.phase for event in events if isinstance(event, RunProgress)))
    assert phases == [
        RunPhase.LOADING_DATA,
        RunPhase.LOADING_MODEL,
        RunPhase.ENCODING_QUERIES,
        RunPhase.ENCODING_DOCUMENTS,
        RunPhase.SEARCHING,
        RunPhase.SCORING,
    ]
    encoding = [e for e in events if isinstance(e, RunProgress) and e.phase is RunPhase.ENCODING_DOCUMENTS]
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
    first = one_result(encoder, cache=DiskVectors(tmp_path))
    second = one_result(encoder, cache=DiskVectors(tmp_path))
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
    other = run(small_data(documents=DOCUMENTS | {"d6": "new"}), LetterCounter())
    assert not other.resumed
    assert run(small_data(documents=DOCUMENTS | {"d6": "new"}), LetterCounter()).resumed
    other.path.write_text(other.path.read_text()[:-20])
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
    queue = RunQueue()
    first = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(queue=queue))
    assert isinstance(next(first), RunProgress)
    second = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(queue=queue))
    waiting = next(second)
    assert (waiting.phase, waiting.done) == (RunPhase.WAITING, 1)
    assert queue.waiting("cpu") == 2
    other_device = run_suite(
        [small_data()], [encoder_source(LetterCounter())], RunOptions(queue=queue, device="cuda:0")
    )
    assert next(other_device).phase is RunPhase.LOADING_DATA
    list(first)
    assert next(second).phase is RunPhase.LOADING_DATA
    second.close()
    other_device.close()
    assert queue.waiting("cpu") == 0


def test_a_waiting_run_can_be_stopped_and_leaves_the_queue():
    queue = RunQueue()
    first = run_suite([small_data()], [encoder_source(LetterCounter())], RunOptions(queue=queue))
    next(first)
    second = run_suite([small_data()], [], RunOptions(queue=queue, should_stop=lambda: True))
    assert [type(event) for event in second] == [RunProgress, Finished]
    assert queue.waiting("cpu") == 1
    first.close()
    assert queue.waiting("cpu") == 0


def test_two_visitors_at_once_both_get_their_results():
    queue = RunQueue()
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
        results.append(finished(run_suite([small_data()], [encoder_source(encoder)], RunOptions(queue=queue))))

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


def run_of(encoder, data, folder) -> Path:
    events = run_suite([data], [encoder_source(encoder)], RunOptions(output=folder, resume=True))
    return next(event.path for event in events if isinstance(event, ResultReady))


class Named(LetterCounter):
    """A model that shares its last name with others."""

    def __init__(self, fingerprint: str, **facts):
        super().__init__(id_="e5")
        self._info = replace(self._info, fingerprint=fingerprint, **facts)


def test_two_models_of_one_name_never_write_over_each_other(tmp_path):
    first, second = Named("one", device="http://a/v1"), Named("two", device="http://b/v1")
    paths = [run_of(encoder, small_data(), tmp_path) for encoder in (first, second, first, second)]
    assert paths[0] == tmp_path / "e5" / "small.json"
    assert paths[2:] == paths[:2]
    assert len(set(paths)) == len(find_results(tmp_path)) == 2
    assert [load_result(path).manifest.model["device"] for path in paths[:2]] == ["http://a/v1", "http://b/v1"]


def test_a_model_keeps_its_folder_when_another_has_run_on_other_data_there(tmp_path):
    first, second = Named("one"), Named("two")
    run_of(first, small_data("a"), tmp_path)
    other = run_of(second, small_data("b"), tmp_path)
    assert other.parent != tmp_path / "e5"
    assert run_of(first, small_data("b"), tmp_path) == tmp_path / "e5" / "b.json"
    assert run_of(second, small_data("a"), tmp_path) == other.with_name("a.json")


def test_two_sets_of_one_name_never_write_over_each_other(tmp_path):
    paths = [run_of(Named("one"), small_data("set", {**DOCUMENTS, "d6": text}), tmp_path) for text in ("x", "y", "x")]
    assert paths[0] == paths[2] == tmp_path / "e5" / "set.json"
    assert paths[1].parent == paths[0].parent
    assert len(find_results(tmp_path)) == 2


def test_names_tell_models_of_one_name_apart_and_leave_others_alone():
    servers = [Named("one", device="http://a/v1"), Named("two", device="http://b/v1")]
    folders = [Named("three", revision="0f3a"), Named("four", revision="77bc"), LetterCounter()]
    made = [one_result(encoder) for encoder in servers + folders]
    assert list(telling_names(made[:2]).values()) == ["e5 (http://a/v1)", "e5 (http://b/v1)"]
    assert list(telling_names(made[2:]).values()) == ["e5 (0f3a)", "e5 (77bc)", "letters"]
    assert list(telling_names(made[1:2] * 2).values()) == ["e5"]
    assert len(set(telling_names(made).values())) == 5


def test_ids_of_a_trec_run_stay_apart_whatever_they_hold():
    assert [trec_id(id_) for id_ in ("a b", "a_b", "a  b", "a%20b", "", "\u3000")] == [
        "a%20b",
        "a_b",
        "a%20%20b",
        "a%2520b",
        "%",
        "%E3%80%80",
    ]
    data = small_data(documents={"d 1": "aaa", "d_1": "ab", "d1": "b"})
    result = finished(run_suite([data], [encoder_source(LetterCounter())])).results[0]
    written = [line.split() for line in trec_run(result).splitlines()]
    assert {line[2] for line in written} == {"d%201", "d_1", "d1"}
    assert all(len(line) == 6 for line in written)


def test_escaped_ids_are_told(tmp_path):
    def told(data) -> list[str]:
        events = list(run_suite([data], [encoder_source(LetterCounter())], RunOptions(output=tmp_path)))
        return [event.key for event in events if isinstance(event, Notice)]

    assert told(small_data("with blanks", {"d 1": "a", "d3": "b"})) == ["notice_trec_ids"]
    assert told(small_data()) == []


def test_a_cache_that_cannot_be_written_makes_a_run_without_one_and_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    sources = [encoder_source(LetterCounter(id_=name)) for name in ("one", "two")]
    events = list(run_suite([small_data()], sources, RunOptions(cache=DiskVectors(tmp_path / "file"))))
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.key == "notice_uncached"
    assert all(str(tmp_path) not in notice.text(language) for language in Language)
    last = events[-1]
    assert (len(last.results), last.failures) == (2, ())
    assert last.results[0].manifest.notes == [notice.text(Language.EN)]
    assert last.results[0].metrics == one_result().metrics


def test_a_disk_that_fills_up_during_a_run_does_not_end_it(tmp_path, monkeypatch):
    written = []
    original = np.savez

    def savez(file, **arrays):
        written.append(file)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        original(file, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    result = one_result(cache=DiskVectors(tmp_path))
    assert "No space left on device" in result.manifest.notes[0]
    assert result.metrics == one_result().metrics


BROKEN = {
    "Infinity in a measure": ("small.json", lambda o: o["koe5_demo"]["metrics"].update(ndcg_at_1=float("inf"))),
    "NaN in a measure": ("small.json", lambda o: o["koe5_demo"]["metrics"].update(ndcg_at_1=float("nan"))),
    "a measure beyond 1": ("small.json", lambda o: o["koe5_demo"]["metrics"].update(ndcg_at_1=7)),
    "a measure in words": ("small.json", lambda o: o["koe5_demo"]["metrics"].update(ndcg_at_1="0.5")),
    "a number for measures": ("small.json", lambda o: o["koe5_demo"].update(metrics=1)),
    "no measures": ("small.json", lambda o: o["koe5_demo"].update(metrics={})),
    "Infinity for a limit": ("small.json", lambda o: o["koe5_demo"].update(max_tokens=float("inf"))),
    "a list for a manifest": ("small.json", lambda o: o["koe5_demo"].update(manifest=[])),
    "a number for a model": ("small.json", lambda o: o["koe5_demo"]["manifest"].update(model=5)),
    "a number for prompts": ("small.json", lambda o: o["koe5_demo"]["manifest"]["model"].update(prompts=5)),
    "a list for problems": ("small.json", lambda o: o["koe5_demo"]["manifest"]["data"].update(problems=[1])),
    "a number for notes": ("small.json", lambda o: o["koe5_demo"]["manifest"].update(notes=5)),
    "a number for a date": ("small.json", lambda o: o["koe5_demo"]["manifest"].update(date=5)),
    "words for seconds": ("small.json", lambda o: o["koe5_demo"]["manifest"].update(seconds={"encode": "x"})),
    "a number for hits": ("small.queries.jsonl", lambda o: o.update(hits=5)),
    "a word for hits": ("small.queries.jsonl", lambda o: o.update(hits="d1")),
    "numbers in hits": ("small.queries.jsonl", lambda o: o.update(hits=[1, 2, 3, 4, 5])),
    "a score too few": ("small.queries.jsonl", lambda o: o["scores"].pop()),
    "Infinity in scores": ("small.queries.jsonl", lambda o: o["scores"].__setitem__(0, float("inf"))),
    "a list in scores": ("small.queries.jsonl", lambda o: o["scores"].__setitem__(0, [1])),
    "huge token counts": ("small.queries.jsonl", lambda o: o.update(tokens=10**30)),
    "a number for a query": ("small.queries.jsonl", lambda o: o.update(query=5)),
}


@pytest.mark.parametrize(("name", "spoil"), BROKEN.values(), ids=BROKEN)
def test_a_spoilt_result_is_refused_in_one_line(tmp_path, name, spoil):
    one_result(output=tmp_path)
    path = tmp_path / "letters" / name
    lines = path.read_text().split("\n") if name.endswith("l") else [path.read_text()]
    first = json.loads(lines[0])
    spoil(first)
    path.write_text("\n".join([json.dumps(first), *lines[1:]]))
    with pytest.raises(DataError, match=r"letters/small\.json") as caught:
        load_result(tmp_path / "letters" / "small.json")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[", "[" * 100_000, "null", "5", "[]", "{}", '{"koe5_demo": ' + "9" * 5_000 + "}", "\ud800", "1e999"]
)
def test_a_file_that_is_no_result_is_refused_in_one_line(tmp_path, text):
    one_result(output=tmp_path)
    for name in ("small.json", "small.queries.jsonl"):
        path = tmp_path / "letters" / name
        before = path.read_bytes()
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        with pytest.raises(DataError, match=r"letters/small\.json"):
            load_result(tmp_path / "letters" / "small.json")
        path.write_bytes(before)


def test_ids_with_strange_line_ends_and_half_letters_are_read_back(tmp_path):
    data = small_data("odd", {"d1": "a", "d\u2028 1": "aaa", "d\x0c3": "bbb", "d\ud800": "ab"})
    result = finished(run_suite([data], [encoder_source(LetterCounter())])).results[0]
    assert load_result(save_result(result, tmp_path)).hits == result.hits
