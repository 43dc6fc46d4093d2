"""The finer windows of a long run hold the worst of each design, and cost a part of a replication."""

from typing import Any

import numpy as np
import pytest

from simulator.checkpoints import Checkpoints
from simulator.experiment import simulate
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS, Runner
from simulator.result import Result
from simulator.scenario import Scenario

DAYS = 5
BURST_S = 900.0


def scenario(**changes: Any) -> Scenario:
    """Five days with a burst of a quarter of an hour in the middle of each."""
    data: dict[str, Any] = {
        "seed": 3,
        "duration_s": DAYS * 86_400.0,
        "arrivals": {"process": "bursts", "rate_per_s": 0.1, "peak_to_mean": 20, "peak_s": BURST_S, "every_s": 86_400},
        "service": {"distribution": "lognormal", "p50_s": 8, "p95_s": 20},
        "synchronous": {"workers": 8, "client_timeout_s": 600},
        "event_driven": {"consumers": 10},
    }
    return Scenario.parse(data | changes)


@pytest.fixture(scope="module")
def result() -> Result:
    return simulate(scenario(), replications=1)


def test_a_burst_of_minutes_in_a_run_of_days_has_a_window_that_shows_it_whole(result: Result) -> None:
    (window,) = [window for window in result.windows if "event_driven" in window.peaks]
    day_s = 86_400 * (window.start_s // 86_400)
    first, last = day_s + 43_200 - BURST_S / 2, day_s + 43_200 + BURST_S / 2
    assert window.start_s < first and last < window.end_s
    assert window.end_s - window.start_s < 6 * BURST_S
    (fine,) = [one for one, of in zip(result.event_driven.fine, result.windows, strict=True) if of == window]
    assert len(fine.queue_depth) == 1000
    assert fine.queue_depth[0] < 0.1 * max(fine.queue_depth) > fine.queue_depth[-1]


def test_the_window_holds_the_deepest_queue_of_each_design(result: Result) -> None:
    for name, design in (("synchronous", result.synchronous), ("event_driven", result.event_driven)):
        (place,) = [place for place, window in enumerate(result.windows) if name in window.peaks]
        assert max(design.fine[place].queue_depth) >= 0.95 * design.queue_depth.max
        assert max(design.fine[place].queue_depth) >= max(design.series.queue_depth)


def test_every_design_has_a_series_of_every_window(result: Result) -> None:
    for design in (result.synchronous, result.event_driven):
        for fine, window in zip(design.fine, result.windows, strict=True):
            assert fine.start_s == window.start_s
            assert fine.start_s + 1000 * fine.width_s == pytest.approx(window.end_s)


def test_a_windows_arrivals_and_busiest_second_are_those_of_the_whole_run() -> None:
    """Run over the whole of a short run, the window adds up to its tally."""
    given = scenario(duration_s=None, jobs=3000, arrivals={"process": "poisson", "rate_per_s": 1})
    runner = Runner(given, None, None, dict.fromkeys(LOOPS, True))
    runner.run(1)
    for design in (SYNCHRONOUS, EVENT_DRIVEN):
        tally = runner.tallies[design][0]
        (fine,) = runner.look_closer({design: [(0.0, 20_000.0)]})[design]
        assert fine.bins[0].sum() == 3000
        assert fine.latency_counts.sum() == tally.counts["completed"]
        assert fine.longest_s.max() == pytest.approx(tally.latency["max"], rel=1e-9)
        assert (fine.busiest_calls, fine.busiest_second) == (tally.busiest_calls, tally.busiest_second)
        assert fine.call_bins.max() == tally.call_bins.max()


def test_a_window_run_from_a_checkpoint_is_that_of_a_run_from_the_beginning() -> None:
    """Results that polls find minutes later are settled by the loop long before they count."""
    polled = {"consumers": 10, "delivery": {"method": "polling", "interval_s": 900}}
    runner = Runner(scenario(event_driven=polled), None, None, dict.fromkeys(LOOPS, True))
    runner.run(1)
    begins_s = runner._checkpoints[EVENT_DRIVEN].kept[7].at_s
    window = (begins_s + 1, begins_s + 601)
    (early,) = runner.look_closer({EVENT_DRIVEN: [window]})[EVENT_DRIVEN]
    assert runner._checkpoints[EVENT_DRIVEN].before(window[0]) is not None
    runner._checkpoints[EVENT_DRIVEN] = Checkpoints()
    (late,) = runner.look_closer({EVENT_DRIVEN: [window]})[EVENT_DRIVEN]
    for name in ("bins", "call_bins", "longest_s", "latency_counts"):
        assert np.array_equal(getattr(early, name), getattr(late, name)), name


def test_the_latency_of_each_step_is_the_p95_of_its_jobs() -> None:
    """Constant service and no queue: every latency is the service time."""
    given = scenario(service={"distribution": "deterministic", "mean_s": 3}, synchronous={"workers": 200},
                     event_driven={"consumers": 200}, provider={"outages": [{"start_s": 5000, "length_s": 100}]})  # fmt: skip
    result = simulate(given, replications=1)
    for fine in result.event_driven.fine:
        values = [value for value in fine.latency.p95_s if value is not None]
        assert values and max(values) <= 3.0
        assert np.array(values) == pytest.approx(3.0, rel=0.025)


def test_outages_have_windows_that_begin_before_them_and_the_longest_three_at_most() -> None:
    outages = [{"start_s": 20_000.0 * (1 + place), "length_s": 60.0 * (1 + place)} for place in range(5)]
    result = simulate(scenario(provider={"outages": outages}), replications=1)
    shown = [start for window in result.windows for start in window.outages_s]
    assert shown == [60_000, 80_000, 100_000]
    for window in result.windows:
        for start in window.outages_s:
            assert window.start_s < start < window.end_s


def test_windows_do_not_overlap_and_are_in_the_order_of_time(result: Result) -> None:
    for before, after in zip(result.windows, result.windows[1:], strict=False):
        assert before.end_s <= after.start_s


def test_a_queue_that_grows_to_the_end_needs_no_window() -> None:
    growing = scenario(
        duration_s=20_000.0,
        arrivals={"process": "poisson", "rate_per_s": 2},
        synchronous={"workers": 5},
        event_driven={"consumers": 5},
    )
    result = simulate(growing, replications=1)
    assert result.windows == () and result.event_driven.fine == ()


def test_a_run_looked_at_closer_has_the_same_figures_as_one_that_is_not(result: Result) -> None:
    plain = simulate(scenario(), replications=1, windows=False)
    assert plain.windows == ()
    for name, design in result.designs.items():
        series = design.series.model_copy(update={"latency_p50_s": (), "latency_p95_s": ()})
        assert design.model_copy(update={"fine": (), "series": series}) == plain.designs[name]
