"""The seed's recipe, on a model small enough for a test: its numbers, its loss, its prompts, its exact resume."""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

for package in ("datasets", "accelerate", "pyarrow", "tensorboard"):
    pytest.importorskip(package)

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.sentence_transformer.losses import (  # noqa: E402
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)

from koe5_demo.errors import DataError, HubError, InputError, MissingExtraError, ModelLoadError  # noqa: E402
from koe5_demo.settings import Settings  # noqa: E402
from koe5_demo.training import commands  # noqa: E402
from koe5_demo.training.base import base_files, open_base  # noqa: E402
from koe5_demo.training.device import Architecture, Device, find_device, fit_mini_batch, memory_bytes  # noqa: E402
from koe5_demo.training.evaluation import load_retrieval_set  # noqa: E402
from koe5_demo.training.recipe import KOE5_RECIPE, WHEEL_BASE, Recipe, Run, departures  # noqa: E402
from koe5_demo.training.report import card_text  # noqa: E402
from koe5_demo.training.run import train_recipe  # noqa: E402
from koe5_demo.training.run_folder import last_complete_checkpoint  # noqa: E402
from koe5_demo.training.trainer import LengthSortedLoss, build_trainer  # noqa: E402
from koe5_demo.training.triplets import load_triplets  # noqa: E402
from koe5_demo.words import Language  # noqa: E402
from tiny_models import build_tiny_xlmr  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
N_ROWS, BATCH, STEPS = 40, 8, 5
WORDS = ("바다", "산", "강물", "도시의 법률", "검색", "문장", "헌법 조문", "학교 앞 서점", "날씨", "기차역")


def rows(n: int = N_ROWS) -> list[dict[str, str]]:
    """Return triplets of uneven length, all different."""
    return [
        {
            "query": f"{WORDS[i % 10]} {i}",
            "document": f"{WORDS[i % 10]} 이야기 {i}. " * (1 + i % 4),
            "hard_negative": f"{WORDS[(i + 1) % 10]} 아닌 것 {i}. " * (1 + i % 3),
        }
        for i in range(n)
    ]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Bits depend on how many threads share a sum; one is also the fastest for models of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return build_tiny_xlmr(tmp_path_factory.mktemp("base") / "tiny", max_tokens=64)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows()), "utf-8")
    return path


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks") / "little"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{i}", "text": f"{word} 이야기"} for i, word in enumerate(WORDS)]
    queries = [{"_id": f"q{i}", "text": f"{word}?"} for i, word in enumerate(WORDS)]
    for name, records in (("corpus", corpus), ("queries", queries)):
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    qrels = "".join(f"q{i}\td{i}\t1\n" for i in range(len(WORDS)))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels, "utf-8")
    return folder


@pytest.fixture
def run(tiny, data, tmp_path) -> Run:
    recipe = replace(
        KOE5_RECIPE, base=str(tiny), base_revision=None, data=str(data), batch_size=BATCH, learning_rate=1e-3
    )
    return Run(recipe, tmp_path / "out", mini_batch_size=3, device="cpu", save_steps=2, log_steps=1)


def test_the_recipe_has_the_numbers_of_the_seed():
    assert KOE5_RECIPE.base == "intfloat/multilingual-e5-large"
    assert KOE5_RECIPE.base_revision == "ab10c1a7f42e74530fe7ae5be82e6d4f11a719eb"
    assert KOE5_RECIPE.data == "nlpai-lab/ko-triplet-v1.0"
    assert KOE5_RECIPE.n_triplets == 700_000
    assert KOE5_RECIPE.loss == "CachedMultipleNegativesRankingLoss" == LengthSortedLoss.__bases__[0].__name__
    assert (KOE5_RECIPE.batch_size, KOE5_RECIPE.learning_rate, KOE5_RECIPE.epochs) == (512, 1e-5, 1)
    assert KOE5_RECIPE.max_tokens == 512
    assert list(KOE5_RECIPE.prompts.by_column().items()) == [
        ("query", "query: "),
        ("document", "passage: "),
        ("hard_negative", "document: "),
    ]
    assert departures(KOE5_RECIPE) == {}
    assert departures(replace(KOE5_RECIPE, batch_size=64, seed=1)) == {"batch_size": 64}


def features(model: SentenceTransformer, n: int = 7) -> list[dict[str, Any]]:
    prompts = KOE5_RECIPE.prompts.by_column()
    return [dict(model.preprocess([row[name] for row in rows(n)], prompt=prompt)) for name, prompt in prompts.items()]


