"""Each case of a closed set has all that it needs. Each failure says what to add, and in which file."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numba import njit

from advisor.advice.answers import answers_from
from advisor.advice.checks import CHECKS
from advisor.advice.contract import Method
from advisor.advice.delivery import OPTIONS
from advisor.advice.design_plan import plan_by_formulas
from advisor.advice.evaluation import Evaluation
from advisor.advice.handbook import entries
from advisor.advice.rules import RULES
from advisor.advice.scenario import scenario_of
from advisor.reports.formats import FORMATS
from advisor.reports.wording import METHODS, delivery_sentence
from core.closed_sets import members_of
from simulator.arrivals import Arrivals
from simulator.deliveries import Delivery
from simulator.kernel import layout
from simulator.kernel.draws import backoff_s, service_s
from simulator.kernel.event_driven import run_event_driven
from simulator.kernel.machine import draw_next_arrival
from simulator.live.run.support import PLAYED, find_unsupported
from simulator.lognormal import Lognormal
from simulator.plan import EVENT_DRIVEN, build_state, mean_service_s, rate_of, recorded_of
from simulator.retries import Jitter
from simulator.scenario import Discipline, Scenario
from simulator.services import Service
from simulator.tally import MIDDLES_S
from simulator.trace_columns import Floats
from simulator.traces import Trace
from tests.fakes.naive_draws import Draws
from tests.fakes.naive_scenarios import DURATIONS_S, scenarios
from tests.property.test_simulator_oracle import check
from tests.unit.advice.test_checks import WARNED
from tests.unit.advice.test_rules import FELT

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/unit/test_every_case.py"
SAMPLES = 100_000
DAY_S = 86_400.0


@dataclass(frozen=True)
class Example:
    given: Mapping[str, Any]
    mean: float
    variance: float


SIGMA = log(4 / 2) / 1.6448536269514722
ARRIVALS: dict[str, tuple[Mapping[str, Any], float, float]] = {
    "regular": ({"rate_per_s": 2.5}, 20.0, 0.0),
    "poisson": ({"rate_per_s": 2.5}, 20.0, 1.0),
    "gamma": ({"rate_per_s": 2.5, "cv": 1.5}, 200.0, 2.25),
    "bursts": ({"rate_per_s": 2.5, "peak_to_mean": 3.0, "peak_s": 4.0, "every_s": 20.0}, 20.0, 1.0),
    "daily": ({"rate_per_s": 0.002, "peak_to_mean": 1.6}, DAY_S, 1.0),
    "trace": ({"trace": "recorded", "speed": 2.0}, 20.0, 1.0),
    "backlog": ({"jobs": 60}, 0.0, 0.0),
    "closed": ({"clients": 3, "think_s": 2.0}, 0.0, 0.0),
}
WITHOUT_RATE = ("backlog", "closed")
"""Processes whose instants no window holds; tests/theory/test_backlog_and_closed_clients.py has what they claim."""
"""Of each process a window in s, and the variance of arrivals in it over their mean. The mean is the rate times the window."""
RECORDED = Trace(np.cumsum(np.random.default_rng(1).exponential(0.8, 4 * SAMPLES)))
"""Poisson arrivals, as a recording."""
SERVICES: dict[str, Example] = {
    "deterministic": Example({"mean_s": 2.0}, 2.0, 0.0),
    "exponential": Example({"mean_s": 2.0}, 2.0, 4.0),
    "lognormal": Example({"p50_s": 2.0, "p95_s": 4.0}, 2 * exp(SIGMA**2 / 2), 4 * exp(SIGMA**2) * (exp(SIGMA**2) - 1)),
    "gamma": Example({"mean_s": 2.0, "cv": 1.5}, 2.0, 9.0),
    "tokens": Example({"base_s": 1.0, "per_output_token_s": 0.01}, 2.0, 0.0),
    "empirical": Example({"path": "durations.csv"}, float(DURATIONS_S.mean()), float(DURATIONS_S.var())),
}
JITTERS: dict[str, tuple[float, float]] = {
    "none": (4.0, 0.0),
    "full": (2.0, 16 / 12),
    "equal": (3.0, 4 / 12),
    "decorrelated": (3.5, 25 / 12),
}
"""Mean and variance of the third pause: base 1 s, cap 60 s, after a pause of 2 s."""
DELIVERIES: dict[str, tuple[Mapping[str, Any], float, float]] = {
    "none": ({}, 0.0, 0.0),
    "polling": ({"interval_s": 1.0}, 0.5, 1 / 12),
    "webhook": ({"failure_percent": 50.0, "schedule": (0.0, 2.0), "latency_s": 0.5}, 2 / 3 + 0.5, 8 / 9),
    "sse": ({"latency_s": 0.5, "reconnect_percent": 50.0, "reconnect_s": 2.0}, 1.5, 1.0),
    "websocket": ({"latency_s": 0.25, "reconnect_percent": 50.0, "reconnect_s": 2.0}, 1.25, 1.0),
}
"""What each adds to the latency of a job that is delivered: mean and variance."""
BASE: Mapping[str, Any] = {
    "jobs": 60,
    "arrivals": {"process": "poisson", "rate_per_s": 2.0},
    "service": {"distribution": "exponential", "mean_s": 1.0},
    "synchronous": {"workers": 3},
    "event_driven": {"consumers": 3, "queues": {"urgent": 20.0, "standard": 50.0, "batch": 30.0}},
}


@njit
def kernel_services(machine: Any, jobs: int) -> Any:
    rows = np.empty(jobs)
    for job in range(jobs):
        rows[job] = service_s(machine[0], job, machine[0].output_tokens)
    return rows


@njit
def kernel_arrivals(machine: Any, jobs: int) -> Any:
    rows = np.empty(jobs)
    for job in range(jobs):
        rows[job] = machine[0].arrival
        machine[0].next_job = job + 1
        draw_next_arrival(machine[0])
    return rows


@njit
def kernel_backoffs(machine: Any, draws: Any, attempt: int, before: float) -> Any:
    rows = np.empty(len(draws))
    for place in range(len(draws)):
        rows[place] = backoff_s(machine[0], draws[place], attempt, before)
    return rows


@njit
def kernel_backoffs_in_turn(machine: Any, draws: Any) -> Any:
    """Each pause follows the one before it in its row."""
    rows = np.empty_like(draws)
    for row in range(len(draws)):
        before = 0.0
        for attempt in range(draws.shape[1]):
            before = backoff_s(machine[0], draws[row, attempt], attempt, before)
            rows[row, attempt] = before
    return rows


def example_of(table: Mapping[str, Any], name: str, case: str) -> Any:
    assert case in table, f"add {case!r} to {name} in {HERE}: an example, and the mean and variance of its draws"
    return table[case]


def machine_of(scenario: Scenario, drawn: Floats | None = None, trace: Trace | None = None) -> tuple[Any, Any]:
    rows = recorded_of(trace, drawn)
    state = build_state(scenario, EVENT_DRIVEN, 0, trace=trace, drawn=drawn, rows=rows, drains=True)
    return state, state.machine


def hold(samples: Floats, mean: float, variance: float, case: str, file: str) -> None:
    """Both moments within five standard errors, those of the sample's own fourth moment."""
    error = sqrt(variance / len(samples))
    assert abs(samples.mean() - mean) <= 5 * error + 1e-9, f"mend the mean of {case!r}: its draw in {file} has another"
    squares = (samples - mean) ** 2
    wrong = f"mend the variance of {case!r}: its draw in {file} has another"
    assert abs(squares.mean() - variance) <= 5 * float(squares.std()) / sqrt(len(samples)) + 1e-9, wrong


