"""A live run runs the Scenario that was asked for: every field of it, but for its length."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.library import sheets
from advisor.advice.scenario import scenario_from, scenario_of
from advisor.advice.yaml_json import document_kind, read_mapping
from core.errors import InvalidInput
from core.units import DAY_S
from simulator.arrivals import BurstArrivals, ClosedArrivals, DailyArrivals, TraceArrivals
from simulator.live.run import engine
from simulator.live.run.design_run import DesignSetup
from simulator.live.run.machine_capacity import CAUTIOUS
from simulator.live.run.run_plan import plan_live_run
from simulator.live.run.window import Window, cut_window, simulate_window
from simulator.recordings.reader import read_recording
from simulator.scenario import Scenario
from simulator.traces import Trace
from tests.fakes.naive_scenarios import as_live_run_has_it, durations_of, scenarios, trace_of

EXAMPLES = Path(__file__).parents[2] / "examples"
LENGTH = {"arrivals", "backlog_jobs", "jobs", "duration_s", "warmup_jobs"}


def fields(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {path: value}
    values: dict[str, Any] = {}
    for name, below in value.items():
        values |= fields(below, f"{path}.{name}".lstrip("."))
    return {name: below for name, below in values.items() if name != "provider.outages"}


def changed(asked: Scenario, ran: Scenario) -> set[str]:
    before, after = fields(asked.model_dump()), fields(ran.model_dump())
    return {name for name in before.keys() | after.keys() if before.get(name, ...) != after.get(name, ...)}


def require_as_written(asked: Scenario, ran: Scenario) -> None:
    """But for when a stream's first byte comes, since no answer of a live run is streamed."""
    others = {name for name in changed(asked, ran) if name.split(".")[0] not in LENGTH} - {"first_token_s"}
    assert ran.first_token_s is None
    assert not others, {
        name: (fields(asked.model_dump()).get(name), fields(ran.model_dump()).get(name)) for name in others
    }
    if isinstance(asked.arrivals, ClosedArrivals):
        assert ran.arrivals == asked.arrivals
    else:
        assert isinstance(ran.arrivals, TraceArrivals) and ran.arrivals.speed == 1


def require_window_as_written(asked: Scenario, window: Window) -> None:
    require_as_written(asked, window.scenario)
    assert ("answers that are not streamed" in window.words) == asked.counts_first_byte


def template(name: str) -> Scenario:
    answers = answers_from({"template": name})
    return scenario_of(Evaluation.from_answers(answers)).model_copy(update={"hybrid": None})


def example(name: str) -> tuple[Scenario, Trace | None]:
    """An example; the invented hour replaces recordings that are not shipped."""
    scenario = scenario_from(read_mapping((EXAMPLES / name).read_bytes(), name))
    trace = None
    if isinstance(scenario.arrivals, TraceArrivals):
        with (EXAMPLES / "bursty-hour.csv").open("rb") as stream:
            trace = read_recording(stream).trace
    return scenario.model_copy(update={"hybrid": None, "autoscaling": None}), trace


@pytest.mark.parametrize("name", sorted(sheets()))
def test_every_template_runs_as_written(name: str) -> None:
    scenario = template(name)
    require_window_as_written(scenario, plan_live_run(scenario).window)


SCENARIOS = sorted(
    path.name
    for path in EXAMPLES.glob("*.yaml")
    if document_kind(read_mapping(path.read_bytes(), path.name)) == "scenario"
)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_example_runs_as_written(name: str) -> None:
    scenario, trace = example(name)
    require_window_as_written(scenario, plan_live_run(scenario, trace).window)


def cut(scenario: Scenario, length_s: float) -> Window | None:
    try:
        return cut_window(scenario, trace_of(scenario), durations_of(scenario), length_s)
    except InvalidInput:
        return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(scenario=scenarios(), length_s=st.sampled_from([3.0, 12.0, 25.0, 200.0]))
def test_any_scenario_runs_as_written(scenario: Scenario, length_s: float) -> None:
    window = cut(scenario, length_s)
    if window is not None:
        require_window_as_written(scenario, window)


def is_whole(scenario: Scenario) -> bool:
    """Whether a window of a day holds all of it; clients who wait for the next day's quota take longer."""
    if isinstance(scenario.arrivals, ClosedArrivals) and scenario.provider.requests_per_day is not None:
        return False
    return not isinstance(scenario.arrivals, BurstArrivals | DailyArrivals) and scenario.duration_s is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(scenario=scenarios().filter(is_whole))
