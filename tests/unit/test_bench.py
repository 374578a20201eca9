"""The measuring programs tell the truth: what they count, what they refuse, and that the GPU's script runs at all."""

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from bench import encode, growth, peer_engines, peers
from bench.limits import Network, flops_of, network_of
from koe5_demo.catalog import MINI

ROOT = Path(__file__).resolve().parents[2]


def test_only_matrix_products_count_as_work_by_the_models_own_sizes():
    # One layer, width 2, 8 within: a token takes 2 * (4 * 2 * 2 + 2 * 2 * 8) = 96, attention 4 * 2 * length * length.
    network = Network(n_layers=1, width=2, mlp_width=8)
    assert flops_of([1], network) == 96 + 8
    assert flops_of([3, 1], network) == 3 * 96 + 72 + 96 + 8


def test_the_sizes_come_from_the_models_config_and_not_from_koe5(tmp_path):
    config = {"num_hidden_layers": 12, "hidden_size": 384, "intermediate_size": 1536, "vocab_size": 250_037}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert network_of(tmp_path) == Network(12, 384, 1536)


@pytest.mark.parametrize("program", [encode, peers])
def test_an_engine_that_does_not_exist_is_refused_and_the_valid_ones_are_told(program, capsys):
    with pytest.raises(SystemExit) as ended:
        program.main(["--engines", "warp-drive"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "warp-drive" in told
    assert "sentence-transformers" in told


def test_every_engine_that_can_be_asked_for_can_be_started():
    assert {engine.name for engine in peers.ENGINE_LIST} == set(peer_engines.ENGINES)


def test_a_ratio_is_the_median_of_the_two_times_of_each_round():
    # 4/2 = 2, 9/3 = 3, 100/20 = 5; the quotient of the medians would be 9/3 = 3 too, the mean 3.33.
    assert peers.paired([4, 9, 100], [2, 3, 20]) == 3
    # One disturbed round of ours moves nothing: 2, 2, 0.1.
    assert peers.paired([4, 4, 4], [2, 2, 40]) == 2


@pytest.mark.parametrize(("name", "n_requests"), [("single", 5), ("page", 1), ("corpus", 1), ("long", 1)])
def test_each_round_of_the_peers_has_as_many_texts_and_none_of_another_round(name, n_requests):
    workload = peers.make(name, MINI.folder, Namespace(texts=5, quick=False))
    assert len(workload.rounds) >= 3
    texts = [text for requests in (workload.warm_up, *workload.rounds) for request in requests for text in request]
    assert len(set(texts)) == len(texts)
    for requests in workload.rounds:
        assert len(requests) == n_requests
        assert sum(map(len, requests)) == 5


def quality(engine, points, error=0.0):
    return peers.Quality(engine, points, points, points, error)


def test_only_engines_of_equal_quality_compete_for_us_and_each_peer_at_its_best_batch():
    seconds = {
        ("sentence-transformers", 32): [8.0],
        ("sentence-transformers", 1): [4.0],
        ("ours-fp32", 0): [2.0],
        ("ours-int8", 0): [1.0],
        ("onnx-int8", 1): [1.5],
    }
    worth = [quality("sentence-transformers", 80), quality("ours-fp32", 79.8), quality("ours-int8", 79.6)]
    found = peers.ahead("page", seconds, [*worth, quality("onnx-int8", 70)])
    assert [(line["ours"], line["peer"], line["ratio"], line["peer_of_equal_quality"]) for line in found] == [
        ("ours-fp32", "sentence-transformers", 2.0, True),
        ("ours-fp32", "onnx-int8", 0.75, False),
    ]


def test_the_answer_in_a_querys_place_is_the_only_one_that_counts():
    # First query: its answer comes first, 1. Second: second, 1 / log2(3) = 0.6309. Mean 0.8155.
    scores = np.array([[0.9, 0.1, 0.2], [0.8, 0.5, 0.1]])
    assert peers.ndcg_at_10(scores) == pytest.approx(0.8155, abs=1e-4)


def test_a_peer_that_cannot_be_installed_is_told_with_the_reason(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: slow\nERROR: No matching distribution found for nobody\n")
    monkeypatch.setattr(peers.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(RuntimeError, match="No matching distribution found for nobody"):
        peers.environment(peers.Engine("nobody-x", packages=("nobody",)), tmp_path)


def test_growth_makes_the_same_corpus_each_time_and_no_text_twice(tmp_path):
    first, again = ([growth.document(n) for n in range(300)] for _ in range(2))
    assert first == again
    assert len(set(first)) == 300
    assert all(100 <= len(text) <= 500 for text in first)


@pytest.mark.slow
def test_the_script_for_a_gpu_runs_dry_on_the_processor(tmp_path):
    done = subprocess.run(
        ["bash", "bench/gpu.sh", str(tmp_path), "dry"],
        cwd=ROOT,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equality, fp32: a cosine is off by" in done.stdout
    rows = json.loads((tmp_path / "page.json").read_text())["rows"]
    assert all(row["percent_of_limit"] is None or 0 <= row["percent_of_limit"] < 100 for row in rows)
    assert {path.stem for path in tmp_path.glob("*.json")} == {
        "equality",
        "page",
        "corpus",
        "suite",
        "suite-peer",
        "training",
    }