@pytest.mark.slow
@pytest.mark.parametrize("process", [process for process in members_of(Arrivals) if process not in WITHOUT_RATE])
def test_an_arrival_process_draws_what_it_claims(process: str) -> None:
    fields, window_s, dispersion = example_of(ARRIVALS, "ARRIVALS", process)
    scenario = Scenario.parse({**BASE, "jobs": 45, "arrivals": {"process": process, **fields}})
    trace = RECORDED if process == "trace" else None
    state, machine = machine_of(scenario, trace=trace)
    drawn = Draws(scenario, 0, trace).arrivals()
    oracle = [next(drawn) for _ in range(45)]
    assert kernel_arrivals(machine, 45) == pytest.approx(oracle, abs=1e-5), (
        f"mend {process!r}: its draw in simulator/kernel/draws.py and Draws.arrivals in tests/fakes/naive_draws.py differ"
    )
    state, machine = machine_of(scenario.model_copy(update={"jobs": 4 * SAMPLES}), trace=trace)
    machine["jobs"], machine["last"] = 4 * SAMPLES, np.inf
    instants = kernel_arrivals(machine, 4 * SAMPLES)
    counts = np.bincount((instants / window_s).astype(int))[:-1]
    mean = rate_of(scenario, trace) * window_s
    error = sqrt(2 / len(counts))
    wrong = f"mend {process!r}: its draw in simulator/kernel/draws.py has another"
    assert counts.mean() == pytest.approx(mean, rel=5 * sqrt(max(dispersion, 0.01) / mean / len(counts))), (
        f"{wrong} mean"
    )
    assert counts.var() / mean == pytest.approx(dispersion, rel=6 * error, abs=0.01), f"{wrong} variance"
    del state