def value_and_gradients(model: SentenceTransformer, loss: torch.nn.Module) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    value = loss(features(model), None)
    value.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    return float(value.detach()), found


@pytest.mark.parametrize("kind", [CachedMultipleNegativesRankingLoss, LengthSortedLoss])
@pytest.mark.parametrize("mini_batch_size", [1, 3, 7, 64])
def test_the_cached_loss_equals_the_plain_loss_in_value_and_gradients(tiny, kind, mini_batch_size):
    model = SentenceTransformer(str(tiny), device="cpu").double()
    # Dropout off: the plain loss draws its masks in another order, so only without them the two are the same sum.
    model.eval()
    value, gradients = value_and_gradients(model, MultipleNegativesRankingLoss(model, scale=20.0))
    cached, found = value_and_gradients(model, kind(model, scale=20.0, mini_batch_size=mini_batch_size))
    assert cached == pytest.approx(value, rel=1e-12)
    assert found.keys() == gradients.keys()
    assert len(found) > 30
    for name, gradient in gradients.items():
        # The library carries the cached gradients over in float32 (24 bits, 6e-8), whatever the model computes in. A
        # gradient that is 0 by its nature (the bias of the keys, which the softmax takes out) is noise around 1e-18.
        tolerance = 1e-6 * float(gradient.abs().max()) + 1e-12
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=tolerance)


def test_the_second_pass_of_the_cached_loss_replays_the_dropout_of_the_first(tiny):
    """With dropout the embeddings of both passes must agree, or the cached gradients belong to other embeddings."""
    model = SentenceTransformer(str(tiny), device="cpu")
    model.train()
    seen: list[torch.Tensor] = []
    model.register_forward_hook(lambda _module, _given, out: seen.append(out["sentence_embedding"].detach()))
    torch.manual_seed(0)
    LengthSortedLoss(model, mini_batch_size=3)(features(model), None).backward()
    half = len(seen) // 2
    assert half == 9  # three columns of 7 texts in mini-batches of 3, 3 and 1
    assert all(torch.equal(first, second) for first, second in zip(seen[:half], seen[half:], strict=True))
    again = model(features(model)[0])["sentence_embedding"]
    assert not torch.equal(again[:3], seen[0])


def test_each_role_gets_its_own_prefix_in_the_token_ids_that_reach_the_model(run, tiny):
    model = open_base(base_files(run.recipe), run.recipe, find_device("cpu"))
    triplets = load_triplets(run.recipe.data)
    trainer = build_trainer(run, model, triplets, None, find_device("cpu"))
    batch = next(iter(trainer.get_train_dataloader()))
    given, _ = trainer.collect_features(batch)
    tokenizer = model.tokenizer
    by_text = {column: {row[column] for row in rows()} for column in ("query", "document", "hard_negative")}
    for feature, (column, prompt) in zip(given, KOE5_RECIPE.prompts.by_column().items(), strict=True):
        assert len(feature["input_ids"]) == BATCH
        prefix = tokenizer(prompt.strip(), add_special_tokens=False)["input_ids"]
        for ids in feature["input_ids"].tolist():
            assert ids[0] == tokenizer.bos_token_id
            assert ids[1 : 1 + len(prefix)] == prefix
            text = tokenizer.decode(ids, skip_special_tokens=True)
            assert text.startswith(prompt)
            whole = {known.strip() for known in by_text[column]}
            # A text that was cut at the model's limit is the start of one.
            assert any(known.startswith(text.removeprefix(prompt).strip()) for known in whole)


def test_no_batch_holds_a_text_twice_and_the_seed_decides_the_order(run, tmp_path):
    doubled = [*rows(12), *({**row, "query": "다른 " + row["query"]} for row in rows(12))]
    path = tmp_path / "doubled.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in doubled), "utf-8")
    triplets = load_triplets(str(path))
    assert triplets.report.n_kept == 24

    def batches(seed: int) -> list[list[int]]:
        chosen = replace(run, recipe=replace(run.recipe, seed=seed), output=tmp_path / str(seed))
        trainer = build_trainer(
            chosen,
            open_base(base_files(run.recipe), run.recipe, find_device("cpu")),
            triplets,
            None,
            find_device("cpu"),
        )
        return list(trainer.get_train_dataloader().batch_sampler)

    first = batches(1)
    for batch in first:
        texts = [text for place in batch for text in doubled[place].values()]
        assert len(texts) == len(set(texts))
    assert first == batches(1)
    assert first != batches(2)


