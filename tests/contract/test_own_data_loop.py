"""Test, train on one's own data, test again: the three commands of docs/own-data.md, on the example and a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

for package in ("datasets", "accelerate", "pyarrow", "tensorboard"):
    pytest.importorskip(package)

from koe5_demo.catalog import ASSETS  # noqa: E402
from koe5_demo.cli import main  # noqa: E402
from tiny_models import build_tiny_xlmr  # noqa: E402

EXAMPLE = ASSETS / "own-example"


@pytest.mark.slow
def test_what_the_docs_say_runs_from_the_first_test_to_the_second(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KOE5_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOE5_QUERY_PROMPT", "query: ")
    monkeypatch.setenv("KOE5_PASSAGE_PROMPT", "passage: ")
    tiny = build_tiny_xlmr(tmp_path / "tiny", max_tokens=96)
    triplets, trained = tmp_path / "triplets.jsonl", tmp_path / "mine"

    def measure(questions: str, model: Path, *more: str) -> dict:
        files = ["--dataset", str(EXAMPLE / questions), "--distractors", str(EXAMPLE / "passages.csv")]
        assert main(["benchmark", *files, "--model", str(model), "--no-variants", "--format", "json", *more]) == 0
        return json.loads(capsys.readouterr().out)

    before = measure("test.csv", tiny)
    mined = measure("train.csv", tiny, "--triplets", str(triplets), "--margin", "0")  # its scores lie close together
    rows = [json.loads(line) for line in triplets.read_text("utf-8").splitlines()]
    assert 0 < len(rows) <= mined["counts"]["judgements"] == 20
    assert all(set(row) == {"query", "document", "hard_negative"} for row in rows)
    assert all(row["document"] != row["hard_negative"] for row in rows)
    data = ["--base", str(tiny), "--data", str(triplets), "--batch-size", str(min(8, len(rows)))]
    options = ["--learning-rate", "1e-3", "--max-steps", "3", "--device", "cpu", "--output", str(trained)]
    assert main(["train", "--recipe", "koe5", *data, *options]) == 0
    capsys.readouterr()
    after = measure("test.csv", trained)
    assert after["counts"] == before["counts"]
    hits = [each["answer"]["systems"][0]["hits"] for each in (before, after)]
    assert all(0 <= n <= 20 for n in hits)
    prints = [each["runs"][0]["manifest"]["model"]["fingerprint"] for each in (before, after)]
    assert prints[0] != prints[1]  # it is another model that was measured the second time