@pytest.mark.slow
@pytest.mark.parametrize("distribution", members_of(Service))
def test_a_service_distribution_draws_what_it_claims(distribution: str) -> None:
    example = example_of(SERVICES, "SERVICES", distribution)
    drawn = DURATIONS_S if distribution == "empirical" else None
    service = {"distribution": distribution, **example.given}
    scenario = Scenario.parse({**BASE, "service": service, "provider": {"output_tokens": 100.0}})
    state, machine = machine_of(scenario, drawn)
    samples = kernel_services(machine, SAMPLES)
    draws = Draws(scenario, 0, None, drawn)
    assert samples[:200] == pytest.approx([draws.service(job) for job in range(200)], abs=1e-9), (
        f"mend {distribution!r}: its draw in simulator/kernel/draws.py and Draws.service in tests/fakes/naive_draws.py differ"
    )
    hold(samples, example.mean, example.variance, distribution, "simulator/kernel/draws.py")
    assert mean_service_s(scenario, None, drawn) == pytest.approx(example.mean), (
        f"mend the mean of {distribution!r} in simulator/services.py"
    )
    del state


@pytest.mark.slow
@pytest.mark.parametrize("p99_s", [4.0, 4.6, 40.0])
def test_a_given_p99_is_drawn_and_the_mean_and_spread_are_those_of_the_draws(p99_s: float) -> None:
    service = {"distribution": "lognormal", "p50_s": 2.0, "p95_s": 4.0, "p99_s": p99_s}
    scenario = Scenario.parse({**BASE, "service": service})
    state, machine = machine_of(scenario)
    samples = kernel_services(machine, SAMPLES)
    draws = Draws(scenario, 0)
    assert samples[:200] == pytest.approx([draws.service(job) for job in range(200)], abs=1e-9)
    for limit_s, share in ((2.0, 0.5), (4.0, 0.05), (p99_s, 0.01)):
        assert np.mean(samples > limit_s * (1 + 1e-12)) <= share + 5 * sqrt(share / SAMPLES)
        assert np.mean(samples >= limit_s * (1 - 1e-12)) >= share - 5 * sqrt(share / SAMPLES)
    through = Lognormal.through(2.0, 4.0, p99_s)
    hold(
        samples,
        float(through.mean_s),
        float(through.cv2 * through.mean_s**2),
        f"p99 {p99_s:g} s",
        "simulator/kernel/draws.py",
    )
    assert mean_service_s(scenario, None, None) == pytest.approx(draws.mean_service(), rel=1e-9)
    for limit_s in (0.7, 3.9, 4.3, 39.0, 60.0):
        share = float(through.share_beyond(limit_s))
        assert np.mean(samples > limit_s) == pytest.approx(share, abs=5 * sqrt(share / SAMPLES) + 1e-6)
    del state


