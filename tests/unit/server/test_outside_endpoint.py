"""What an administrator may set to allow an outside endpoint: refused with the variable's name, and never shown with its value."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from pydantic import SecretStr
from pytest_django import Settings

from advisor.configuration import Configuration, Misconfigured, read_configuration
from advisor.decisions.external_endpoint import NEEDED, allowed_endpoint, endpoint_for, setup_hint
from core.errors import InvalidInput
from tests.fakes.outside import HOST, KEY, MODEL, allow
from tests.sites import ROOT, own_environment

URL = "CROSSOVER_EXTERNAL_URL"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://models.example/v1", "https"),
        ("ftp://models.example/v1", "address"),
        ("models.example/v1", "address"),
        ("https:///v1", "address"),
        ("https://me:hunter22@models.example/v1", "no user name"),
        ("https://hunter22@models.example/v1", "no user name"),
        ("https://models.example/v1?api-key=hunter22", "no query"),
        ("https://models.example/v1?", "no query"),
        ("https://models.example/v1#hunter22", "no fragment"),
        ("http://127.0.0.1.models.example/v1", "https"),
    ],
)
def test_an_address_that_will_not_do_is_refused_by_its_variables_name(
    monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    monkeypatch.setenv(URL, url)
    monkeypatch.setenv("CROSSOVER_EXTERNAL_KEY", KEY)
    with pytest.raises(Misconfigured, match=f"{URL}: .*{why}") as refused:
        read_configuration()
    text = f"{refused.value!r} {refused.value.__context__!r} {refused.value.__cause__!r}"
    assert "hunter22" not in text and KEY not in text


@pytest.mark.parametrize(
    "url", ["https://models.example/v1/", "http://127.0.0.1:8000/v1", "http://[::1]:1/v1", "http://localhost:11434/v1"]
)
def test_an_address_inside_tls_or_on_this_machine_will_do(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(URL, url)
    assert read_configuration().external_url == url.rstrip("/")


@pytest.mark.parametrize("key", ["short", "with a\nnewline", "schlüssel-mit-umlaut"])
def test_a_key_that_will_not_do_is_not_repeated(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("CROSSOVER_EXTERNAL_KEY", key)
    with pytest.raises(Misconfigured, match="CROSSOVER_EXTERNAL_KEY: ") as refused:
        read_configuration()
    assert key not in str(refused.value)


def test_a_command_ends_with_the_variables_name_and_no_traceback() -> None:
    environment = own_environment() | {URL: "https://me:hunter22@models.example", "CROSSOVER_MODE": "local"}
    environment |= {"CROSSOVER_DATA": str(django_settings.CONFIGURATION.data), "CROSSOVER_EXTERNAL_KEY": KEY}
    command = [sys.executable, str(ROOT / "manage.py"), "check"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 1
    assert f"{URL}: should hold no user name" in ended.stderr
    assert not [word for word in ("Traceback", "hunter22", KEY) if word in ended.stderr + ended.stdout]


def test_the_key_is_in_no_account_of_the_configuration() -> None:
    configuration = Configuration(external_key=SecretStr(KEY))
    text = f"{configuration!r} {configuration} {configuration.model_dump()} {configuration.model_dump_json()}"
    assert KEY not in text


def test_it_is_allowed_only_with_address_model_and_key(settings: Settings) -> None:
    assert allowed_endpoint() is None
    allow(settings)
    endpoint = allowed_endpoint()
    assert endpoint is not None and (endpoint.host, endpoint.model) == (HOST, MODEL)
    assert KEY not in f"{endpoint!r} {endpoint}"
    for missing in ("external_url", "external_model", "external_key"):
        allow(settings, **{missing: None})
        assert allowed_endpoint() is None
        assert setup_hint().endswith(f"not set: CROSSOVER_{missing.upper()}.")


def test_a_request_without_it_is_answered_with_how_to_allow_it() -> None:
    with pytest.raises(InvalidInput, match="endpoint: no outside endpoint is allowed here") as refused:
        endpoint_for("outside")
    assert all(name in str(refused.value) for name in NEEDED)
    with pytest.raises(InvalidInput, match="should be sample or outside"):
        endpoint_for("another")


def test_caps_are_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"URL": "https://models.example/v1", "MODEL": "m", "KEY": KEY, "MAX_CALLS": "30",
             "MAX_TOKENS_PER_CALL": "64", "MAX_SECONDS": "40", "RUNS_PER_DAY": "3",
             "TOKENS_FIELD": "max_completion_tokens"}  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"CROSSOVER_EXTERNAL_{name}", value)
    endpoint = allowed_endpoint(read_configuration())
    assert endpoint is not None and endpoint.runs_per_day == 3
    caps = endpoint.endpoint
    assert (caps.max_calls, caps.max_tokens_a_call, caps.max_seconds) == (30, 64, 40.0)
    assert (caps.calls_a_design, caps.seconds_a_design, caps.tokens_field) == (15, 20.0, "max_completion_tokens")
    assert not [name for name in os.environ if name.startswith("CROSSOVER_EXTERNAL") and name[19:] not in given]


def test_every_variable_of_it_is_documented() -> None:
    readme = (ROOT / "README.md").read_text()
    names = [f"CROSSOVER_{name.upper()}" for name in Configuration.model_fields if name.startswith("external_")]
    assert len(names) == 8
    assert not [name for name in names if name not in readme]
