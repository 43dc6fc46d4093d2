"""What a run says would make a design meet the deadline, against theory, and against runs with it."""

from math import exp
from typing import Any

import pytest

from advisor.reports.remedies import remedy_sentences
from simulator import remedies
from simulator.experiment import simulate
from simulator.remedies import first_that_holds, simulate_with_remedies
from simulator.result import DesignRemedies, Result
from simulator.scenario import Scenario
from tests.theory.formulas import erlang_c

QUEUE: dict[str, Any] = {
    "jobs": 20_000,
    "deadline_s": 3,
    "tolerated_miss_percent": 10,
    "arrivals": {"process": "poisson", "rate_per_s": 5},
    "service": {"distribution": "exponential", "mean_s": 1},
}


def remedies_of(given: dict[str, Any]) -> dict[str, DesignRemedies]:
    result = simulate_with_remedies(Scenario.parse(QUEUE | given))
    assert result.remedies is not None
    return {str(design): remedies for design, remedies in result.remedies.items()}


def changed(given: dict[str, Any], path: str, value: float) -> Result:
    part, name = path.split(".")
    number = int(value) if value == int(value) else value
    return simulate(Scenario.parse(QUEUE | given | {part: {**given.get(part, {}), name: number}}), windows=False)


def meets(result: Result, design: str) -> bool:
    return design == result.verdict or design in result.verdict


def share_in_time(servers: int, rate: float, deadline_s: float) -> float:
    """Of M/M/c with a mean service time of 1. Source: Gross et al., Fundamentals of Queueing Theory, 4th ed., section 2.3."""
    waits, spare = erlang_c(servers, rate), servers - rate + 1e-9
    late = (spare * exp(-deadline_s) - exp(-spare * deadline_s)) / (spare - 1)
    return 1 - (1 - waits) * exp(-deadline_s) - waits * late