@pytest.mark.slow
@pytest.mark.parametrize("cv", [0.0, 2.0])
def test_uneven_bursts_draw_what_they_claim(cv: float) -> None:
    """In operational time a renewal process: of arrivals in many cycles the variance over the mean is the square of the gaps' variation."""
    fields = {"process": "bursts", "rate_per_s": 2.5, "peak_to_mean": 3.0, "peak_s": 4.0, "every_s": 20.0, "cv": cv}
    scenario = Scenario.parse({**BASE, "jobs": 45, "arrivals": fields})
    state, machine = machine_of(scenario)
    drawn = Draws(scenario, 0).arrivals()
    assert kernel_arrivals(machine, 45) == pytest.approx([next(drawn) for _ in range(45)], abs=1e-5)
    state, machine = machine_of(scenario)
    machine["jobs"], machine["last"] = 4 * SAMPLES, np.inf
    instants = kernel_arrivals(machine, 4 * SAMPLES)
    counts = np.bincount((instants / 400).astype(int))[:-1]
    assert counts.mean() == pytest.approx(1000, rel=5 * max(cv, 0.1) / sqrt(1000 * len(counts)))
    assert counts.var() / 1000 == pytest.approx(cv**2, rel=6 * sqrt(2 / len(counts)), abs=0.01)
    peak = (instants % 20 >= 8) & (instants % 20 < 12)
    assert peak.mean() == pytest.approx(0.6, abs=0.01)
    del state


@pytest.mark.slow
@pytest.mark.parametrize("jitter", members_of(Jitter))
def test_a_jitter_draws_what_it_claims(jitter: str) -> None:
    mean, variance = example_of(JITTERS, "JITTERS", jitter)
    scenario = Scenario.parse({**BASE, "retries": {"max": 3, "base_s": 1.0, "cap_s": 60.0, "jitter": jitter}})
    state, machine = machine_of(scenario)
    uniform = (np.arange(SAMPLES) + 0.5) / SAMPLES
    samples = kernel_backoffs(machine, uniform, 2, 2.0)
    draws = Draws(scenario, 0)
    assert samples[::997] == pytest.approx([draws.backoff(draw, 2, 2.0, 3) for draw in uniform[::997]]), (
        f"mend {jitter!r}: its pause in simulator/kernel/draws.py and Draws.backoff in tests/fakes/naive_draws.py differ"
    )
    hold(samples, mean, variance, jitter, "simulator/kernel/draws.py")
    in_turn = kernel_backoffs_in_turn(machine, np.random.default_rng(7).random((SAMPLES, 3)))
    errors = in_turn.std(axis=0) / sqrt(SAMPLES)
    assert (np.abs(in_turn.mean(axis=0) - scenario.retries.mean_pauses_s(3)) <= 5 * errors + 1e-9).all(), (
        f"mend the mean of {jitter!r} in MEAN_PAUSES_S of simulator/retries.py"
    )
    del state


