"""The models and tasks people choose between today: held against the published results and MTEB's own definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

from koe5_demo.benchmark.datasets.registry import KOR_V2, KOR_V2_NAME, SUITES
from koe5_demo.benchmark.published import leaderboard, published_results
from koe5_demo.catalog import CATALOG, QWEN3_06B
from koe5_demo.encoding.opening import load_encoder
from koe5_demo.records import Role
from tiny_models import characters, save_model

TODAY = ("snowflake-ko", "pixie-rune", "bge-m3-ko", "me5-small-ko", "qwen3-0.6b")


@pytest.fixture(scope="module")
def mtebs() -> dict:
    """What mteb says of the suite's tasks, of the models, and how it words a query for Qwen."""
    mteb = pytest.importorskip("mteb")
    from mteb.models.model_implementations.qwen3_models import instruction_template
    from mteb.types import PromptType

    tasks = [task for task in mteb.get_benchmark(KOR_V2_NAME).tasks if task.metadata.type == "Retrieval"]
    said = mteb.get_task("AutoRAGRetrieval").metadata.prompt
    return {
        "tasks": {task.metadata.name: task for task in tasks},
        "models": {name: mteb.get_model_meta(CATALOG[name].hub_id) for name in TODAY},
        "qwen": instruction_template(said, PromptType.query),
    }


@pytest.mark.slow  # mteb alone takes seven seconds to import
def test_the_suite_of_today_is_mtebs_list_of_korean_retrieval_tasks_with_its_revisions(mtebs):
    tasks = mtebs["tasks"]
    assert {spec.task for spec in KOR_V2} == set(tasks)
    for spec in KOR_V2:
        task = tasks[spec.task]
        dataset = task.metadata.dataset
        assert (spec.hub_id, spec.revision) == (dataset["path"], dataset["revision"])
        assert spec.split in task.eval_splits
        assert spec.subset in task.hf_subsets


@pytest.mark.slow  # mteb alone takes seven seconds to import
def test_the_models_of_today_run_as_mteb_ran_them(mtebs):
    for name in TODAY:
        spec, theirs = CATALOG[name], mtebs["models"][name]
        assert (spec.revision, spec.parameters) == (theirs.revision, theirs.n_parameters)
        assert (spec.dimensions, spec.max_tokens) == (theirs.embed_dim, int(theirs.max_tokens))
        prompts = (theirs.loader_kwargs or {}).get("model_prompts")
        if prompts is not None:
            assert (spec.prompts.query, spec.prompts.passage) == (prompts["query"], prompts["document"])
    assert QWEN3_06B.prompts.query == mtebs["qwen"]
    assert QWEN3_06B.prompts.passage == ""


def test_their_revisions_are_those_of_the_published_results():
    published = {(result.model, result.revision) for result in published_results()}
    assert all((CATALOG[name].hub_id, CATALOG[name].revision) in published for name in TODAY)


def test_every_task_of_the_suite_has_published_rows():
    assert all(leaderboard(spec.task, spec.split, "ndcg_at_10") for spec in KOR_V2)
    assert SUITES[KOR_V2_NAME] is KOR_V2


def tiny_qwen(path: Path) -> Path:
    """A folder shaped like Qwen3-Embedding: causal, vector of the last token, padded on the left."""
    pieces = ["<pad>", "<end>", *characters()]
    tokenizer = Tokenizer(models.WordLevel({piece: n for n, piece in enumerate(pieces)}, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<pad>", eos_token="<end>", padding_side="left"
    )
    config = Qwen3Config(
        vocab_size=len(pieces),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=128,
        pad_token_id=0,
    )
    return save_model(path, Qwen3Model, config, fast, "lasttoken", prompts={"query": QWEN3_06B.prompts.query})


def test_a_model_of_qwens_shape_runs_through_sentence_transformers_with_its_instruction(tmp_path):
    from sentence_transformers import SentenceTransformer

    folder = tiny_qwen(tmp_path / "qwen")
    encoder = load_encoder(str(folder), prompts=QWEN3_06B.prompts)
    assert encoder.info.engine == "sentence-transformers"
    texts = ["서울은 어디?", "부산은 항구이다. 바다가 있다.", "가"]
    peer = SentenceTransformer(str(folder), device="cpu")
    for role, prompt in ((Role.QUERY, QWEN3_06B.prompts.query), (Role.PASSAGE, "")):
        theirs = peer.encode(texts, prompt=prompt, normalize_embeddings=True)
        np.testing.assert_allclose(encoder.encode(texts, role).vectors, theirs, atol=1e-5)
    assert not np.allclose(encoder.encode(texts, Role.QUERY).vectors, encoder.encode(texts, Role.PASSAGE).vectors)
