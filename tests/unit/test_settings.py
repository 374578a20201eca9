"""Environment variables are parsed in one place, and refused with their name."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from koe5_demo.cli import main
from koe5_demo.errors import SettingError
from koe5_demo.settings import Limits, Settings, endpoint_options, load_settings
from koe5_demo.ui.launch import require_free
from koe5_demo.words import Language


def test_nothing_set_gives_the_defaults() -> None:
    assert load_settings({}) == Settings()
    assert load_settings({"KOE5_MODEL": ""}) == Settings()


def test_every_kind_of_variable_is_parsed() -> None:
    settings = load_settings(
        {
            "KOE5_MODEL": "mini",
            "KOE5_PORT": "80",
            "KOE5_DTYPE": "BF16",
            "KOE5_LANG": "en",
            "KOE5_HUB_TIMEOUT": "2.5",
            "KOE5_ALLOW_CUSTOM_MODELS": "1",
            "KOE5_MAX_PASSAGES": "5",
        }
    )
    assert settings.model == "mini"
    assert settings.model_named
    assert (settings.port, settings.dtype, settings.language) == (80, "bf16", Language.EN)
    assert (settings.hub_timeout, settings.allow_custom_models) == (2.5, True)
    assert settings.limits == Limits(passages=5)


def test_an_empty_prompt_means_none_and_one_that_is_not_set_what_the_model_has() -> None:
    settings = load_settings({"KOE5_QUERY_PROMPT": ""})
    assert (settings.query_prompt, settings.passage_prompt) == ("", None)


def test_how_a_server_is_asked_is_a_setting() -> None:
    assert endpoint_options({"KOE5_ENDPOINT_BATCH": "", "KOE5_ENDPOINT_KEY": "secret"}) == {}
    assert endpoint_options(
        {
            "KOE5_ENDPOINT_TIMEOUT": "300",
            "KOE5_ENDPOINT_CONCURRENCY": "1",
            "KOE5_ENDPOINT_BATCH": "8",
            "KOE5_ENDPOINT_QUERY_BODY": '{"input_type": "query"}',
        }
    ) == {"timeout_s": 300, "concurrency": 1, "texts_per_request": 8, "query_body": {"input_type": "query"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KOE5_PORT", "0"),
        ("KOE5_PORT", "70000"),
        ("KOE5_PORT", "x"),
        ("KOE5_PORT", "²"),
        ("KOE5_BEHIND_PROXY", "10"),
        ("KOE5_DATA_DIR", "~nobody-of-this-name/x"),
        ("KOE5_MODEL", "a\nb"),
        ("KOE5_DEVICE", "tpu"),
        ("KOE5_DTYPE", "fp8"),
        ("KOE5_LANG", "fr"),
        ("KOE5_HUB_TIMEOUT", "-1"),
        ("KOE5_HUB_TIMEOUT", "soon"),
        ("KOE5_ALLOW_CUSTOM_MODELS", "maybe"),
        ("KOE5_MAX_PASSAGES", "0"),
        ("KOE5_ENDPOINT_TIMEOUT", "0"),
        ("KOE5_ENDPOINT_CONCURRENCY", "0"),
        ("KOE5_ENDPOINT_BATCH", "many"),
        ("KOE5_ENDPOINT_QUERY_BODY", "query"),
        ("KOE5_ENDPOINT_PASSAGE_BODY", "[1]"),
    ],
)
def test_a_bad_value_is_refused_with_name_and_value(name: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        load_settings({name: value})
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("KOE5_PORT", "1" * 5_000), ("KOE5_MODEL", "a" * 300)])
def test_an_endless_value_is_refused_in_one_short_line(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        load_settings({name: value})
    assert len(str(caught.value)) < 200


def test_proxies_are_counted() -> None:
    told = [load_settings({"KOE5_BEHIND_PROXY": value}).behind_proxy for value in ("0", "1", "true", "False", "2")]
    assert told == [0, 1, 1, 0, 2]
    assert load_settings({"SPACE_ID": "a/b"}).behind_proxy == 1


def test_without_a_home_folder_a_data_folder_is_asked_for_and_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(SettingError, match="KOE5_DATA_DIR"):
        load_settings({})
    assert load_settings({"KOE5_DATA_DIR": "/data"}).data_dir == Path("/data")


def test_a_port_that_is_taken_and_an_address_of_another_machine_are_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingError, match=f"port {port}.*KOE5_PORT"):
            require_free("127.0.0.1", port)
    require_free("127.0.0.1", port)
    with pytest.raises(SettingError, match="Cannot listen"):
        require_free("no-such-host.invalid", port)


def test_arguments_that_arrived_broken_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    broken = "수도".encode().decode("ascii", "surrogateescape")
    assert main(["rank", "--query", broken, "--passage", "b", "--model", "mini"]) == 2
    assert "LC_ALL=C.UTF-8" in capsys.readouterr().err
