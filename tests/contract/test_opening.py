"""One way to open a model: whoever asks, prompts and options mean the same, and nothing is imported in vain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from koe5_demo.benchmark import commands
from koe5_demo.cli import build_parser, main
from koe5_demo.encoding.opening import ModelOptions, open_model
from koe5_demo.prompts import resolve_prompts
from koe5_demo.records import Prompts, Role
from koe5_demo.settings import Settings, load_settings
from tiny_models import build_tiny_bert, build_tiny_mini, build_tiny_xlmr

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["서울은 대한민국의 수도이다.", "짧다", "가나다라 " * 400]
HEAVY = ("transformers", "sentence_transformers", "sklearn", "scipy", "pandas", "huggingface_hub", "datasets")
PROGRAM = """
import json, sys
from koe5_demo.cli import main
codes = [main(arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps({"codes": codes, "imported": [name for name in json.loads(sys.argv[2]) if name in sys.modules]}))
"""
ASK = Prompts("ask: ", "doc: ")
OWN = Prompts("own q: ", "own p: ")


@pytest.fixture
def ask_and_doc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOE5_QUERY_PROMPT", "ask: ")
    monkeypatch.setenv("KOE5_PASSAGE_PROMPT", "doc: ")


def test_the_environments_prompts_hold_for_ranking_and_benchmark_alike(
    ask_and_doc: None, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOE5_DATA_DIR", str(tmp_path / "data"))
    options = build_parser().parse_args(["benchmark", "--model", str(tiny_folder)])
    measured = commands._loader(options, load_settings())(str(tiny_folder)).info
    ranked = open_model(str(tiny_folder), load_settings()).info
    assert measured.prompts == ASK
    assert measured.fingerprint == ranked.fingerprint
    data, runs = tmp_path / "few", tmp_path / "runs"
    (data / "qrels").mkdir(parents=True)
    (data / "corpus.jsonl").write_text('{"_id": "d1", "text": "서울"}\n{"_id": "d2", "text": "부산"}\n', "utf-8")
    (data / "queries.jsonl").write_text('{"_id": "q1", "text": "수도"}\n', "utf-8")
    (data / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n", "utf-8")
    code = main(["benchmark", "--dataset", str(data), "--model", str(tiny_folder), "--output", str(runs)])
    assert code == 0
    result = json.loads(next(runs.glob("*/*.json")).read_text("utf-8"))
    assert result["koe5_demo"]["manifest"]["model"]["prompts"] == {"query": "ask: ", "passage": "doc: "}


@pytest.mark.parametrize("command", ["benchmark", "calibrate", "rank", "similarity", "encode", "export"])
def test_every_command_that_opens_a_model_takes_prompts(command: str) -> None:
    required = {
        "rank": ["--query", "q", "--passage", "p"],
        "similarity": ["--text", "t"],
        "encode": ["--input", "i", "--role", "query", "--output", "o.npy"],
        "export": ["--output", "o"],
    }
    given = [command, *required.get(command, []), "--query-prompt", "ask: ", "--passage-prompt", ""]
    options = build_parser().parse_args(given)
    given = ModelOptions.of(options).prompts(Settings())
    assert resolve_prompts(OWN, given, in_catalog=False) == Prompts("ask: ", "")


def test_options_go_before_the_environment_and_that_leaves_the_catalog_alone() -> None:
    environment = replace(Settings(), query_prompt="ask: ", passage_prompt="doc: ")

    def prompts(settings: Settings, options: ModelOptions, *, in_catalog: bool) -> Prompts:
        return resolve_prompts(OWN, options.prompts(settings), in_catalog=in_catalog)

    assert prompts(environment, ModelOptions(), in_catalog=False) == ASK
    assert prompts(environment, ModelOptions(query_prompt=""), in_catalog=False) == Prompts("", "doc: ")
    assert prompts(environment, ModelOptions(), in_catalog=True) == OWN
    assert prompts(environment, ModelOptions(query_prompt="ask: "), in_catalog=True) == Prompts("ask: ", "own p: ")
    assert prompts(replace(environment, passage_prompt=None), ModelOptions(), in_catalog=False) == (
        Prompts("ask: ", "own p: ")
    )
    assert prompts(Settings(), ModelOptions(), in_catalog=False) == OWN


def run_quick(calls: list[list[str]]) -> dict[str, object]:
    """Call the command line in one fresh process; return its codes and which heavy packages it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(calls), json.dumps(HEAVY)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_models_of_the_known_shapes_need_neither_transformers_nor_sentence_transformers(tmp_path) -> None:
    builds = (build_tiny_mini, build_tiny_xlmr, build_tiny_bert)
    folders = [str(build(tmp_path / build.__name__)) for build in builds]
    asked = ["--query", "서울", "--passage", "서울은 수도이다.", "--format", "json"]
    told = run_quick([["rank", "--model", folder, *asked] for folder in folders])
    assert told == {"codes": [0, 0, 0], "imported": []}


@pytest.mark.parametrize("tokenizer_class", [None, "XLMRobertaTokenizer"])
@pytest.mark.parametrize("bits", [4, 8])
def test_weights_in_few_bits_give_what_the_exported_folder_gives(tmp_path, bits: int, tokenizer_class: str) -> None:
    folder, output = build_tiny_mini(tmp_path / "mini", bits=bits, tokenizer_class=tokenizer_class), tmp_path / "plain"
    assert main(["export", "--model", str(folder), "--output", str(output), "--dtype", "float32"]) == 0
    encoder = open_model(str(folder), Settings())
    assert encoder.info.engine == "padding-free"
    assert encoder.info.prompts == Prompts("query: ", "passage: ")
    plain = SentenceTransformer(str(output), device="cpu")
    assert plain.prompts == {"query": "query: ", "passage": "passage: ", "document": "passage: "}
    for role, prompt in ((Role.QUERY, "query: "), (Role.PASSAGE, "passage: ")):
        encoded = encoder.encode(TEXTS, role)
        expected = plain.encode(TEXTS, prompt_name=role.value, normalize_embeddings=True)
        np.testing.assert_allclose(encoded.vectors, expected, atol=1e-6)
        uncut = [len(ids) for ids in plain.tokenizer([prompt + text for text in TEXTS])["input_ids"]]
        assert encoded.n_tokens.tolist() == uncut
        assert encoded.truncated.tolist() == [False, False, True]
    for text in TEXTS:
        tokens = encoder.encode_tokens(text, Role.QUERY)
        whole = plain.tokenizer("query: " + text, return_offsets_mapping=True, truncation=True, max_length=512)
        spans = [span for span in tokens.spans.tolist() if span != [-1, -1]]
        assert spans == [list(span) for span in whole["offset_mapping"] if span[0] != span[1]]


def test_an_export_is_float16_unless_asked_and_still_computed_in_float32(tmp_path, tiny_folder: Path) -> None:
    given = ["export", "--model", str(tiny_folder), "--query-prompt", "query: ", "--passage-prompt", "passage: "]
    assert main([*given, "--output", str(tmp_path / "half")]) == 0
    assert main([*given, "--output", str(tmp_path / "whole"), "--dtype", "float32"]) == 0
    half, whole = ((tmp_path / name / "model.safetensors").stat().st_size for name in ("half", "whole"))
    assert 0.45 < half / whole < 0.55
    model = SentenceTransformer(str(tmp_path / "half"), device="cpu")
    assert str(model[0].model.dtype) == "torch.float32"
    expected = SentenceTransformer(str(tiny_folder), device="cpu").encode("query: 서울", normalize_embeddings=True)
    np.testing.assert_allclose(model.encode("서울", prompt_name="query"), expected, atol=1e-3)
    card = (tmp_path / "half/README.md").read_text("utf-8")
    assert open_model(str(tiny_folder), Settings()).info.revision in card


def test_an_export_of_another_shape_goes_through_the_library(tmp_path) -> None:
    folder, output = build_tiny_xlmr(tmp_path / "model", pooling="max"), tmp_path / "plain"
    given = ["--query-prompt", "ask: ", "--dtype", "float32"]
    assert main(["export", "--model", str(folder), "--output", str(output), *given]) == 0
    got = SentenceTransformer(str(output), device="cpu").encode("서울", prompt_name="query")
    expected = SentenceTransformer(str(folder), device="cpu").encode("ask: 서울", normalize_embeddings=True)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_an_export_to_a_filled_folder_or_of_a_server_is_refused_and_leaves_nothing(tmp_path, capsys) -> None:
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled/mine.txt").write_text("mine")
    assert main(["export", "--model", "mini", "--output", str(tmp_path / "filled")]) == 2
    assert str(tmp_path / "filled") in capsys.readouterr().err
    assert main(["export", "--model", "endpoint:http://127.0.0.1:9", "--output", str(tmp_path / "new")]) == 2
    assert "--model" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["filled", "mine.txt"]


def test_an_export_takes_an_empty_folder_and_an_unfit_one_stays_unwritten(tmp_path, tiny_folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["export", "--model", str(tiny_folder), "--output", str(tmp_path / "empty")]) == 0
    assert (tmp_path / "empty/modules.json").is_file()
    broken = build_tiny_bert(tmp_path / "broken")
    (broken / "config.json").write_text("{")
    assert main(["export", "--model", str(broken), "--output", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    assert not list(tmp_path.glob(".none-*"))