@pytest.mark.slow
@pytest.mark.parametrize("method", members_of(Delivery))
def test_a_delivery_method_is_played_as_it_claims(method: str) -> None:
    fields, mean, variance = example_of(DELIVERIES, "DELIVERIES", method)
    design = {**BASE["event_driven"], "delivery": {"method": method, **fields}}
    check(Scenario.parse({**BASE, "event_driven": design, "failures": {"transient_percent": 20.0}}), EVENT_DRIVEN)
    design |= {"consumers": 1000, "queues": {"standard": 100.0}}
    service = {"distribution": "deterministic", "mean_s": 1.0}
    scenario = Scenario.parse({**BASE, "jobs": SAMPLES, "service": service, "event_driven": design})
    added, spread = latencies(scenario)
    wrong = f"mend {method!r}: its course in simulator/kernel/deliver.py adds another"
    assert added - 1 == pytest.approx(mean, abs=5 * sqrt(variance / SAMPLES * 2) + 1e-6), f"{wrong} mean"
    assert spread == pytest.approx(variance, rel=0.05, abs=1e-4), f"{wrong} variance"


def latencies(scenario: Scenario) -> tuple[float, float]:
    """Mean and variance of the latencies of a run; the variance is that of the histogram."""
    state, machine = machine_of(scenario)
    while (status := run_event_driven(machine, 4_000_000)) != layout.DONE:
        assert status == layout.GROW
        state.grow()
    counts = machine[0]["histograms"][0, layout.H_LATENCY]
    mean = float((counts * MIDDLES_S).sum() / counts.sum())
    completed = int(machine[0]["counts"][layout.C_COMPLETED])
    return float(machine[0]["latency_sum"]) / completed, float((counts * (MIDDLES_S - mean) ** 2).sum() / counts.sum())


@pytest.mark.parametrize("discipline", members_of(Discipline))
def test_a_discipline_is_played_as_the_oracle_plays_it(discipline: str) -> None:
    design = {**BASE["event_driven"], "discipline": discipline}
    fired = check(Scenario.parse({**BASE, "event_driven": design}), EVENT_DRIVEN)
    assert f"chose between queues, {discipline}" in fired


@pytest.fixture(scope="module")
def generated() -> Counter[tuple[str, str]]:
    """How often the scenarios that hypothesis draws have each case."""
    seen: Counter[tuple[str, str]] = Counter()

    @settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(scenario=scenarios())
    def draw(scenario: Scenario) -> None:
        seen.update(cases_of(scenario).items())

    draw()
    return seen


def cases_of(scenario: Scenario) -> dict[str, str]:
    return {
        "arrivals": scenario.arrivals.process,
        "service": scenario.service.distribution,
        "event_driven.delivery": scenario.event_driven.delivery.method,
        "event_driven.discipline": scenario.event_driven.discipline,
        "retries.jitter": scenario.retries.jitter,
    }


SETS = {
    "arrivals": Arrivals,
    "service": Service,
    "event_driven.delivery": Delivery,
    "event_driven.discipline": Discipline,
    "retries.jitter": Jitter,
}
CASES = [(path, case) for path, closed in SETS.items() for case in members_of(closed)]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "case"), CASES)
def test_hypothesis_draws_every_case(path: str, case: str, generated: Counter[tuple[str, str]]) -> None:
    assert generated[path, case], f"add {case!r} to the strategy of {path} in tests/fakes/naive_scenarios.py"


def scenario_with(path: str, case: str) -> Scenario:
    """A scenario that has the case, by its example."""
    design = BASE["event_driven"]
    match path:
        case "arrivals":
            changed: dict[str, Any] = {path: {"process": case, **example_of(ARRIVALS, "ARRIVALS", case)[0]}}
        case "service":
            changed = {path: {"distribution": case, **example_of(SERVICES, "SERVICES", case).given}}
        case "event_driven.delivery":
            delivery = {"method": case, **example_of(DELIVERIES, "DELIVERIES", case)[0]}
            changed = {"event_driven": {**design, "delivery": delivery}}
        case "event_driven.discipline":
            changed = {"event_driven": {**design, "discipline": case}}
        case _:
            changed = {"retries": {"jitter": case}}
    return Scenario.parse({**BASE, **changed})


