"""The benchmark's numbers equal those of MTEB and trec_eval, to 1e-6."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from huggingface_hub import constants

from data_stand_in import data_hub, suite_repositories
from koe5_demo.benchmark.datasets.registry import SUITE
from koe5_demo.benchmark.metrics import CUTOFFS, average, score_queries
from koe5_demo.benchmark.rankings import tie_priority
from koe5_demo.benchmark.result_files import find_results
from koe5_demo.benchmark.run import RunOptions, finished, run_suite
from koe5_demo.benchmark.search import search
from koe5_demo.benchmark.systems import encoder_source
from toy_encoder import LetterCounter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def random_case(seed: int, n_documents: int):
    """Whole-number vectors (exact products, many ties), graded judgements, some naming documents that are not there."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-1, 2, (n_documents, 3)).astype(np.float32)
    queries = rng.integers(-1, 2, (20, 3)).astype(np.float32)
    ids = [f"{'문서' if n % 2 else 'd'}{n}" for n in rng.permutation(n_documents)]
    qrels = {}
    for q in range(20):
        judged = rng.choice(n_documents, size=min(n_documents, 4), replace=False)
        qrels[f"q{q}"] = {ids[d]: int(rng.integers(-1, 4)) for d in judged} | {"gone": int(q % 3 == 0)}
    return vectors, queries, ids, qrels


@pytest.mark.parametrize(("seed", "n_documents"), [(0, 500), (1, 99), (2, 7), (3, 1)])
def test_measures_equal_trec_eval_over_all_documents(seed, n_documents):
    vectors, queries, ids, qrels = random_case(seed, n_documents)
    found = search(queries, [(np.arange(n_documents), vectors)], tie_priority(ids), 100)
    ours = score_queries(found, list(qrels), ids, qrels)
    scores = queries @ vectors.T
    run = {query_id: dict(zip(ids, row.tolist(), strict=True)) for query_id, row in zip(qrels, scores, strict=True)}
    measures = {f"{m}.{','.join(map(str, CUTOFFS))}" for m in ("ndcg_cut", "P", "recall")} | {"recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    for row, query_id in enumerate(qrels):
        for k in CUTOFFS:
            for name, measure in (("ndcg", "ndcg_cut"), ("precision", "P"), ("recall", "recall")):
                assert ours[f"{name}_at_{k}"][row] == pytest.approx(theirs[query_id][f"{measure}_{k}"], abs=1e-6)
        reciprocal = theirs[query_id]["recip_rank"]
        assert ours["mrr_at_10"][row] == pytest.approx(reciprocal if reciprocal >= 0.1 else 0, abs=1e-6)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The three tasks through MTEB and through this project, both from one hub."""
    folder = tmp_path_factory.mktemp("peers")
    with pytest.MonkeyPatch.context() as patch, data_hub(suite_repositories(folder)) as hub:
        patch.setattr(constants, "ENDPOINT", hub.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_CACHE", str(folder / "ours"))
        encoder = LetterCounter()
        outcome = finished(run_suite(SUITE, [encoder_source(encoder)], RunOptions(output=folder / "out")))
        saved = find_results(folder / "out")
        environment = os.environ | {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(folder / "theirs"),
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        }
        command = [sys.executable, str(HERE / "mteb_run.py"), str(folder / "mteb.json"), *map(str, saved)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if "No module named 'mteb'" in done.stderr:
        pytest.skip("mteb is not installed")
    assert done.returncode == 0, done.stderr[-3000:]
    return outcome, json.loads((folder / "mteb.json").read_text()), encoder


@pytest.mark.slow
def test_the_three_sets_give_mtebs_numbers(both):
    outcome, theirs, _ = both
    assert [result.task for result in outcome.results] == [spec.task for spec in SUITE]
    for result in outcome.results:
        scores = theirs["tasks"][result.task]["scores"]
        for k in (1, 3, 5, 10, 20, 100):
            for measure in ("ndcg", "recall", "precision"):
                name = f"{measure}_at_{k}"
                assert round(result.metrics[name], 5) == pytest.approx(scores[name], abs=1e-6), (result.task, name)
        assert result.metrics["mrr_at_10"] == pytest.approx(scores["mrr_at_10"], abs=1e-6)
        assert 0 < result.metrics["ndcg_at_10"] < 1


@pytest.mark.slow
def test_the_three_sets_have_mtebs_queries_and_documents(both):
    _, theirs, encoder = both
    # both encode equal texts once or more; the sets of texts must be the same, letter by letter
    seen = {text.split(": ", 1)[1] for task in theirs["tasks"].values() for text in task["texts"]}
    assert seen == set(encoder.encoded)


@pytest.mark.slow
def test_saved_results_are_loaded_by_mteb(both):
    outcome, theirs, _ = both
    loaded = {entry["task"]: entry for entry in theirs["loaded"].values()}
    assert set(loaded) == {spec.task for spec in SUITE}
    for result in outcome.results:
        assert loaded[result.task]["main_score"] == pytest.approx(result.metrics["ndcg_at_10"], abs=1e-6)
        assert loaded[result.task]["languages"] == ["kor"]


def test_bootstrap_and_randomization_agree_with_a_hand_written_test():
    """scipy's paired randomization test against counting every sign pattern of eight differences."""
    from itertools import product

    from made_results import result_with

    differences = np.array([0.5, 0.25, -0.25, 0.0, 1.0, 0.5, -0.5, 0.25])
    from koe5_demo.benchmark.compare import compare_results

    row = compare_results(result_with(np.zeros(8)), result_with(differences), ["ndcg_at_10"]).differences[0]
    observed = differences.mean()
    means = [np.mean(differences * signs) for signs in product([1, -1], repeat=8)]
    above = np.mean([mean >= observed - 1e-12 for mean in means])
    assert row.p_value == pytest.approx(min(1.0, 2 * above), abs=1e-9)
    assert row.difference == pytest.approx(observed)


def test_averages_of_measures_are_means_over_queries():
    vectors, queries, ids, qrels = random_case(5, 30)
    found = search(queries, [(np.arange(30), vectors)], tie_priority(ids), 100)
    per_query = score_queries(found, list(qrels), ids, qrels)
    assert average(per_query)["ndcg_at_3"] == pytest.approx(float(np.mean(per_query["ndcg_at_3"])), abs=1e-6)
