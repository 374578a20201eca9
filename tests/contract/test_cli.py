"""The command line, as its contract is written: run in this process, and once as a real program."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import use_hub
from koe5_demo import load_encoder
from koe5_demo.cli import main
from koe5_demo.records import Role

ROOT = Path(__file__).resolve().parents[2]
PASSAGES = ["--passage", "서울은 수도이다.", "--passage", "부산은 항구이다."]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("KOE5_"):
            monkeypatch.delenv(name)


def test_rank_prints_the_json_of_the_contract(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["rank", "--query", "수도", "--query", "항구", *PASSAGES, "--model", str(tiny_folder), "--format", "json"]
    )
    data = json.loads(capsys.readouterr().out)
    assert code == 0
    assert set(data["model"]) == {"id", "hub_id", "revision", "engine", "dtype", "device", "prompts", "notes"}
    assert [result["query"] for result in data["results"]] == ["수도", "항구"]
    for result in data["results"]:
        assert [hit["rank"] for hit in result["hits"]] == [1, 2]
        assert sorted(hit["index"] for hit in result["hits"]) == [0, 1]
        scores = [hit["score"] for hit in result["hits"]]
        assert scores == sorted(scores, reverse=True)
        assert set(result["hits"][0]) == {"rank", "index", "score", "tokens", "truncated", "passage"}


def test_rank_prints_csv_and_a_table(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["rank", "--query", "수도", *PASSAGES, "--model", str(tiny_folder), "--top-k", "1"]
    assert main([*command, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["rank"] for row in rows] == ["1"]
    assert main([*command, "--format", "table"]) == 0
    assert "수도" in capsys.readouterr().out


def test_rank_reads_passages_from_a_cp949_file(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "문단.csv"
    file.write_bytes("번호,본문\n1,서울은 수도이다.\n2,똠얌꿍\n".encode("cp949"))
    command = ["rank", "--query", "수도", "--passages-file", str(file), "--model", str(tiny_folder), "--format", "json"]
    assert main(command) == 0
    hits = json.loads(capsys.readouterr().out)["results"][0]["hits"]
    assert {hit["passage"] for hit in hits} == {"서울은 수도이다.", "똠얌꿍"}


def test_similarity_prints_the_matrix(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["similarity", "--text", "가", "--text", "나", "--text", "다", "--role", "query"]
    assert main([*command, "--model", str(tiny_folder), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"model", "texts", "matrix"}
    matrix = np.array(data["matrix"])
    assert matrix.shape == (3, 3)
    np.testing.assert_allclose(np.diag(matrix), 1, atol=1e-6)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_encode_writes_one_unit_row_a_line(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "texts.txt", tmp_path / "vectors.npy"
    source.write_text("하나\n둘\n셋\n", "utf-8")
    command = [
        "encode",
        "--input",
        str(source),
        "--role",
        "passage",
        "--output",
        str(target),
        "--model",
        str(tiny_folder),
    ]
    assert main(command) == 0
    vectors = np.load(target, allow_pickle=False)
    assert (vectors.shape, vectors.dtype) == ((3, 32), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3 x 32" in captured.err


def test_encode_cleans_texts_and_keeps_the_places_of_blank_ones(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "texts.jsonl", tmp_path / "vectors.npy"
    source.write_text('{"text": "서\\ud800울"}\n{"text": "부\\u0000산"}\n', "utf-8")
    command = ["encode", "--input", str(source), "--role", "passage", "--output", str(target), "--model", "mini"]
    assert main(command) == 0
    clean = load_encoder("mini").encode(["서\N{REPLACEMENT CHARACTER}울", "부산"], Role.PASSAGE).vectors
    # Two openings may have measured two ways of computing to be the fastest ones: equal but for rounding.
    np.testing.assert_allclose(np.load(target), clean, atol=1e-6)
    source.write_text('{"text": "서울"}\n{"text": "\\u200b"}\n', "utf-8")
    capsys.readouterr()
    assert main(command) == 0
    seoul = load_encoder("mini").encode(["서울"], Role.PASSAGE).vectors[0]
    np.testing.assert_allclose(np.load(target)[0], seoul, atol=1e-6)
    assert not np.load(target)[1].any()
    assert "빈 행 1개(행 2)" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_told_in_one_line(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert main(["rank", "--query", "가", *PASSAGES, "--model", str(tiny_folder), "--device", "cuda"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("output", [">/dev/full", ">&-"])
def test_a_full_or_closed_output_is_told_without_a_traceback(output: str) -> None:
    if output == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f"{shlex.quote(sys.executable)} -m koe5_demo models {output}"
    done = subprocess.run(command, shell=True, cwd=ROOT, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_cheap_commands_import_neither_torch_nor_gradio() -> None:
    script = (
        "import sys; from koe5_demo.cli import main; main(['models']); "
        "sys.exit(' '.join({'torch', 'transformers', 'sentence_transformers', 'gradio'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.stderr == b""


def test_ranking_brings_in_neither_torch_nor_gradio() -> None:
    script = "import sys, koe5_demo.ranking; sys.exit(int(bool({'torch', 'gradio'} & set(sys.modules))))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60).returncode == 0


def test_models_lists_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--format", "json"]) == 0
    models = {model["id"]: model for model in json.loads(capsys.readouterr().out)["models"]}
    small = {"me5-small-ko", "koen-e5-tiny", "mini"}
    today = {"snowflake-ko", "pixie-rune", "bge-m3-ko", "qwen3-0.6b"}
    assert set(models) == {"koe5", "me5-large", "bge-m3", "kure-v1", *today, *small}
    assert models["koe5"]["revision"] == "bc6d284c60fe5a973e74c1751b92594c9f581213"
    assert models["mini"]["cached"] is True
    assert main(["models"]) == 0
    assert "nlpai-lab/KoE5" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        ["rank", "--query", " ", *PASSAGES, "--model", "mini"],
        ["rank", "--query", "가", "--passage", "", "--model", "mini"],
        ["rank", "--query", "가", *PASSAGES, "--model", "no-such-model"],
        ["rank", "--query", "가", *PASSAGES, "--top-k", "0", "--model", "mini"],
        ["rank", "--query", "가", "--passages-file", "/nonexistent/x.txt", "--model", "mini"],
        ["rank", "--query", "가", *["--passage", "나"] * 1_001, "--model", "mini"],
        ["similarity", "--text", " ", "--model", "mini"],
        ["encode", "--input", "/nonexistent/x.txt", "--role", "passage", "--output", "x.npy", "--model", "mini"],
        ["encode", "--input", "x.txt", "--role", "passage", "--output", "x.bin", "--model", "mini"],
        ["encode", "--input", "x.txt", "--role", "passage", "--output", "/nonexistent/x.npy", "--model", "mini"],
        ["encode", "--input", "x.txt", "--role", "passage", "--output", "x.npy", "--model", "mini", "--workers", "2"],
        ["rank", "--query", "가", "--passage", "나", "--model", "no-such-model"],
        ["rank", "--query", "가", *PASSAGES, "--column", "본문", "--model", "mini"],
    ],
)
def test_bad_input_exits_with_2_and_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "command", [[], ["rank"], ["rank", "--query", "가"], ["similarity", "--text", "a", "--role", "x"]]
)
def test_wrong_options_exit_with_2_and_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_messages_follow_the_language_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOE5_LANG", "en")
    main(["rank", "--query", " ", *PASSAGES])
    assert capsys.readouterr().err.startswith("There is no query.")


def test_a_named_model_that_cannot_be_had_is_an_error_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_hub("http://127.0.0.1:9", tmp_path, monkeypatch)
    assert main(["rank", "--query", "가", *PASSAGES, "--model", "koe5"]) == 2
    assert capsys.readouterr().out == ""


def test_the_default_gives_way_to_the_embedded_model_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_hub("http://127.0.0.1:9", tmp_path, monkeypatch)
    assert main(["rank", "--query", "수도", *PASSAGES, "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["model"]["id"] == "mini"
    assert "not KoE5" in captured.err


def test_it_runs_as_a_program_with_clean_output() -> None:
    command = [
        sys.executable,
        "-m",
        "koe5_demo",
        "rank",
        "--query",
        "수도",
        *PASSAGES,
        "--model",
        "mini",
        "--format",
        "json",
    ]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, check=True)
    assert json.loads(done.stdout.decode("utf-8"))["results"][0]["hits"][0]["passage"] == "서울은 수도이다."


def test_the_package_offers_its_three_functions() -> None:
    from koe5_demo import rank, similarity

    encoder = load_encoder("mini")
    assert rank("수도", ["항구 도시", "나라의 수도"], encoder)[0].index == 1
    assert similarity(["가", "나"], encoder).shape == (2, 2)


def test_prompts_of_variables_leave_a_catalog_model_alone_and_those_of_options_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOE5_QUERY_PROMPT", "ask: ")
    monkeypatch.setenv("KOE5_PASSAGE_PROMPT", "")
    assert main(["rank", "--query", "수도", *PASSAGES, "--model", "mini"]) == 0
    assert "prompts 'query: ' 'passage: '" in capsys.readouterr().out
    assert main(["rank", "--query", "수도", *PASSAGES, "--model", "mini", "--query-prompt", ""]) == 0
    assert "prompts '' 'passage: '" in capsys.readouterr().out


def test_one_prompt_alone_leaves_the_other_as_it_is(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOE5_PASSAGE_PROMPT", "doc: ")
    command = ["rank", "--query", "수도", *PASSAGES, "--model", str(tiny_folder), "--query-prompt", "ask: "]
    assert main(command) == 0
    assert "prompts 'ask: ' 'doc: '" in capsys.readouterr().out


def test_a_query_that_is_nothing_but_its_prompt_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", "--query", "query: ", *PASSAGES, "--model", "mini"]) == 2
    assert capsys.readouterr().out == ""