def test_both_passes_of_the_cached_loss_run_in_bf16_where_the_run_says_so(run, data):
    """The second pass happens inside backward, outside the trainer's autocast: it must not fall back to fp32."""
    model = open_base(base_files(run.recipe), run.recipe, find_device("cpu"))
    device = replace(find_device("cpu"), bf16=True)
    trainer = build_trainer(replace(run, max_steps=1), model, load_triplets(str(data)), None, device)
    seen: list[tuple[torch.dtype, bool]] = []
    linear = next(module for module in model.modules() if isinstance(module, torch.nn.Linear))
    linear.register_forward_hook(lambda _module, _given, out: seen.append((out.dtype, torch.is_grad_enabled())))
    trainer.train()
    assert set(seen) == {(torch.bfloat16, False), (torch.bfloat16, True)}
    assert next(model.parameters()).dtype == torch.float32


KILLED = """
import json, os, signal, sys
from koe5_demo.training.run import train_recipe
from koe5_demo.training.recipe import Recipe, Run, KOE5_RECIPE
from dataclasses import replace
from pathlib import Path

recipe = replace(KOE5_RECIPE, base=sys.argv[1], base_revision=None, data=sys.argv[2], batch_size=8, learning_rate=1e-3)
run = Run(recipe, Path(sys.argv[3]), mini_batch_size=3, device="cpu", save_steps=2, log_steps=1)

def die(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

train_recipe(replace(run, evaluation=Path(sys.argv[4])), on_progress=die)
"""


