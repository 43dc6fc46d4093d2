"""`simulate`: a FILE through both designs."""

import io
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from advisor.advice.answers import answers_from
from advisor.advice.consumer_search import advised_scenario
from advisor.advice.evaluation import Evaluation
from advisor.decisions.engines import Engine
from advisor.decisions.management import running
from core.errors import Problem
from simulator.experiment import Estimate
from simulator.live.errors import RunBroken
from simulator.replications import OnProgress, Progress
from simulator.result import Result, SoFar
from tests.fakes.outside import HOST, KEY, allow
from tests.unit.commands.conftest import Recorder, Run
from tests.unit.reports import results

Write = Callable[[str, str], str]
SCENARIO = "arrivals: {process: poisson, rate_per_s: 1}\nservice: {distribution: exponential, mean_s: 2}\n"
TRACED = "arrivals: {process: trace, path: arrivals.csv}\nservice: {distribution: exponential, mean_s: 2}\n"
TRACE = "timestamp\n0\n1.5\n4\n"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    given_options: list[dict[str, Any]] = []

    def simulate(*_: Any, **options: Any) -> Result:
        given_options.append(options)
        return results.result()

    engine = Engine(simulate, lambda *_: Estimate(jobs=1, memory_bytes=1), lambda *_: (), is_live=True)
    monkeypatch.setattr(running, "ENGINES", {"live": engine})
    return given_options


def test_the_verdict_is_the_first_line_and_the_figures_follow(run: Run, engine: Recorder) -> None:
    output = run("simulate", "-", stdin=f"deadline_s: 120\n{SCENARIO}")
    assert output.startswith("Only the event-driven design meets the deadline of 2 min")
    assert "66 ± 2 s" in output and "not reached" in output
    assert max(map(len, output.splitlines())) <= 100


def test_json_is_the_result_and_nothing_else(run_json: Callable[..., Any], engine: Recorder) -> None:
    output = run_json("simulate", "-", stdin=SCENARIO)
    assert set(output) == {field.alias or name for name, field in Result.model_fields.items()}


def test_answers_are_run_as_the_scenario_they_lead_to(run: Run, engine: Recorder) -> None:
    run("simulate", "-", stdin="template: email_triage")
    answers = answers_from({"template": "email_triage"})
    assert engine.scenario == advised_scenario(Evaluation.from_answers(answers))


def test_seed_and_replications_can_be_set(run: Run, engine: Recorder) -> None:
    run("simulate", "-", "--seed", "42", "--replications", "3", stdin=SCENARIO)
    assert engine.scenario is not None
    assert (engine.scenario.seed, engine.replications) == (42, 3)


@pytest.mark.parametrize(
    "arguments",
    [["--seed", "-1"], ["--seed", str(2**53)], ["--replications", "0"], ["--replications", "1e3"], ["--seed", "٣"]],
)
def test_numbers_out_of_range_are_refused(run: Run, engine: Recorder, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="must be a whole number from"):
        run("simulate", "-", *arguments, stdin=SCENARIO)


def test_a_trace_is_next_to_the_file_that_names_it(run: Run, engine: Recorder, write: Write) -> None:
    write("arrivals.csv", TRACE)
    run("simulate", write("scenario.yaml", TRACED))
    assert engine.trace is not None and engine.trace.requests == 3


def test_a_trace_of_standard_input_is_in_the_current_folder(
    run: Run, engine: Recorder, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("arrivals.csv", TRACE)
    monkeypatch.chdir(tmp_path)
    run("simulate", "-", stdin=TRACED)
    assert engine.trace is not None


def test_a_bad_row_of_a_trace_is_named(run: Run, engine: Recorder, write: Write) -> None:
    write("arrivals.csv", "timestamp\n0\n5\nsoon\n")
    with pytest.raises(CommandError, match=r"arrivals\.csv \(line 4\): the time 'soon'") as refused:
        run("simulate", write("scenario.yaml", TRACED))
    assert refused.value.returncode == 2


def test_the_id_of_an_upload_is_refused_on_the_command_line(run: Run, engine: Recorder) -> None:
    with pytest.raises(CommandError, match="give a file's path"):
        run("simulate", "-", stdin=TRACED.replace("path: arrivals.csv", "trace: 7f3a"))


def test_a_speed_is_for_the_live_engine(run: Run, engine: Recorder) -> None:
    with pytest.raises(CommandError, match="--speed: is for --engine live") as refused:
        run("simulate", "-", "--speed", "20", stdin=SCENARIO)
    assert refused.value.returncode == 2


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast"])
def test_a_speed_is_a_number_over_0(speed: str, run: Run) -> None:
    with pytest.raises((CommandError, SystemExit), match=r"--speed|2"):
        run("simulate", "-", "--engine", "live", "--speed", speed, stdin=SCENARIO)


@pytest.mark.parametrize(("option", "value"), [("--seconds", "60"), ("--workers", "simple")])
def test_length_and_workers_are_for_the_live_engine(run: Run, engine: Recorder, option: str, value: str) -> None:
    with pytest.raises(CommandError, match=f"{option}: is for --engine live"):
        run("simulate", "-", option, value, stdin=SCENARIO)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "86401", "long"])
