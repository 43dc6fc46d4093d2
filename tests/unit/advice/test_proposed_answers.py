"""What a recording says becomes answers with their source, and what is simulated is what is advised on."""

from typing import Any

import numpy as np
import pytest

from advisor.advice.answers import Answers, answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.proposed_answers import ProposedAnswers, propose_from_benchmark, propose_from_recording
from advisor.advice.scenario import scenario_of
from advisor.advice.variations import changed
from core.errors import InvalidInput
from simulator.benchmark_results import BenchmarkLevel, LevelTimes
from simulator.experiment import simulate
from simulator.live.run.draw_jobs import draw_jobs
from simulator.recordings.understanding import RecordedFailures
from simulator.scenario import Scenario
from simulator.traces import Trace

JOBS = 1000
RECORDED = Trace(
    np.arange(JOBS) * 2.0,
    input_tokens=np.full(JOBS, 3000.0),
    output_tokens=np.full(JOBS, 400.0),
    service_s=np.tile(np.arange(1.0, 101.0) / 10, JOBS // 100),
)
FAILED = RecordedFailures(transient=19, permanent=50, abandoned=3, mean_s=0.25)


def proposed(answers: Answers | None = None, trace: Trace = RECORDED) -> ProposedAnswers:
    return propose_from_recording(trace, FAILED, answers or answers_from({}), "calls.csv", "calls.csv")


def filled(**given: Any) -> Answers:
    return answers_from(proposed().over({"volume": {"trace": "calls.csv"}, **given}))


def simulated(answers: Answers) -> Scenario:
    return scenario_of(Evaluation.from_answers(answers))


def test_times_tokens_and_failures_become_answers() -> None:
    values = proposed().values
    assert (values["processing.p50_s"], values["processing.p95_s"], values["processing.p99_s"]) == pytest.approx(
        (5.05, 9.505, 9.901), rel=1e-3
    )
    assert (values["processing.input_tokens"], values["processing.output_tokens"]) == (3000, 400)
    assert values["failures.transient_percent"] == pytest.approx(100 * 19 / 950, rel=1e-3)
    assert (values["failures.poison_percent"], values["failures.failure_s"]) == (5, 0.25)


def test_answers_from_a_recording_say_so_until_they_are_changed() -> None:
    answers = filled()
    source = answers.source_of("processing.p50_s")
    assert source is not None and source.text == "the recording calls.csv"
    assert answers.source_of("caller.deadline_s") is None
    assert answers_from(answers.model_dump()) == answers
    assert changed(answers, "processing.input_tokens", 10).source_of("processing.input_tokens") is None
    assert "processing.p50_s" not in changed(answers, "processing.p50_s", 1.0).model_dump()["sources"]
    assert "sources" not in answers_from({}).model_dump()


def test_a_source_of_an_answer_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is no answer"):
        answers_from({"sources": {"processing.p51_s": {"value": 1, "text": "a guess"}}})


def test_requests_keep_their_own_time_and_tokens() -> None:
    """By Answers as by a Scenario that names the same recording."""
    answers = filled()
    scenario = simulated(answers)
    assert scenario.service.distribution == "empirical"
    by_hand = scenario.model_copy(update={"arrivals": scenario.arrivals.model_copy(update={"ignored_columns": ()})})
    both = [simulate(one, trace=RECORDED, replications=2) for one in (scenario, by_hand)]
    assert both[0].event_driven == both[1].event_driven


def test_an_answer_of_ones_own_counts_in_the_simulation_as_well() -> None:
    scenario = simulated(changed(changed(filled(), "processing.p50_s", 1.0), "processing.input_tokens", 10))
    assert scenario.service.distribution == "lognormal"
    quota = scenario.provider.model_copy(update={"input_tokens_per_minute": 30.0 * 60})
    limited = scenario.model_copy(update={"provider": quota})
    few = simulate(limited, trace=RECORDED, replications=2).event_driven
    many = simulate(
        limited.model_copy(update={"arrivals": limited.arrivals.model_copy(update={"ignored_columns": ()})}),
        trace=RECORDED,
        replications=2,
    ).event_driven
    assert few.latency_s.p95 is not None and few.latency_s.p95 < 60
    assert many.latency_s.p95 is None or many.latency_s.p95 > 600


def test_a_live_run_sends_the_tokens_of_the_answers() -> None:
    jobs = draw_jobs(simulated(changed(filled(), "processing.input_tokens", 10)), "synchronous", trace=RECORDED)
    assert set(jobs.input_tokens) == {10.0} and set(jobs.output_tokens) == {400.0}


def test_times_of_another_recording_are_not_replayed() -> None:
    answers = filled()
    other = answers.model_copy(update={"volume": answers.volume.model_copy(update={"trace": "other.csv"})})
    assert answers.is_replayed("processing.p50_s") and not other.is_replayed("processing.p50_s")


def test_given_answers_are_kept_and_times_are_taken_together_or_not_at_all() -> None:
    given = {"processing": {"p95_s": 40}, "volume": {"peak_to_mean": 3}}
    free = proposed().not_given_in(given)
    assert not [path for path in free if path.endswith(("p50_s", "p95_s", "p99_s", "peak_to_mean"))]
    assert "processing.input_tokens" in free and "volume.mean_rate_per_s" in free


def test_peaks_bind_against_the_capacity_that_the_recorded_times_leave() -> None:
    """Twenty calls at once of 0.1 s let a burst through that calls of a minute do not."""
    times = np.sort(np.concatenate([np.arange(0, 3600, 3.0), 1000 + np.linspace(0, 2, 40)]))
    answers = answers_from(
        {
            "synchronous": {"workers": 20},
            "operations": {"max_workers": 20},
            "provider": {
                "profile": None,
                "max_concurrency": 20,
                "requests_per_minute": None,
                "input_tokens_per_minute": None,
                "output_tokens_per_minute": None,
            },
        }
    )
    peaks = [
        proposed(answers, Trace(times, service_s=np.full(len(times), time_s))).values["volume.peak_minutes"]
        for time_s in (0.1, 15.0)
    ]
    assert peaks[1] < peaks[0]


def level(in_flight: float | None, mean_s: float, **given: Any) -> BenchmarkLevel:
    times = LevelTimes(mean_s, 0.9 * mean_s, 1.8 * mean_s, None)
    return BenchmarkLevel("guidellm", 100, 0, times, in_flight=in_flight, **given)


def test_levels_of_a_benchmark_become_times_and_their_slowdown() -> None:
    """The mean grows by 0.05 s for each further call: so does the model's line through the answers."""
    proposed = propose_from_benchmark([level(32, 2.6), level(2, 1.1)], "a.json")
    answers = answers_from(proposed.over({"operations": {"max_workers": 64}, "synchronous": {"workers": 64}}))
    slowdown = simulated(answers).provider.slowdown
    assert slowdown is not None
    assert (slowdown.measured_in_flight, slowdown.high_in_flight) == (2, 32)
    mean_s = simulated(answers).mean_time_s(0, None)
    assert (slowdown.high_mean_s - mean_s) / 30 == pytest.approx(0.05, rel=1e-3)
    source = answers.source_of("processing.high_mean_s")
    assert source is not None and source.text == "guidellm, 2 levels of concurrency, a.json"


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ([level(8, 1.0)], "One level of concurrency says nothing"),
        ([level(None, 1.0)], "calls in flight are not known"),
        ([level(1, 1.0), level(32, 0.98)], "do not slow"),
    ],
)
def test_a_benchmark_that_shows_no_slowdown_says_why(levels: list[BenchmarkLevel], says: str) -> None:
    proposed = propose_from_benchmark(levels, "a.json")
    assert says in " ".join(proposed.notes)
    assert proposed.values.get("processing.high_mean_s") is None


@pytest.mark.parametrize("slope_s", [0.001, 0.05, 0.4, 10.0])
def test_whatever_slowdown_was_measured_gives_answers_that_are_valid(slope_s: float) -> None:
    levels = [level(calls, max(0.01, 1 + slope_s * (calls - 3))) for calls in (3, 9, 40)]
    answers_from(propose_from_benchmark(levels, "a.json").over({}))
