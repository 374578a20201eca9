"""The endpoints of a started page: the documented examples run, and the JSON is the command line's."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from browser import Served
from doubles import alike
from koe5_demo.cli import main

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text("utf-8")
ENDPOINTS = ["/rank", "/similarity", "/embed", "/tokens", "/models", "/benchmark"]
QUERY, PASSAGES = "대한민국의 수도는?", ["부산은 항구 도시이다.", "서울은 대한민국의 수도이다."]


@pytest.fixture(scope="module")
def url(served: Served) -> str:
    return served.url


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE, flags=re.DOTALL)


def quick_and_slow(codes: list[str]) -> list[Any]:
    """Mark what encodes a whole data set."""
    return [pytest.param(code, marks=pytest.mark.slow) if 'models=["mini"' in code else code for code in codes]


@pytest.mark.parametrize("code", quick_and_slow(blocks("python")))
def test_the_documented_python_runs(url: str, code: str) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/api.md", "exec"), {"URL": url})
    assert out.getvalue().strip()


@pytest.mark.parametrize("code", blocks("bash"))
def test_the_documented_curl_runs(url: str, code: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", f'URL="{url}"\n{code}'], capture_output=True, text=True, check=True, timeout=120
    )
    assert "event: complete" in ran.stdout
    data = json.loads(ran.stdout.split("data: ", 1)[1])
    assert isinstance(data[0], dict)


def test_the_guide_shows_every_endpoint_both_ways() -> None:
    assert {f"/{name}" for name in re.findall(r"call/v2/([a-z]+)", GUIDE)} == set(ENDPOINTS)
    assert set(re.findall(r'api_name="(/\w+)"', GUIDE)) == set(ENDPOINTS)


def test_exactly_these_endpoints_are_open(url: str) -> None:
    with urllib.request.urlopen(f"{url}/gradio_api/info") as answer:
        info = json.load(answer)
    assert sorted(info["named_endpoints"]) == sorted(ENDPOINTS)
    assert info["unnamed_endpoints"] == {}
    for name, endpoint in info["named_endpoints"].items():
        assert endpoint["description"], name
        assert all(argument["type"] for argument in endpoint["parameters"]), name


def command_line(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_rank_answers_as_the_command_line_does(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.predict(queries=[QUERY], passages=PASSAGES, model="mini", api_name="/rank")
    options = [option for text in PASSAGES for option in ("--passage", text)]
    assert alike(answer, command_line("rank", "--query", QUERY, *options, "--model", "mini", capsys=capsys))


def test_similarity_answers_as_the_command_line_does(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.predict(texts=PASSAGES, role="passage", model="mini", api_name="/similarity")
    options = [option for text in PASSAGES for option in ("--text", text)]
    said = command_line("similarity", *options, "--role", "passage", "--model", "mini", capsys=capsys)
    assert alike(answer, said)


def test_models_are_told_as_the_command_line_does(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.predict(api_name="/models")
    said = command_line("models", capsys=capsys)
    states = {row["id"]: row.pop("state") for row in answer["models"]}
    assert answer == {"serving": "mini", **said}
    assert (states["mini"], states["koe5"]) == ("ready", "absent")


@pytest.mark.parametrize("model", ["bm25", pytest.param("mini", marks=pytest.mark.slow)])
def test_a_benchmark_is_told_as_the_command_line_does(
    client: Client, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.predict(dataset="ours", models=[model], api_name="/benchmark")
    said = command_line("benchmark", "--dataset", "ours", "--model", model, capsys=capsys)
    assert answer["failures"] == []
    (here,), (there,) = answer["runs"], said["runs"]
    assert (here["model"], here["dataset"], here["metrics"]) == (there["model"], there["dataset"], there["metrics"])
    assert set(here) == set(there)
    assert set(here["manifest"]) == set(there["manifest"])


def test_vectors_are_of_length_one_and_tokens_count_the_prefix(client: Client) -> None:
    vectors = client.predict(texts=["서울"], role="query", api_name="/embed")
    assert sum(x * x for x in vectors["vectors"][0]) == pytest.approx(1, abs=1e-5)
    assert len(vectors["vectors"][0]) == vectors["dimensions"]
    tokens = client.predict(texts=["서울"], role="query", api_name="/tokens")
    assert tokens["texts"][0]["sent"] == "query: 서울"
    assert tokens["texts"][0]["tokens"] == vectors["tokens"][0]


@pytest.mark.parametrize(
    ("arguments", "endpoint", "words"),
    [
        ({"queries": [], "passages": ["가"]}, "/rank", "There is no query"),
        ({"queries": ["가"], "passages": ["  "]}, "/rank", "There is no passage"),
        ({"queries": ["가"], "passages": ["나"], "top_k": 0}, "/rank", "top_k must be at least 1"),
        ({"queries": ["가"] * 51, "passages": ["나"]}, "/rank", "51 queries"),
        ({"queries": ["가"], "passages": ["나" * 100_001]}, "/rank", "100,001 characters"),
        ({"texts": ["가"], "role": "root"}, "/similarity", "Unknown role"),
        ({"texts": "가"}, "/embed", "must be a list"),
        ({"texts": [1]}, "/embed", "must be a list"),
        ({"texts": ["가"], "model": "someone/else"}, "/embed", "opens only the models of its list"),
        ({"texts": ["가"], "model": "/etc"}, "/tokens", "opens only the models of its list"),
        ({"texts": ["가"], "model": "../../app.py"}, "/embed", "opens only the models of its list"),
        ({"dataset": "/etc"}, "/benchmark", "dataset"),
    ],
)
def test_bad_arguments_get_the_documented_words(
    client: Client, arguments: dict[str, Any], endpoint: str, words: str
) -> None:
    with pytest.raises(Exception, match=re.escape(words)):
        client.predict(**arguments, api_name=endpoint)


def test_a_benchmark_refuses_models_outside_the_catalog(client: Client) -> None:
    answer = client.predict(dataset="ours", models=["bm25", "someone/else"], api_name="/benchmark")
    assert [run["model"]["id"] for run in answer["runs"]] == ["bm25"]
    assert "opens only the models" in answer["failures"][0]["error"]


def test_nobody_goes_round_the_queue(url: str) -> None:
    request = urllib.request.Request(
        f"{url}/gradio_api/run/rank",
        json.dumps({"data": [["가"], ["나"], "", None]}).encode(),
        {"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 404