def test_a_length_is_a_number_of_seconds_up_to_a_day(seconds: str, run: Run) -> None:
    with pytest.raises((CommandError, SystemExit), match=r"must be from 1 to 86,400 seconds, such as 60|2"):
        run("simulate", "-", "--engine", "live", "--seconds", seconds, stdin=SCENARIO)


@pytest.mark.slow
def test_length_and_workers_reach_the_live_engine_and_the_plan_is_printed_first(
    run: Run, live: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    run("simulate", "-", "--engine", "live", "--seconds", "90", "--workers", "simple", "--speed", "2", stdin=SCENARIO)
    assert (live[0]["seconds"], live[0]["workers"]) == (90, "simple")
    text = capsys.readouterr().err.replace("\xa0", " ")
    assert "2 times as fast: about" in text and "arriving for 90 s" in text


def test_without_a_choice_workers_are_threads_and_the_length_is_left_to_the_plan(
    run: Run, live: list[dict[str, Any]]
) -> None:
    run("simulate", "-", "--engine", "live", stdin=SCENARIO)
    assert (live[0]["seconds"], live[0]["workers"]) == (None, "threads")


def test_what_the_workers_cannot_do_is_refused_before_anything_starts(run: Run) -> None:
    scenario = f"event_driven: {{consumers: 61}}\n{SCENARIO}"
    with pytest.raises(CommandError, match=r"event_driven.consumers: forking workers are at most 60") as refused:
        run("simulate", "-", "--engine", "live", "--workers", "forking", stdin=scenario)
    assert refused.value.returncode == 2


def test_an_outside_endpoint_is_for_the_live_engine(run: Run, engine: Recorder) -> None:
    with pytest.raises(CommandError, match="--endpoint: is for --engine live") as refused:
        run("simulate", "-", "--endpoint", "outside", stdin=SCENARIO)
    assert refused.value.returncode == 2


def test_an_outside_endpoint_that_is_not_allowed_is_refused_with_how_to_allow_it(run: Run) -> None:
    with pytest.raises(CommandError, match="--endpoint: no outside endpoint is allowed here") as refused:
        run("simulate", "-", "--engine", "live", "--endpoint", "outside", stdin=SCENARIO)
    assert refused.value.returncode == 2
    assert "CROSSOVER_EXTERNAL_URL, CROSSOVER_EXTERNAL_MODEL and CROSSOVER_EXTERNAL_KEY" in str(refused.value)


def test_the_spending_limit_of_an_outside_endpoint_is_printed_before_the_run(
    run: Run, live: list[dict[str, Any]], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    allow(settings)
    run("simulate", "-", "--engine", "live", "--endpoint", "outside", stdin=SCENARIO)
    (options,) = live
    assert options["external"].host == HOST
    assert options["key"].get_secret_value() == KEY
    text = capsys.readouterr().err
    assert f"at {HOST} answers, in real time: at most " in text
    assert KEY not in text


def test_the_sample_endpoint_needs_no_permission(run: Run, live: list[dict[str, Any]], settings: Settings) -> None:
    allow(settings)
    run("simulate", "-", "--engine", "live", "--speed", "3", stdin=SCENARIO)
    assert live[0]["speed"] == 3
    assert "key" not in live[0] and "external" not in live[0]


def test_a_run_too_large_is_refused_with_the_limit(run: Run, engine: Recorder) -> None:
    engine.memory_bytes = 64 << 30
    with pytest.raises(CommandError, match=r"68\.7 GB of memory, over the limit") as refused:
        run("simulate", "-", stdin=SCENARIO)
    assert refused.value.returncode == 2
    assert engine.scenario is None


def test_what_the_engine_does_not_do_is_refused(run: Run, engine: Recorder) -> None:
    engine.problems = (Problem("autoscaling", "this engine does not scale"),)
    with pytest.raises(CommandError, match="autoscaling") as refused:
        run("simulate", "-", stdin=SCENARIO)
    assert refused.value.returncode == 2
    assert engine.scenario is None


def test_service_times_come_from_a_file_next_to_the_scenario(
    run_json: Callable[..., Any], write: Callable[[str, str], str]
) -> None:
    write("durations.csv", "duration_s\n2.5\n2.5\n")
    file = write(
        "w.yaml",
        "jobs: 50\narrivals: {process: regular, rate_per_s: 0.1}\nservice: {distribution: empirical, path: durations.csv}\n",
    )
    assert run_json("simulate", file, "--replications", "1")["synchronous"]["latency_s"]["max"] == pytest.approx(2.5)


def test_the_kernel_really_runs(run_json: Callable[..., Any]) -> None:
    output = run_json("simulate", "-", "--replications", "2", "--seed", "5", stdin=f"jobs: 2000\n{SCENARIO}")
    assert (output["seed"], output["replications"]) == (5, 2)
    assert output["synchronous"]["offered"] == output["event_driven"]["offered"] == 4000


BROKEN = SoFar(
    speed=10,
    window="w",
    synchronous=results.result().synchronous,
    event_driven=results.result().event_driven,
    finished=("synchronous",),
    failed="accept of the event-driven design was killed by signal 9 (SIGKILL).",
)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(*_: Any, **options: Any) -> Result:
        raise RunBroken(BROKEN)

    engine = Engine(simulate, lambda *_: Estimate(jobs=1, memory_bytes=1), lambda *_: (), is_live=True)
    monkeypatch.setattr(running, "ENGINES", {"live": engine})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_live_run_that_a_signal_stops_prints_what_it_had_measured(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    number: signal.Signals,
    code: int,
) -> None:
    measured = BROKEN.model_copy(update={"failed": None})

    def simulate(*_: Any, on_progress: OnProgress, **options: Any) -> Result:
        on_progress(Progress("Running", 0.6, measured))
        signal.raise_signal(number)
        raise AssertionError("it goes on")

    engine = Engine(simulate, lambda *_: Estimate(jobs=1, memory_bytes=1), lambda *_: (), is_live=True)
    monkeypatch.setattr(running, "ENGINES", {"live": engine})
    before, output = signal.getsignal(signal.SIGTERM), io.StringIO()
    at_sigint = signal.signal(signal.SIGINT, signal.default_int_handler)  # as on a terminal
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, at_sigint))
    with pytest.raises(CommandError, match=f"the live run stopped: It was stopped by {number.name}") as stopped:
        call_command(
            "simulate", write("scenario.yaml", SCENARIO), "--engine", "live", "--format", "json", stdout=output
        )
    assert stopped.value.returncode == code
    printed = SoFar.model_validate_json(output.getvalue())
    assert printed == measured.model_copy(update={"failed": f"It was stopped by {number.name}."})
    assert signal.getsignal(signal.SIGTERM) == before


def printed_by_a_broken_run(write: Write, *arguments: str) -> str:
    output = io.StringIO()
    with pytest.raises(CommandError, match=r"the live run stopped: accept of .* was killed by signal 9") as failed:
        call_command("simulate", write("scenario.yaml", SCENARIO), "--engine", "live", *arguments, stdout=output)
    assert failed.value.returncode == 1
    return output.getvalue()


@pytest.mark.usefixtures("broken")
def test_a_live_run_that_breaks_prints_what_it_had_measured(write: Write) -> None:
    printed = printed_by_a_broken_run(write)
    assert "the live run stopped: accept of the event-driven design was killed" in " ".join(printed.split())
    header = next(line for line in printed.splitlines() if line.startswith("Figure"))
    assert "Event-driven, until it stopped" in header and "Synchronous, until" not in header
    assert "66 ± 2 s" in printed


@pytest.mark.usefixtures("broken")
def test_a_live_run_that_breaks_is_one_json_object_with_the_reason(write: Write) -> None:
    printed = json.loads(printed_by_a_broken_run(write, "--format", "json"))
    assert printed["failed"] == BROKEN.failed
    assert printed["finished"] == ["synchronous"]
    assert SoFar.model_validate(printed) == BROKEN
