"""Loading from the hub, against a local server that answers as the hub does and misbehaves as hubs do."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from conftest import use_hub
from hub_stand_in import HubStandIn
from koe5_demo.catalog import KOE5
from koe5_demo.encoding.hub import RemoteFile, cached_folder, needed_files
from koe5_demo.encoding.opening import fetch_files, find_source, load_encoder, local_files
from koe5_demo.errors import HubError, ModelLoadError, UnknownModelError
from koe5_demo.records import Role

TEXTS = ["서울은 대한민국의 수도이다.", "짧다", "가나다라 " * 400]


def test_koe5_is_downloaded_at_its_pinned_revision_with_progress(hub: HubStandIn) -> None:
    seen: list[tuple[int, int]] = []
    encoder = load_encoder("koe5", on_progress=lambda done, total: seen.append((done, total)))
    assert encoder.info.hub_id == "nlpai-lab/KoE5"
    assert encoder.info.revision == KOE5.revision
    assert any(f"/resolve/{KOE5.revision}/model.safetensors" in request for request in hub.requests)
    done = [progress for progress, _ in seen]
    total = seen[-1][1]
    assert done == sorted(done)
    assert done[-1] == total > 0
    assert any(0 < progress < total for progress in done)


def test_vectors_equal_those_of_sentence_transformers_with_the_prompt(hub: HubStandIn, tiny_folder: Path) -> None:
    encoder = load_encoder("koe5", dtype="fp32")
    reference = SentenceTransformer(str(tiny_folder), device="cpu")
    for role, prompt in ((Role.QUERY, "query: "), (Role.PASSAGE, "passage: "), (Role.NONE, "")):
        expected = reference.encode(TEXTS, prompt=prompt, normalize_embeddings=True)
        np.testing.assert_allclose(encoder.encode(TEXTS, role).vectors, expected, atol=1e-6)


def test_token_counts_and_the_cut_at_512_equal_the_tokenizers(hub: HubStandIn, tiny_folder: Path) -> None:
    encoder = load_encoder("koe5")
    tokenizer = SentenceTransformer(str(tiny_folder), device="cpu").tokenizer
    encoded = encoder.encode(TEXTS, Role.PASSAGE)
    expected = [len(tokenizer("passage: " + text)["input_ids"]) for text in TEXTS]
    assert encoded.n_tokens.tolist() == expected
    assert encoded.max_tokens == 512
    assert encoded.tokens_used.tolist() == [min(count, 512) for count in expected]
    assert encoded.truncated.tolist() == [False, False, True]
    assert encoder.count_tokens(TEXTS, Role.PASSAGE).tolist() == expected


def test_a_second_load_makes_no_request(hub: HubStandIn) -> None:
    load_encoder("koe5")
    hub.requests.clear()
    load_encoder("koe5")
    assert hub.requests == []


def test_a_downloaded_model_loads_when_the_hub_is_gone(
    hub: HubStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_encoder("koe5").encode(TEXTS, Role.QUERY).vectors
    use_hub("http://127.0.0.1:9", tmp_path / "hub-cache", monkeypatch)
    after = load_encoder("koe5").encode(TEXTS, Role.QUERY).vectors
    # Two openings may have measured two ways of computing to be the fastest ones: equal but for rounding.
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_hub_that_is_down_is_named_with_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_hub("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(HubError, match=r"http://127\.0\.0\.1:9"):
        load_encoder("koe5")


@pytest.mark.parametrize("fault", ["slow", "hang"])
def test_a_hub_that_drips_or_hangs_is_given_up_in_time(hub: HubStandIn, fault: str) -> None:
    hub.fault = fault
    start = time.monotonic()
    with pytest.raises(HubError) as caught:
        load_encoder("koe5", hub_timeout=1.0)
    assert caught.value.key == "hub_unreachable"
    assert time.monotonic() - start < 10  # the promise of the page, not a measure of speed


@pytest.mark.parametrize(("fault", "key"), [("404", "hub_not_found"), ("500", "hub_unreachable")])
def test_an_error_of_the_hub_becomes_a_clear_message(hub: HubStandIn, fault: str, key: str) -> None:
    hub.fault = fault
    with pytest.raises(HubError) as caught:
        load_encoder("koe5")
    assert caught.value.key == key


def test_a_revision_that_the_hub_lacks_is_named(hub: HubStandIn) -> None:
    with pytest.raises(HubError, match="0123456789") as caught:
        load_encoder("nlpai-lab/KoE5@0123456789012345678901234567890123456789")
    assert caught.value.key == "hub_not_found"


def test_a_file_that_breaks_off_is_reported_and_not_taken_for_complete(
    hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It tries again and again, a second apart.
    monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda _seconds: None))
    hub.fault = "truncated"
    with pytest.raises(HubError) as caught:
        load_encoder("koe5")
    assert caught.value.key == "hub_incomplete"
    assert cached_folder(KOE5.hub_id or "", KOE5.revision) is None
    assert local_files(find_source("koe5")) is None
    hub.fault = None
    assert load_encoder("koe5").info.revision == KOE5.revision


def test_main_is_resolved_to_the_commit_it_points_to(hub: HubStandIn) -> None:
    files = fetch_files(find_source("nlpai-lab/KoE5"), timeout=5.0)
    assert files.revision == KOE5.revision


def test_only_one_set_of_weights_is_fetched_and_no_foreign_formats() -> None:
    names = [
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "onnx/model.onnx",
        "onnx/config.json",
        "README.md",
    ]
    chosen = [file.path for file in needed_files(RemoteFile(name, 1) for name in names)]
    assert chosen == ["config.json", "model.safetensors"]
    without_safe = [file.path for file in needed_files(RemoteFile(name, 1) for name in names if "safe" not in name)]
    assert without_safe == ["config.json", "pytorch_model.bin"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match="koe5, me5-large"):
        find_source("koe-5")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError) as caught:
        find_source(str(tmp_path))
    assert caught.value.key == "model_not_a_folder"


def test_a_model_that_brings_its_own_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "os.path.join"}]')
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelLoadError, match=r"os\.path\.join"):
        load_encoder(str(tmp_path))
