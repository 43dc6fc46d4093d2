"""`advise`: the recommendation on the command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from advisor.advice.answers import answers_from
from advisor.advice.contract import Recommendation
from advisor.advice.recommendation import advise
from advisor.reports.document.advice import RULE_TITLES
from tests.unit.commands.conftest import Run

Write = Callable[[str, str], str]
TRACE = "timestamp\n" + "\n".join(str(second) for second in range(100)) + "\n"


def test_the_verdict_is_the_first_line(run: Run) -> None:
    output = run("advise", "-", stdin="template: document_extraction")
    assert output.splitlines()[0].startswith("Event-driven")
    assert "\nWHY\n" in output
    in_one_line = " ".join(output.split())
    assert all(RULE_TITLES[reason.rule] in in_one_line for reason in advise(answers_from({})).reasons)


def test_json_is_the_recommendation_and_nothing_else(run_json: Callable[..., Any]) -> None:
    output = run_json("advise", "-", stdin="{}")
    assert set(output) == {field.alias or name for name, field in Recommendation.model_fields.items()}
    assert output == advise(answers_from({})).model_dump(mode="json", by_alias=True)


def test_yaml_and_json_say_the_same(run: Run, write: Write) -> None:
    as_yaml = write("answers.yaml", "processing: {p50_s: 0.4, p95_s: 0.9}\n")
    as_json = write("answers.json", '{"processing": {"p50_s": 0.4, "p95_s": 0.9}}')
    assert run("advise", as_yaml) == run("advise", as_json)


def test_no_line_is_wider_than_100_columns(run: Run) -> None:
    for template in ("document_extraction", "chat_assistant", "batch_enrichment"):
        lines = run("advise", "-", stdin=f"template: {template}").splitlines()
        assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("processing:\n  p95_s: -3\n", "standard input: processing.p95_s (line 2): must be at least 0.001, not -3"),
        ("bogus: 1", "standard input: bogus (line 1): there is no such field"),
        ("a: &x 1\nb: *x", "standard input (line 1): anchors are not allowed"),
        ("{", "standard input (line 1): is not YAML"),
        ("arrivals: {process: poisson, rate_per_s: 1}\ncaller: {kind: nobody}", "give one of the two"),
        ("arrivals: {process: poisson, rate_per_s: 1}", "is a Scenario; this command takes Answers"),
    ],
)
def test_bad_input_is_refused_with_field_line_and_reason(run: Run, given: str, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("advise", "-", stdin=given)
    assert refused.value.returncode == 2
    assert message in str(refused.value)


def test_every_problem_is_reported_at_once(run: Run) -> None:
    with pytest.raises(CommandError) as refused:
        run("advise", "-", stdin="processing: {p50_s: -1}\nvolume: {mean_rate_per_s: 0}")
    assert len(str(refused.value).splitlines()) == 2


def test_a_missing_file_is_named(run: Run) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.yaml: there is no such file") as refused:
        run("advise", "nowhere.yaml")
    assert refused.value.returncode == 2


def test_a_folder_is_no_file(run: Run, tmp_path: object) -> None:
    with pytest.raises(CommandError, match="cannot be read") as refused:
        run("advise", str(tmp_path))
    assert refused.value.returncode == 2


def test_a_traces_own_rate_is_advised_on(run: Run, write: Write) -> None:
    write("arrivals.csv", TRACE)
    recorded = write("answers.yaml", "volume: {trace: arrivals.csv}")
    stated = write("stated.yaml", "volume: {trace: arrivals.csv, mean_rate_per_s: 3}")
    assert run("advise", recorded) != run("advise", stated)


def test_a_missing_trace_is_named(run: Run, write: Write) -> None:
    with pytest.raises(CommandError, match=r"volume\.trace: there is no file .*arrivals\.csv"):
        run("advise", write("answers.yaml", "volume: {trace: arrivals.csv}"))


LIBRARY = """
hops: [{name: our_gateway, title: Our gateway, limit_s: 3, kind: total, source: our runbook, checked: "2026-11-24"}]
profiles: [{name: our_server, title: Our server, requests_per_minute: 6, source: measured, checked: "2026-11-24"}]
"""


def test_the_hops_and_profiles_of_a_library_file_override_the_shipped_ones(
    run_json: Callable[..., Any], write: Write
) -> None:
    own = write("library.yaml", LIBRARY)
    by_hop = run_json("advise", "-", "--library", own, stdin="synchronous: {hops: [our_gateway]}")
    assert any("3 s" in reason for reason in by_hop["infeasible"]["synchronous"])
    by_profile = run_json("advise", "-", "--library", own, stdin="provider: {profile: our_server}")
    by_hand = run_json("advise", "-", stdin="provider: {profile: null, requests_per_minute: 6, max_concurrency: null}")
    assert by_profile["concurrency"] == by_hand["concurrency"]
    assert by_profile["concurrency"]["bound_by"] == "requests per minute"


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (LIBRARY.replace("limit_s: 3", "limit_s: soon"), "hops.0.limit_s"),
        (LIBRARY.replace("source: our runbook, ", ""), "hops.0.source"),
        (LIBRARY.replace("name: our_server, ", ""), "profiles.0.name"),
        ("hops: 3", "hops (line 1): must be a list"),
        ("hop: []", "hop (line 1): there is no such field"),
        ("hops: [nginx]", "must be an entry with its name and figures"),
    ],
)
def test_a_wrong_library_file_is_refused_with_the_field(run: Run, write: Write, library: str, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("advise", "-", "--library", write("library.yaml", library), stdin="{}")
    assert message in str(refused.value) and refused.value.returncode == 2


@pytest.mark.slow
def test_advice_does_not_import_the_drawing_packages() -> None:
    """matplotlib and its like take longer to load than the advice takes."""
    look = "import sys; from advisor.decisions.management.commands import advise, export; print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {look}"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        cwd=Path(__file__).parents[3],
    ).stdout
    assert "'advisor.reports.formats.pdf'" in loaded
    assert not {"'matplotlib'", "'plotly'"} & set(loaded.strip("[]\n").split(", "))