def test_the_number_of_servers_is_that_of_theory() -> None:
    """Seven: six miss by ten points."""
    needed = next(c for c in range(6, 20) if share_in_time(c, 5, 3 + 1e-9) >= 0.9)
    for design, one in remedies_of({"synchronous": {"workers": 5}, "event_driven": {"consumers": 3}}).items():
        (remedy,) = one.remedies
        (change,) = remedy.changes
        assert change.needed == needed
        assert change.now == (5 if design == "synchronous" else 3)
        assert remedy.good_share[0] - 0.005 <= share_in_time(needed, 5, 3) <= remedy.good_share[1] + 0.005


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"provider": {"max_concurrency": 5}}, "provider.max_concurrency"),
        ({"provider": {"requests_per_minute": 280, "burst_requests": 5}}, "provider.requests_per_minute"),
        ({"provider": {"input_tokens_per_minute": 250_000, "input_tokens": 1000}}, "provider.input_tokens_per_minute"),
    ],
)
def test_a_quota_that_is_too_small_is_raised_to_one_that_meets_the_deadline(given: dict[str, Any], path: str) -> None:
    given = {"synchronous": {"workers": 40}, "event_driven": {"consumers": 40}, **given}
    for design, one in remedies_of(given).items():
        (remedy,) = one.remedies
        (change,) = remedy.changes
        assert change.path == path
        assert meets(changed(given, path, change.needed), design)
        assert not meets(changed(given, path, change.now + 0.8 * (change.needed - change.now) // 1), design)


def test_numbers_that_only_together_make_the_difference_are_raised_together() -> None:
    given = {"synchronous": {"workers": 4}, "event_driven": {"consumers": 4}, "provider": {"max_concurrency": 5}}
    one = remedies_of(given)["synchronous"]
    (remedy,) = one.remedies
    needed = {change.path: change.needed for change in remedy.changes}
    assert needed == {"synchronous.workers": 7, "provider.max_concurrency": 7}


def test_no_number_helps_if_the_work_alone_takes_longer_than_the_deadline() -> None:
    service = {"service": {"distribution": "deterministic", "mean_s": 5}, "provider": {"max_concurrency": 50}}
    for one in remedies_of({"synchronous": {"workers": 30}, "event_driven": {"consumers": 30}, **service}).values():
        assert (one.remedies, one.can_meet, one.best_s) == ((), False, 5.0)


def test_fewer_workers_meet_the_deadline_if_calls_slow_each_other_down() -> None:
    given = {
        "deadline_s": 6,
        "tolerated_miss_percent": 2,
        "arrivals": {"process": "poisson", "rate_per_s": 1.1},
        "service": {"distribution": "deterministic", "mean_s": 1},
        "provider": {"slowdown": {"measured_in_flight": 1, "high_in_flight": 10, "high_mean_s": 6}},
        "synchronous": {"workers": 50},
        "event_driven": {"consumers": 50},
    }
    for design, one in remedies_of(given).items():
        (change,) = one.remedies[0].changes
        assert 5 <= change.needed < 25
        part, name = change.path.split(".")
        fewer = simulate(Scenario.parse(QUEUE | given | {part: {name: int(change.needed)}}), windows=False)
        assert meets(fewer, design)


def test_a_run_that_a_design_meets_is_not_searched() -> None:
    assert simulate_with_remedies(Scenario.parse(QUEUE)).remedies is None


def test_a_design_whose_search_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies, "BUDGET_WORK", -1_000_000_000)
    assert remedies_of({"synchronous": {"workers": 5}, "event_driven": {"consumers": 3}}) == {}


def test_a_search_simulates_no_more_than_the_run_itself_and_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cycle of 200,000 jobs, which cannot be cut shorter."""
    simulated: list[int] = []

    def count_calls(*arguments: Any, **settings: Any) -> Result:
        result = simulate(*arguments, **settings)
        simulated.append(result.synchronous.provider_calls + result.event_driven.provider_calls)
        return result

    monkeypatch.setattr(remedies, "simulate", count_calls)
    monkeypatch.setattr(remedies, "BUDGET_WORK", 1_000_000)
    peaks = {"process": "bursts", "rate_per_s": 5, "peak_to_mean": 2, "peak_s": 4000, "every_s": 40_000}
    simulate_with_remedies(
        Scenario.parse(QUEUE | {"arrivals": peaks, "synchronous": {"workers": 6}, "event_driven": {"consumers": 6}}),
        replications=2,
    )
    itself, *trials = simulated
    assert sum(trials) <= itself + 1_000_000


@pytest.mark.parametrize("first", [1, 2, 3, 7, 64, 100])
def test_the_first_number_that_holds_is_found(first: int) -> None:
    tried = []

    def holds(number: int) -> bool:
        tried.append(number)
        return number >= first

    assert first_that_holds(holds, 100) == first
    assert len(tried) <= 16
    assert first_that_holds(lambda number: False, 100) is None


def test_the_sentences_say_what_would_meet_the_deadline() -> None:
    result = simulate_with_remedies(
        Scenario.parse(QUEUE | {"synchronous": {"workers": 5}, "event_driven": {"consumers": 3}})
    )
    synchronous, event_driven = remedy_sentences(result, 10)
    assert synchronous.startswith("The synchronous design would meet it with 7 workers instead of 5 (93.")
    assert event_driven.startswith("The event-driven design would meet it with 7 consumers instead of 3 (93.")
    impossible = DesignRemedies(limits=("synchronous.workers", "provider.max_concurrency"), best_s=5)
    result = result.model_copy(update={"remedies": {"synchronous": impossible}})
    assert remedy_sentences(result, 10) == (
        "The synchronous design does not meet it with more workers, nor with more concurrent calls: "
        "even then 90 % of its jobs take up to 5 s.",
    )
    never = impossible.model_copy(update={"best_s": None})
    (sentence,) = remedy_sentences(result.model_copy(update={"remedies": {"synchronous": never}}), 10)
    assert sentence.endswith("even then fewer than 90 % of its jobs have a result.")