def test_a_window_of_the_whole_workload_gives_the_kernels_own_account_of_the_scenario(scenario: Scenario) -> None:
    asked = as_live_run_has_it(scenario).model_copy(update={"warmup_jobs": 0})
    trace, drawn = trace_of(asked), durations_of(asked)
    window = cut_window(asked, trace, drawn, DAY_S)
    written = simulate_window(asked, trace, drawn)
    taken = simulate_window(window.scenario, window.trace, window.durations_s)
    for design, tally in written.items():
        assert taken[design].counts == tally.counts
        assert taken[design].provider_calls == tally.provider_calls
        np.testing.assert_allclose(taken[design].wait["mean"], tally.wait["mean"], rtol=1e-9)


def test_what_is_given_to_the_parts_of_each_design_is_the_scenario_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[DesignSetup] = []

    class Seen(Exception):
        pass

    def see(setup: DesignSetup, *_: object) -> None:
        given.append(setup)
        raise Seen

    monkeypatch.setattr(engine, "run_design", see)
    asked = Scenario.model_validate(
        {
            "jobs": 50,
            "arrivals": {"process": "poisson", "rate_per_s": 2},
            "service": {"distribution": "lognormal", "p50_s": 2, "p95_s": 5},
            "event_driven": {
                "consumers": 8,
                "queues": {"urgent": 30, "standard": 70},
                "discipline": "weighted",
                "accept_s": 0.5,
            },
        }
    )
    plan = plan_live_run(asked, workers="simple")
    for design in engine.DESIGNS:
        run = engine.LiveRun(
            folder=Path(),
            server=None,  # type: ignore[arg-type]  it starts nothing
            plan=plan,
            capacity=CAUTIOUS["simple"],
            machine=engine.MachineState(load=0.0, other_runs=0),
            workload="document_extraction",
            key=None,
            report=lambda _: None,
        )
        with pytest.raises(Seen):
            run.measure(design, simulate_window(plan.window.scenario, plan.window.trace, None)[design])
    assert [setup.design for setup in given] == list(engine.DESIGNS)
    assert {setup.workers for setup in given} == {"simple"}
    for setup in given:
        require_as_written(asked, setup.scenario)


def outages(*spans: tuple[float, float], length_s: float, **changes: object) -> tuple[list[tuple[float, float]], str]:
    scenario = Scenario.model_validate(
        {
            "jobs": 40_000,
            "arrivals": {"process": "regular", "rate_per_s": 2},
            "service": {"distribution": "deterministic", "mean_s": 1},
            "provider": {"outages": [{"start_s": start_s, "length_s": lasts_s} for start_s, lasts_s in spans]},
        }
        | changes
    )
    window = cut_window(scenario, None, None, length_s)
    return [
        (round(outage.start_s, 6), round(outage.length_s, 6)) for outage in window.scenario.provider.outages
    ], window.words


@pytest.mark.parametrize(
    ("spans", "length_s", "kept", "words"),
    [
        ([(500.0, 30.0)], 100.0, [(10.0, 30.0)], "100 seconds around the outage"),
        ([(500.0, 30.0), (2000.0, 50.0)], 100.0, [(10.0, 30.0), (1510.0, 50.0)], "30 seconds of 80 seconds of outage"),
        ([(500.0, 900.0)], 300.0, [(30.0, 120.0)], "(2 minutes of 15 minutes of outage)"),
        ([(0.0, 20.0)], 100.0, [(0.0, 20.0)], "around the outage"),
    ],
)  # fmt: skip
def test_outages_move_with_the_window_and_one_that_is_cut_is_said_to_be(
    spans: list[tuple[float, float]], length_s: float, kept: list[tuple[float, float]], words: str
) -> None:
    moved, label = outages(*spans, length_s=length_s)
    assert moved == kept
    assert words in label
    assert ("of outage" in words) == ("of outage" in label)


def test_an_outage_while_the_last_jobs_drain_keeps_its_length() -> None:
    moved, label = outages((9.0, 60.0), length_s=100.0, jobs=20)
    assert moved == [(9.0, 60.0)]
    assert label == "the whole workload"


def test_a_peak_without_the_outage_says_so() -> None:
    bursts = {"process": "bursts", "rate_per_s": 2, "peak_to_mean": 5, "peak_s": 60, "every_s": 3600}
    moved, label = outages((100.0, 60.0), length_s=300.0, arrivals=bursts)
    assert (moved, label) == ([], "5 minutes around the peak (without an outage)")


def test_without_its_warm_up_a_run_is_said_to_start_empty() -> None:
    assert outages(length_s=100.0, warmup_jobs=500)[1] == "the first 100 seconds (from an empty start)"