@pytest.mark.slow
def test_a_run_that_was_killed_and_resumed_ends_with_the_weights_of_one_that_was_not(
    run, benchmark, tiny, data, tmp_path
):
    whole = replace(run, output=tmp_path / "whole", evaluation=benchmark)
    report = train_recipe(whole)
    assert report["steps"] == STEPS == -(-N_ROWS // BATCH)

    cut = tmp_path / "cut"
    script = [sys.executable, "-c", KILLED, str(tiny), str(data), str(cut), str(benchmark)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(script, cwd=ROOT, env=env, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
    assert not (cut / "model.safetensors").exists()
    # What a kill in the middle of writing leaves: a newer folder without its end.
    half = cut / "checkpoints" / "checkpoint-4"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert last_complete_checkpoint(cut / "checkpoints") == cut / "checkpoints" / "checkpoint-2"

    notices: list[str] = []
    resumed = replace(whole, output=cut, resume=True)
    # Another number of threads sums in another order: the run takes back the number it began with.
    torch.set_num_threads(2)
    second = train_recipe(resumed, on_notice=lambda notice: notices.append(notice.key))
    assert "train_notice_resumed" in notices
    assert torch.get_num_threads() == 1
    assert second["steps_of_this_process"] == STEPS - 2
    first_weights = load_file(tmp_path / "whole" / "model.safetensors")
    second_weights = load_file(cut / "model.safetensors")
    assert first_weights.keys() == second_weights.keys()
    assert all(torch.equal(first_weights[name], second_weights[name]) for name in first_weights)
    assert second["evaluation"] == report["evaluation"]
    assert second["loss_last"] == report["loss_last"]

    # Killed before the first checkpoint, all that is left is what was begun.
    early = tmp_path / "early"
    early.mkdir()
    shutil.copy(cut / "run.json", early)
    torch.set_num_threads(2)
    third = train_recipe(replace(resumed, output=early))
    assert third["steps_of_this_process"] == STEPS
    assert json.loads((early / "run.json").read_text("utf-8"))["threads"] == 1
    # Training moved the weights at all, and dropout was on: without it the loss is another.
    base = load_file(tiny / "model.safetensors")
    assert not torch.equal(
        base["embeddings.word_embeddings.weight"], first_weights["embeddings.word_embeddings.weight"]
    )
    assert SentenceTransformer(str(tiny))[0].auto_model.config.hidden_dropout_prob == 0.1
    assert train_recipe(resumed) == json.loads((cut / "report.json").read_text("utf-8"))


def test_a_run_leaves_a_model_a_card_a_report_and_logs(run, benchmark):
    lines: list[str] = []
    steps: list[tuple[int, int]] = []
    report = train_recipe(
        replace(run, evaluation=benchmark, max_steps=2),
        on_progress=lambda done, total: steps.append((done, total)),
        on_notice=lambda notice: lines.append(notice.text(Language.EN)),
    )
    assert steps == [(1, 2), (2, 2)]
    assert any("step 2 of 2" in line and line.endswith("0:00:00 left") for line in lines)
    assert any("little_cosine NDCG@10" in line for line in lines)
    assert json.loads((run.output / "report.json").read_text("utf-8")) == report
    assert list((run.output / "logs").glob("events.out.tfevents.*"))
    scores = report["evaluation"]
    assert 0 <= scores["before"]["cosine_ndcg@10"] <= 1
    card = (run.output / "README.md").read_text("utf-8")
    assert f"{scores['after']['cosine_ndcg@10']:.4f}" in card
    assert "not** KoE5" in card
    assert str(run.recipe.base) not in card  # the path of somebody's machine
    assert "base_model" not in card  # a folder has no name on the hub
    assert f"| steps | 2, {report['epochs_done']:.3g} passes over the data" in card
    assert report["epochs_done"] == pytest.approx(
        2 / math.ceil(report["data"]["n_kept"] / run.recipe.batch_size), abs=1e-4
    )

    model = SentenceTransformer(str(run.output), device="cpu")
    assert model.prompts["query"] == "query: "
    assert model.prompts["document"] == model.prompts["passage"] == "passage: "


@pytest.mark.parametrize(
    ("base", "model"),
    [
        (WHEEL_BASE, "intfloat/multilingual-e5-small"),
        ("me5-large", "intfloat/multilingual-e5-large"),
        ("a/b@main", "a/b"),
    ],
)
def test_the_card_names_the_base_as_the_hub_knows_it(run, base: str, model: str):
    report = train_recipe(replace(run, max_steps=1))
    report["recipe"]["base"] = base
    assert f"\nbase_model: {model}\n" in card_text(report)


def test_a_folder_with_a_run_is_neither_overwritten_nor_resumed_as_another_run(run):
    train_recipe(replace(run, max_steps=1))
    with pytest.raises(InputError, match="--resume"):
        train_recipe(replace(run, max_steps=1))
    (run.output / "report.json").unlink()
    other = replace(run, max_steps=1, resume=True, recipe=replace(run.recipe, learning_rate=2e-3))
    with pytest.raises(InputError, match=r"run\.recipe\.learning_rate: 0\.001 -> 0\.002"):
        train_recipe(other)


def test_resume_without_a_run_is_refused(run):
    with pytest.raises(InputError, match="no run to resume"):
        train_recipe(replace(run, resume=True))


def test_a_batch_that_devices_cannot_share_is_refused(run, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="8 cannot be shared equally by 3"):
        train_recipe(run)


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.add_parsers(parser.add_subparsers())
    return parser.parse_args(["train", *words])


def call(*words: str) -> int:
    args = parse(*words)
    code: int = args.func(args, Settings())
    return code


def test_dry_run_prints_the_plan_and_trains_nothing(tiny, data, tmp_path, capsys):
    words = ("--base", str(tiny), "--data", str(data), "--batch-size", "8", "--device", "cpu", "--dry-run")
    assert call(*words, "--output", str(tmp_path / "out")) == 0
    printed = capsys.readouterr().out
    assert "40" in printed
    assert str(tiny) in printed
    assert call(*words, "--format", "json", "--rate", "2") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["steps"], plan["rows"], plan["columns"], plan["rate_tflops"]) == (5, 40, 3, 2.0)
    assert plan["parameters"] == sum(weight.numel() for weight in SentenceTransformer(str(tiny)).parameters())
    # Hours are operations by rate, and the operations at least 8 a matrix parameter and token.
    assert plan["hours"] == pytest.approx(plan["petaflop"] * 1e15 / 2e12 / 3600)
    matrices = 2 * (4 * 32 * 32 + 2 * 32 * 128)
    assert plan["petaflop"] * 1e15 > 8 * matrices * plan["padded_tokens"]
    assert plan["padded_tokens"] >= plan["tokens"] > 40 * 3 * 5
    assert not (tmp_path / "out").exists()


def test_dry_run_of_the_published_recipe_needs_neither_data_nor_weights(capsys):
    assert call("--dry-run", "--format", "json", "--device", "cpu") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["steps"] == 1_368  # 700,000 / 512 = 1,367.2
    assert plan["parameters"] == 559_890_432


def test_dry_run_of_minis_recipe_needs_no_weights_either(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KOE5_DATA_DIR", str(tmp_path))
    words = ("--recipe", "mini", "--data", str(data), "--batch-size", "8", "--device", "cpu")
    assert call(*words, "--dry-run", "--format", "json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["base"], plan["rows"]) == (WHEEL_BASE, 40)
    # 12 layers of 1,774,464 (matrices 1,769,472; biases and norms 9 x 384 + 1,536), words 22,000 x 384, places and kind
    # 513 x 384, norm 768, pooler 147,840.
    assert plan["parameters"] == 12 * (1_769_472 + 4_992) + (22_000 + 513) * 384 + 768 + 147_840


def test_the_memory_estimate_chooses_the_mini_batch_and_refuses_what_cannot_fit():
    shape = Architecture()
    # 16 bytes a parameter, 2 a matrix weight in bf16, 1.5 GiB; then 64 x 512 tokens x 24 layers x 1024 x 86 bytes.
    fixed = 16 * 559_890_432 + 2 * 301_989_888 + 1.5 * 2**30
    assert memory_bytes(shape, 64, 512, bf16=True) == fixed + 64 * 512 * 24 * 1024 * 86
    sizes = [fit_mini_batch(shape, Device("gpu", gb * 10**9, bf16=True), 512, 512) for gb in (24, 80, 141)]
    assert sizes == [8, 32, 64]
    assert fit_mini_batch(shape, Device("gpu", 141 * 10**9, bf16=True), 16, 512) == 16
    with pytest.raises(InputError, match="This needs"):
        fit_mini_batch(shape, Device("gpu", 8 * 10**9, bf16=True), 512, 512)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--max-steps", "0"), "--max-steps cannot be 0"),
        (("--learning-rate", "nan"), "--learning-rate cannot be nan"),
        (("--batch-size", "many"), "--batch-size cannot be many"),
        (("--device", "tpu"), "--device cannot be 'tpu'"),
        (("--columns", "query"), "query=NAME,positive=NAME"),
        (("--recipe", "mini", "--dry-run"), "no training data"),
        (("--resume", "--output", "/nowhere/at/all"), "no run to resume"),
        (("--dry-run", "--data", "/nowhere/at/all"), "no training data '/nowhere/at/all'"),
    ],
)
def test_a_bad_option_is_refused_in_one_line(words, told):
    with pytest.raises((InputError, DataError)) as caught:
        call(*words)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_base_out_of_reach_is_told_with_the_option_that_helps(run, monkeypatch):
    def unreachable(*_args, **_given):
        raise HubError("hub_unreachable", name="some/base", endpoint="https://hub", reason="no route")

    monkeypatch.setattr("koe5_demo.training.base.fetch_files", unreachable)
    with pytest.raises(HubError, match=r"https://hub.*some/base.*no route.*--base"):
        train_recipe(run)


def test_a_base_that_brings_its_own_code_is_refused(run, tiny, tmp_path):
    folder = tmp_path / "foreign"
    shutil.copytree(tiny, folder)
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    modules[0]["type"] = "somebody.Elses"
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    with pytest.raises(ModelLoadError, match=r"somebody\.Elses"):
        train_recipe(replace(run, recipe=replace(run.recipe, base=str(folder))))


def test_a_missing_package_is_told_with_its_pip_line(monkeypatch):
    monkeypatch.setattr(commands, "PACKAGES", ("a_package_that_is_not_there",))
    with pytest.raises(MissingExtraError, match=r"a-package-that-is-not-there.*requirements-train\.txt"):
        call()


def test_typed_options_reach_the_run_and_another_base_loses_the_pinned_commit():
    args = parse(
        "--base", "some/model", "--seed", "7", "--columns", "query=a,positive=b", "--eval", "folder", "--no-sort"
    )
    made = commands.run_from(commands.given_values(args), args)
    assert (made.recipe.base, made.recipe.base_revision, made.recipe.seed) == ("some/model", None, 7)
    assert made.columns == ("a", "b", None)
    assert (made.evaluation, made.sort_by_length) == (Path("folder"), False)
    assert made.recipe.batch_size == Recipe().batch_size


def test_the_command_line_resumes_the_stored_run_and_refuses_other_values(run, data, tiny, capsys, tmp_path):
    out = str(tmp_path / "cli")
    words = ("--base", str(tiny), "--data", str(data), "--batch-size", "8", "--output", out, "--device", "cpu")
    assert call(*words, "--max-steps", "1") == 0
    report = json.loads(capsys.readouterr().out)
    (Path(out) / "report.json").unlink()
    with pytest.raises(InputError, match="--seed 42 -> 1"):
        call("--resume", "--output", out, "--seed", "1")
    assert call("--resume", "--output", out) == 0
    assert json.loads(capsys.readouterr().out)["recipe"] == report["recipe"]


def test_the_evaluator_reads_the_benchmark_folder(benchmark):
    assert len(load_retrieval_set(benchmark).queries) == len(WORDS)
