"""The queue plan against queueing theory and the facts it is built on."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from redis import Redis
from rq.job import Job
from scipy.special import gammaincc, gammaln

from advisor.advice import recovery, sizing
from advisor.advice.answer_vectors import vectors_of
from advisor.advice.answers import Answers, answers_from
from advisor.advice.facts import PointFacts, facts_of
from advisor.advice.queueing import erlang_c, lognormal_p99
from core.paths import nested
from simulator import theory
from tests.rules_alone import advise_by_rules
from tests.theory import formulas


def answers_with(differs: Mapping[str, Any], template: str = "document_extraction") -> Answers:
    return answers_from({"template": template, **nested(differs)})


def point(differs: Mapping[str, Any], template: str = "document_extraction") -> PointFacts:
    answers = answers_with(differs, template)
    return PointFacts.from_facts(facts_of(vectors_of(answers)), answers)


ERLANG = [
    # lambda /s, S s, c, P(wait), mean wait s
    (1, 20, 21, 0.761, 15.2),
    (1, 20, 22, 0.568, 5.68),
    (1, 20, 25, 0.209, 0.836),
    (1, 20, 30, 0.025, 0.05),
    (5, 1.5, 10, 0.307, 0.184),
    (0.5, 15, 10, 0.307, 1.84),
]


@pytest.mark.parametrize(("rate", "service_s", "servers", "waits", "mean_s"), ERLANG)
def test_the_formulas_on_columns_are_those_of_theory(
    rate: float, service_s: float, servers: int, waits: float, mean_s: float
) -> None:
    offered = np.array([rate * service_s])
    computed = float(erlang_c(np.array([float(servers)]), offered)[0])
    assert computed == pytest.approx(waits, rel=0.02)
    assert computed == pytest.approx(formulas.erlang_c(servers, rate * service_s), rel=1e-9)
    assert computed / (servers / service_s - rate) == pytest.approx(
        formulas.mean_wait_s(rate, service_s, servers), rel=1e-9
    )
    assert formulas.mean_wait_s(rate, service_s, servers) == pytest.approx(mean_s, rel=0.02)


def test_erlang_c_of_rows_agrees_with_scipy() -> None:
    """Whole and broken numbers of servers, idle to nearly full, and above capacity."""
    draws = np.random.default_rng(1)
    servers, utilisation = 10 ** draws.uniform(-3, 5, 500), draws.uniform(0, 1.1, 500)
    load = servers * utilisation
    computed, below = erlang_c(servers, load), utilisation < 1
    s, a, rho = servers[below], load[below], utilisation[below]
    with np.errstate(under="ignore", invalid="ignore"):
        lost = np.exp(s * np.log(a) - a - gammaln(s + 1)) / gammaincc(s + 1, a)
    assert computed[below] == pytest.approx(lost / (1 - rho * (1 - lost)), rel=1e-8)
    assert (computed[~below] == 1).all()
    assert erlang_c(np.array([5.0]), np.array([0.0])) == 0


@pytest.mark.parametrize(("rate", "service_s", "servers", "waits", "mean_s"), ERLANG)
def test_erlang_c_is_exact_to_more_than_four_digits(
    rate: float, service_s: float, servers: int, waits: float, mean_s: float
) -> None:
    """Against the definition, summed in fractions: C = a^c/c! c/(c - a) / (sum of a^k/k! for k < c + the same)."""
    load = Fraction(rate) * Fraction(service_s)
    busy = load**servers / math.factorial(servers) * servers / (servers - load)
    exact = busy / (sum(load**k / math.factorial(k) for k in range(servers)) + busy)
    computed = float(erlang_c(np.array([float(servers)]), np.array([float(load)]))[0])
    assert computed == pytest.approx(float(exact), rel=1e-9)
    assert waits == pytest.approx(float(exact), abs=6e-4)
    assert mean_s == pytest.approx(float(exact) / (servers / service_s - rate), rel=0.02)


def test_the_lognormal_fit_gives_back_the_percentile_it_came_from() -> None:
    facts = facts_of(vectors_of(answers_from({})))
    fitted = lognormal_p99(facts.work.mean_s, facts.work.service_cv2 * facts.work.mean_s**2)
    assert fitted[0] == pytest.approx(facts.work.p99_s[0])
    assert facts.work.mean_s[0] == pytest.approx(theory.lognormal_mean_s(8, 20))


def test_the_throughput_cap_is_the_least_of_servers_and_quotas() -> None:
    quick = {
        "processing.p50_s": 1,
        "processing.p95_s": 1,
        "failures.transient_percent": 0,
        "failures.poison_percent": 0,
    }
    assert point(quick).capacity.cap == pytest.approx(10)  # 600 requests a minute
    assert point(quick | {"provider.share_percent": 25}).capacity.cap == pytest.approx(2.5)
    assert point(quick | {"provider.input_tokens_per_minute": 180_000}).capacity.cap == pytest.approx(
        1
    )  # 3,000 tokens each
    assert point(quick | {"provider.output_tokens_per_minute": 12_000}).capacity.cap == pytest.approx(
        0.5
    )  # 400 tokens each
    assert point(quick | {"provider.max_concurrency": 3}).capacity.cap == pytest.approx(3)
    assert point(quick | {"operations.max_workers": 2}).capacity.cap == pytest.approx(2)
    assert point(quick | {"failures.transient_percent": 50, "failures.max_retries": 1}).capacity.cap == pytest.approx(
        10 / 1.5
    )


@pytest.mark.parametrize(
    ("differs", "useful", "bound_by"),
    [
        ({}, 20, "concurrency"),
        ({"provider.requests_per_minute": 60}, 10, "requests per minute"),
        ({"provider.input_tokens_per_minute": 180_000}, 10, "input tokens per minute"),
        ({"provider.output_tokens_per_minute": 12_000}, 5, "output tokens per minute"),
        ({"provider.max_concurrency": 50}, 50, "workers"),
        ({"provider.max_concurrency": None, "provider.requests_per_minute": None}, 20, "workers"),
    ],
)
def test_useful_concurrency_is_what_the_provider_allows_and_names_what_binds(
    differs: Mapping[str, Any], useful: int, bound_by: str
) -> None:
    computed = sizing.concurrency(point(differs))
    assert (computed.useful, computed.bound_by) == (useful, bound_by)


def test_a_queue_waits_as_theory_says_where_arrivals_are_random_and_there_is_no_peak() -> None:
    stream = sizing.Stream(rate=1, peak_rate=1, peak_s=0, work_s=20, factor=1)
    for servers in (21, 22, 25):
        assert stream.wait_s(servers) == pytest.approx(formulas.wait_quantile_s(1, 20, servers, 0.95), rel=1e-6)


def test_burstiness_makes_a_wait_longer_by_allen_and_cunneen() -> None:
    calm = sizing.Stream(rate=1, peak_rate=1, peak_s=0, work_s=20, factor=1)
    bursty = sizing.Stream(rate=1, peak_rate=1, peak_s=0, work_s=20, factor=5)
    assert bursty.wait_s(22) == pytest.approx(5 * calm.wait_s(22))


@pytest.mark.parametrize("target_s", [0.5, 5, 60, 600, 3600])
@pytest.mark.parametrize("peak", [1, 3, 8])
def test_consumers_are_the_fewest_that_keep_the_target(target_s: float, peak: float) -> None:
    stream = sizing.Stream(rate=0.7, peak_rate=0.7 * peak, peak_s=900 if peak > 1 else 0, work_s=9.5, factor=0.7)
    consumers = stream.consumers(target_s)
    assert stream.wait_s(consumers) <= target_s
    assert consumers == stream.steady or stream.wait_s(consumers - 1) > target_s


def test_the_plan_has_a_queue_a_class_and_shares_out_what_there_is() -> None:
    advice = advise_by_rules(answers_from({}), flips=False)
    assert [queue.name for queue in advice.queues] == ["urgent", "standard", "batch"]
    assert sum(queue.consumers for queue in advice.queues) == 20
    urgent = advice.queues[0]
    assert urgent.max_wait_s == 5
    assert sizing.stream_of(point({}), 0.1).wait_s(urgent.consumers) <= 5


def test_alarms_sound_before_a_class_waits_too_long() -> None:
    for queue in advise_by_rules(answers_from({}), flips=False).queues:
        assert queue.alarm_lag_s < queue.max_wait_s
        assert queue.alarm_depth * 9.5 / queue.consumers <= queue.max_wait_s or queue.alarm_depth == 1


def test_one_order_for_all_leaves_one_consumer() -> None:
    advice = advise_by_rules(
        answers_with({"subscribers.ordering": "global", "volume.mean_rate_per_s": 0.01}), flips=False
    )
    assert max(queue.consumers for queue in advice.queues) == 1


def test_a_backlog_drains_at_what_capacity_leaves_over() -> None:
    p = point({})
    between = 0.5 * (1 - 8 * 15 / 1440) / (1 - 15 / 1440)
    assert recovery.between_peaks(p) == pytest.approx(between)
    assert recovery.drain_after_peak_s(p) == pytest.approx((4 - p.capacity.cap) * 900 / (p.capacity.cap - between))
    assert recovery.drain_after_outage_s(p) == pytest.approx(450 / (p.capacity.cap - between))
    assert recovery.drain_after_outage_s(point({"volume.mean_rate_per_s": 5, "volume.peak_to_mean": 1})) == math.inf


def test_recovery_in_time_takes_the_consumers_of_the_formula() -> None:
    p = point({})
    work_s = p.work.mean_s * p.failure.attempts
    assert recovery.consumers_to_recover(p, 3600) == math.ceil(0.5 * work_s + 450 * work_s / 3600)


@pytest.mark.parametrize(
    ("differs", "fewer"),
    [
        # 2 % cubed is 8 in a million, under a hundredth of the 1 % that may be late
        ({}, "You allow 4 retries, after pauses of 1 s up to 60 s with full jitter. All attempts fail for less than 0.0001 % of the requests, "
         "where failures are independent. 2 would be enough for 1 % missed (0.0008 % fail all)."),
        ({"failures.transient_percent": 0}, "No call fails, so none is needed."),
        ({"failures.transient_percent": 20}, "You allow 4 retries, after pauses of 1 s up to 60 s with full jitter. All attempts fail for 0.032 % of "
         "the requests, where failures are independent."),
        ({"caller.tolerated_miss_percent": 50}, "1 would be enough for 50 % missed (0.04 % fail all)."),
        ({"caller.deadline_s": 22}, "Only 1 fits into the deadline of 22 s when pauses are at their longest."),
        ({"caller.deadline_s": 20.5}, "None fits into the deadline of 20.5 s when pauses are at their longest."),
        ({"failures.max_retries": 1}, "You allow 1 retry, after a pause of up to 1 s with full jitter. All attempts fail for 0.04 % of the requests, "
         "where failures are independent."),
        ({"failures.backoff_base_s": 5, "failures.backoff_cap_s": 5}, "You allow 4 retries, after pauses of up to 5 s each "
         "with full jitter. All attempts fail for less than 0.0001 % of the requests, "
         "where failures are independent. 2 would be enough for 1 % missed (0.0008 % fail all)."),
        ({"failures.backoff_base_s": 0, "failures.backoff_cap_s": 0}, "You allow 4 retries, without a pause. "
         "All attempts fail for less than 0.0001 % of the requests, "
         "where failures are independent. 2 would be enough for 1 % missed (0.0008 % fail all)."),
        ({"failures.retry_intervals_s": [2, 5, 10]}, "You allow 4 retries, after pauses of 2 s, 2 s, 5 s and 10 s. All attempts fail for less "
         "than 0.0001 % of the requests, where failures are independent. 2 would be enough for 1 % missed (0.0008 % fail all)."),
        ({"failures.retry_intervals_s": [2, 5, 10], "failures.max_retries": 1}, "You allow 1 retry, after a pause of 10 s. All attempts fail for "
         "0.04 % of the requests, where failures are independent."),
        ({"failures.retry_intervals_s": [0]}, "You allow 4 retries, without a pause. All attempts fail for less than 0.0001 % of the requests, "
         "where failures are independent. 2 would be enough for 1 % missed (0.0008 % fail all)."),
        ({"failures.retry_intervals_s": [2, 5], "caller.deadline_s": 26}, "Only 3 fit into the deadline of 26 s when pauses are at their longest."),
        ({"failures.max_retries": 0, "failures.jitter": "none"}, "You allow no retries: 2 % of the calls fail."),
    ],
)  # fmt: skip
def test_retries_are_the_users_own_and_the_sentence_says_what_fewer_would_come_to(
    differs: Mapping[str, Any], fewer: str
) -> None:
    failures, plan = answers_with(differs).failures, advise_by_rules(answers_with(differs), flips=False).retries
    assert (plan.max, plan.jitter) == (failures.max_retries, failures.jitter)
    assert plan.all_fail_probability == pytest.approx((failures.transient_percent / 100) ** (plan.max + 1))
    assert plan.why.endswith(fewer)


def test_the_in_line_answer_counts_waiting_retries_and_subscribers() -> None:
    calm = {
        "volume.peak_to_mean": 1,
        "volume.mean_rate_per_s": 0.001,
        "failures.transient_percent": 0,
        "failures.poison_percent": 0,
    }
    alone = point(calm).inline.inline_p99_s
    assert alone == pytest.approx(point(calm).work.p99_s, rel=1e-6)
    assert point(calm | {"failures.transient_percent": 10}).inline.inline_p99_s > alone
    assert point(calm | {"subscribers.count": 2, "subscribers.handling_p95_s": 3}).inline.inline_p99_s > alone + 2
    assert point(calm | {"volume.mean_rate_per_s": 2}).inline.inline_p99_s > alone


def test_the_knee_is_early_for_one_worker_and_late_for_ten() -> None:
    exponential = {"processing.p50_s": 1.0, "processing.p95_s": math.exp(1.6448536269514722 * math.sqrt(math.log(2)))}
    steady = point({**exponential, "volume.peak_to_mean": 1, "volume.interarrival_cv": 1})
    assert sizing.knee(steady, 1) == pytest.approx(1 / 3, abs=0.01)  # M/M/1: rho / (1 - rho) = 1/2
    ten = sizing.knee(steady, 10)
    assert formulas.mean_wait_s(10 * ten, 1.0, 10) <= 0.5 < formulas.mean_wait_s(10 * (ten + 0.01), 1.0, 10)


def test_dispatching_counts_in_the_consumers_of_jobs_that_are_short() -> None:
    """Twice the time at a worker, twice the consumers; of long ones it is a hundredth."""

    def consumers(p50_s: float, **operations: Any) -> int:
        given = {
            "template": "document_extraction",
            "volume": {"mean_rate_per_s": 20 / p50_s, "peak_to_mean": 1},
            "processing": {"p50_s": p50_s, "p95_s": p50_s},
            "operations": {"max_workers": 1000, **operations},
            "provider": {"max_concurrency": None, "requests_per_minute": None},
            "failures": {"transient_percent": 0, "poison_percent": 0},
            "priorities": {"urgent": {"share_percent": 100, "max_wait_s": 3600}},
        }
        answers = answers_from(given)
        return sizing.plan(answers, PointFacts.from_facts(facts_of(vectors_of(answers)), answers)).needed

    assert consumers(0.05) > 20
    assert consumers(0.05, dispatch_s=0.05) == pytest.approx(2 * consumers(0.05), abs=1)
    assert consumers(5, dispatch_s=0.05) == pytest.approx(consumers(5), abs=1)


@pytest.mark.parametrize("pauses", [[2.0, 5.0], [3.0], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]])
@pytest.mark.parametrize("retries", [1, 2, 4])
def test_listed_pauses_count_as_rq_would_make_them(pauses: list[float], retries: int) -> None:
    """Against rq's own choice of each pause, over all numbers of failures."""
    job = Job.create("time.sleep", connection=Redis())
    job.retry_intervals = pauses  # type: ignore[assignment]
    made = []
    for left in range(retries, 0, -1):
        job.retries_left = left
        made.append(job.get_retry_interval())
    fails = 0.3
    at_least = [fails**attempt for attempt in range(1, retries + 1)]
    mean = sum(chance * pause for chance, pause in zip(at_least, made, strict=True))
    known = point(
        {"failures.transient_percent": 30, "failures.max_retries": retries, "failures.retry_intervals_s": pauses}
    )
    assert known.failure.retry_window_s == pytest.approx(sum(made))
    assert known.failure.pauses_s == pytest.approx(mean)