@pytest.mark.parametrize(("path", "case"), CASES)
def test_a_live_run_plays_a_case_or_refuses_it_by_name(path: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = scenario_with(path, case)
    refused = {problem.path for problem in find_unsupported(scenario)}
    assert refused == (set() if case in PLAYED[path] else {path}), (
        f"mend {case!r} in simulator/live/run/support.py: a live run plays it (PLAYED) or refuses it by name"
    )
    monkeypatch.setitem(PLAYED, path, tuple(set(PLAYED[path]) - {case}))
    problems = [(problem.path, problem.reason) for problem in find_unsupported(scenario)]
    assert problems == [(path, f"a live run has no {case}; use the kernel")]


@pytest.mark.parametrize("path", SETS)
def test_a_live_run_plays_only_cases_that_there_are(path: str) -> None:
    unknown = set(PLAYED[path]) - set(members_of(SETS[path]))
    assert not unknown, f"remove {unknown} from PLAYED in simulator/live/run/support.py, or add it to {path}"


@pytest.mark.parametrize(("path", "case"), CASES)
def test_the_glossary_says_what_every_case_is(path: str, case: str) -> None:
    rows = re.findall(r"^\| `(.+)` \| (.+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert dict(rows).get(f"{path}: {case}"), f"add a row to docs/glossary.md: | `{path}: {case}` | a sentence |"


@pytest.mark.parametrize("method", members_of(Delivery))
def test_a_delivery_method_of_a_scenario_is_advised_and_has_words(method: str) -> None:
    assert method in members_of(Method), f"add {method!r} to Method in advisor/advice/contract.py"
    assert method in METHODS, f"add {method!r} to METHODS in advisor/reports/wording.py"
    assert method in OPTIONS, f"add a DeliveryOption for {method!r} to advisor/advice/delivery.py"


@pytest.mark.parametrize("method", [method for method in members_of(Method) if method != "inline"])
def test_an_advised_delivery_method_has_a_sentence_and_is_simulated(method: Method) -> None:
    evaluation = Evaluation.from_answers(answers_from({}))
    plan = plan_by_formulas(evaluation).model_copy(update={"delivery": method})
    try:
        assert delivery_sentence(method)
    except AssertionError:
        pytest.fail(f"add a case for {method!r} to delivery_sentence in advisor/reports/wording.py")
    try:
        simulated = scenario_of(evaluation, plan).event_driven.delivery.method
    except AssertionError:
        pytest.fail(
            f"add a case for {method!r} to _delivery in advisor/advice/scenario.py, and its class to simulator/deliveries.py"
        )
    assert simulated == method, f"mend the case of {method!r} in _delivery in advisor/advice/scenario.py"


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_a_rule_has_a_case_and_a_page_in_the_handbook(rule: str) -> None:
    assert rule in FELT, f"add {rule!r} to FELT in tests/unit/advice/test_rules.py: answers that it bears on"
    text = [entry for entry in entries() if (entry.kind, entry.id) == ("rule", rule)]
    assert text and text[0].title and text[0].text, f"add {rule!r} to advisor/advice/handbook.py"


@pytest.mark.parametrize("warning", [warning.code for warning in CHECKS])
def test_a_warning_has_a_case_and_a_page_in_the_handbook(warning: str) -> None:
    assert warning in WARNED, f"add {warning!r} to tests/unit/advice/test_checks.py"
    text = [entry for entry in entries() if (entry.kind, entry.id) == ("warning", warning)]
    assert text and text[0].title and text[0].text, f"add {warning!r} to advisor/advice/handbook.py"


@pytest.mark.parametrize("name", FORMATS)
def test_a_report_format_can_be_chosen_and_is_documented(name: str) -> None:
    menu = (ROOT / "templates/decisions/_fragments.html").read_text()
    assert f"{{% url 'report' decision.pk '{FORMATS[name].extension}' %}}" in menu, (
        f"add a link for {name!r} to the Export menu in templates/decisions/_fragments.html"
    )
    assert name in (ROOT / "README.md").read_text().lower(), f"add {name!r} to the formats in README.md"
