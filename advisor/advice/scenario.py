"""Answers and their Recommendation to a Scenario: the workload as both designs are to be run against it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, assert_never

import numpy as np

from advisor.advice import library
from advisor.advice.answer_vectors import resolved_hops
from advisor.advice.answers import Answers
from advisor.advice.contract import DesignPlan
from advisor.advice.design_plan import plan_by_formulas, with_planned_retries
from advisor.advice.evaluation import Evaluation
from advisor.advice.facts import HANDLING_MEDIAN
from advisor.advice.few_jobs import queue_classes
from advisor.advice.ranges import MINUTES_A_DAY
from advisor.advice.sizing import worker_costs
from advisor.advice.yaml_json import with_lines
from core.errors import InvalidInput, Problem
from core.units import HOUR_S
from core.values import LARGEST
from simulator.arrivals import (
    Arrivals,
    BacklogArrivals,
    BurstArrivals,
    ClosedArrivals,
    DailyArrivals,
    GammaArrivals,
    PoissonArrivals,
    RegularArrivals,
    TraceArrivals,
)
from simulator.deliveries import Delivery, NoDelivery, PollingDelivery, PushDelivery, WebhookDelivery
from simulator.retries import Retries
from simulator.scenario import (
    CircuitBreaker,
    EventDriven,
    Failures,
    Hybrid,
    Provider,
    Scenario,
    Slowdown,
    Subscribers,
    Synchronous,
)
from simulator.services import EmpiricalService, LognormalService, Service

SCENARIO_JOBS = 200_000
"""Jobs of a replication, rounded up to whole cycles of the peaks: a second or two for both designs."""
WARMUP_JOBS = 10_000
"""Left out where arrivals are stationary, so that the empty start does not count. Cycles and traces are run whole."""
LONGEST_CYCLE_S = 1e9
"""Peaks that are rarer than this come once in a generation: none is simulated."""
UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def scenario_of(evaluation: Evaluation, plan: DesignPlan | None = None) -> Scenario:
    """The Scenario of answers, with the same retries and limits for both designs, and the consumers of the plan."""
    if plan is None:
        return _scenario_as_answered(evaluation)
    return _scenario_of_plan(with_planned_retries(evaluation, plan), plan)


@lru_cache(maxsize=64)
def _scenario_as_answered(evaluation: Evaluation) -> Scenario:
    return _scenario_of_plan(evaluation, plan_by_formulas(evaluation))


def _scenario_of_plan(evaluation: Evaluation, plan: DesignPlan) -> Scenario:
    answers = evaluation.answers
    arrivals = _arrivals(answers)
    failures, retries = answers.failures, plan.retries
    return Scenario(
        jobs=None if isinstance(arrivals, TraceArrivals) else SCENARIO_JOBS,
        backlog_jobs=answers.volume.backlog_jobs,
        warmup_jobs=0 if answers.volume.backlog_jobs or counts_every_job(arrivals) else WARMUP_JOBS,
        deadline_s=answers.caller.deadline_s,
        tolerated_miss_percent=answers.caller.tolerated_miss_percent,
        arrivals=arrivals,
        service=EmpiricalService(distribution="empirical")
        if answers.is_replayed(*PROCESSING_TIMES)
        else _service(answers),
        first_token_s=first_token_s(answers),
        service_by_queue=_service_of_classes(answers),
        provider=_provider(answers),
        failures=Failures(
            transient_percent=failures.transient_percent,
            poison_percent=failures.poison_percent,
            failure_s=failures.failure_s,
        ),
        retries=Retries(
            max=retries.max,
            base_s=retries.base_s,
            cap_s=retries.cap_s,
            jitter=retries.jitter,
            intervals_s=retries.intervals_s,
        ),
        synchronous=_synchronous(answers),
        event_driven=_event_driven(evaluation, plan),
        hybrid=_hybrid(plan),
        subscribers=Subscribers(
            count=answers.subscribers.count,
            handling_p50_s=answers.subscribers.handling_p95_s * HANDLING_MEDIAN,
            handling_p95_s=answers.subscribers.handling_p95_s,
            consumers=plan.subscriber_consumers,
        ),
    )


PROCESSING_TIMES = ("processing.p50_s", "processing.p95_s", "processing.p99_s")
"""One distribution: they are replayed, taken from a source and left together."""


def _service(answers: Answers) -> LognormalService:
    times = answers.processing
    return LognormalService(distribution="lognormal", p50_s=times.p50_s, p95_s=times.p95_s, p99_s=times.p99_s)


def _service_of_classes(answers: Answers) -> dict[str, Service]:
    """Of the classes whose times differ from the others': in proportion to the usual ones but for what is given."""
    usual = answers.processing
    services: dict[str, Service] = {}
    for name, priority in answers.priorities.shares().items():
        if priority.p50_s is not None:
            p95_s = priority.p95_s or min(LARGEST, priority.p50_s * usual.p95_s / usual.p50_s)
            p99_s = None if usual.p99_s is None else min(LARGEST, p95_s * (usual.p99_s / usual.p95_s))
            services[name] = LognormalService(distribution="lognormal", p50_s=priority.p50_s, p95_s=p95_s, p99_s=p99_s)
    return services


def counts_every_job(arrivals: Arrivals) -> bool:
    match arrivals:
        case BurstArrivals() | TraceArrivals() | BacklogArrivals():
            return True
        case RegularArrivals() | PoissonArrivals() | GammaArrivals() | DailyArrivals() | ClosedArrivals():
            return False
        case _:
            assert_never(arrivals)


def scenario_from(given: Mapping[str, Any]) -> Scenario:
    """A hand-written Scenario; hops may be given by name.

    Raises:
        InvalidInput: with a problem for each field that is wrong, by its dotted path.
    """
    try:
        return Scenario.parse(_with_hops(given))
    except InvalidInput as error:
        raise with_lines(error, given) from error


def _with_hops(given: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(given)
    server = data.get("synchronous")
    hops = server.get("hops") if isinstance(server, Mapping) else None
    if not isinstance(server, Mapping) or not isinstance(hops, list | tuple):
        return data
    streams = server.get("streams_response") is True
    problems = [
        Problem(f"synchronous.hops.{place}", f"there is no hop named {hop!r}; known are {', '.join(library.hops())}")
        for place, hop in enumerate(hops)
        if isinstance(hop, str) and library.hop_named(hop) is None
    ]
    if problems:
        raise InvalidInput(problems)
    data["synchronous"] = {**server, "hops": [_hop(hop, streams) for hop in hops]}
    return data


def _hop(hop: Any, streams: bool) -> Any:
    fact = library.hop_named(hop) if isinstance(hop, str) else None
    return fact.hop(streams).model_dump() if fact else hop


def _arrivals(answers: Answers) -> Arrivals:
    volume = answers.volume
    if volume.trace is not None:
        key = "trace" if UUID.fullmatch(volume.trace) else "path"
        ignored = [name for name in ("input_tokens", "output_tokens") if not answers.is_replayed(f"processing.{name}")]
        return TraceArrivals.model_validate({"process": "trace", key: volume.trace, "ignored_columns": ignored})
    if volume.clients is not None:
        return ClosedArrivals(process="closed", clients=volume.clients, think_s=volume.think_s)
    peak_s = volume.peak_minutes * 60
    every_s = MINUTES_A_DAY * 60 / volume.peaks_per_day if volume.peaks_per_day > 0 else np.inf
    if volume.peaks and peak_s < every_s <= LONGEST_CYCLE_S:
        return BurstArrivals(
            process="bursts",
            rate_per_s=volume.mean_rate_per_s,
            peak_to_mean=volume.peak_to_mean,
            peak_s=peak_s,
            every_s=every_s,
            cv=volume.interarrival_cv,
        )
    if volume.interarrival_cv == 0:
        return RegularArrivals(process="regular", rate_per_s=volume.mean_rate_per_s)
    if volume.interarrival_cv == 1:
        return PoissonArrivals(process="poisson", rate_per_s=volume.mean_rate_per_s)
    return GammaArrivals(process="gamma", rate_per_s=volume.mean_rate_per_s, cv=volume.interarrival_cv)


def _provider(answers: Answers) -> Provider:
    limits = answers.provider
    profile = library.profiles().get(limits.profile or "")

    def ours(quota: float | None) -> float | None:
        return None if quota is None else quota * limits.share_percent / 100

    a_day = ours(limits.requests_per_day)
    return Provider(
        max_concurrency=limits.max_concurrency,
        requests_per_minute=ours(limits.requests_per_minute),
        input_tokens_per_minute=ours(limits.input_tokens_per_minute),
        output_tokens_per_minute=ours(limits.output_tokens_per_minute),
        input_tokens=float(answers.processing.input_tokens),
        output_tokens=float(answers.processing.output_tokens),
        failed_calls_count=profile.failed_calls_count if profile else True,
        slowdown=slowdown_of(answers),
        requests_per_day=None if a_day is None else max(1, int(a_day)),
        call_timeout_s=limits.call_timeout_s,
        pacing=limits.pacing,
        retry_after=limits.retry_after,
    )


def slowdown_of(answers: Answers) -> Slowdown | None:
    """A second measurement that is faster than the first counts for nothing; the advice warns of it."""
    processing = answers.processing
    mean_s = _service(answers).mean_time_s(0, None)
    if processing.high_mean_s is None or processing.high_mean_s <= mean_s:
        return None
    return Slowdown(
        measured_in_flight=processing.measured_in_flight,
        high_in_flight=processing.high_in_flight,
        high_mean_s=processing.high_mean_s,
    )


def first_token_s(answers: Answers) -> float | None:
    """The advice takes a first token of unknown time as in time, and says so; so does the simulation."""
    caller = answers.caller
    if caller.kind == "nobody" or not caller.streams_response:
        return None
    return 0.0 if caller.first_token_s is None else caller.first_token_s


def consumers_allowed(answers: Answers) -> int:
    """One order of all results leaves one consumer, and one worker: both work on one request after the other."""
    return 1 if answers.subscribers.ordering == "global" else answers.operations.max_workers


def _client_timeout_s(answers: Answers) -> float | None:
    """When the caller gives up the call, or the sender that must have its 2xx."""
    limits = [
        answers.synchronous.client_timeout_s if answers.caller.kind != "nobody" else None,
        answers.caller.acknowledgement_s,
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def _synchronous(answers: Answers) -> Synchronous:
    design, caller = answers.synchronous, answers.caller
    waits = caller.kind != "nobody"
    streams = waits and caller.streams_response
    return Synchronous(
        workers=min(answers.synchronous.workers, consumers_allowed(answers)),
        backlog=design.backlog,
        overflow=design.overflow,
        client_timeout_s=_client_timeout_s(answers),
        client_retries=design.client_retries if waits else 0,
        client_backoff_s=answers.failures.backoff_base_s if waits and design.client_retries else 0,
        hops=resolved_hops(design.hops, streams) if waits else (),
        streams_response=streams,
    )


def _hybrid(plan: DesignPlan) -> Hybrid | None:
    return Hybrid(inline_wait_s=plan.inline_wait_s) if plan.inline_wait_s else None


def _event_driven(evaluation: Evaluation, plan: DesignPlan) -> EventDriven:
    answers = evaluation.answers
    classes, costs = queue_classes(answers, evaluation.point), worker_costs(answers)
    total = sum(priority.share_percent for priority in classes.values())
    return EventDriven(
        **_consumers(answers, plan),
        queues={name: 100 * priority.share_percent / total for name, priority in classes.items()},
        accept_s=costs.accept_s,
        dispatch_s=costs.dispatch_s,
        retry_tick_s=costs.retry_tick_s,
        dead_letter=answers.failures.dead_letter,
        expires_s=plan.expiry.after_s if plan.expiry else None,
        circuit_breaker=CircuitBreaker(**plan.breaker.model_dump()) if plan.breaker else False,
        **_redelivery(answers),
        **_ordering(answers),
        delivery=_delivery(answers, plan),
    )


def _consumers(answers: Answers, plan: DesignPlan) -> dict[str, Any]:
    if plan.queue_consumers is not None:
        return {"discipline": "dedicated", "queue_consumers": plan.queue_consumers}
    return {"discipline": "strict", "consumers": plan.consumers or consumers_allowed(answers)}


def _redelivery(answers: Answers) -> dict[str, Any]:
    """A job that is acknowledged when it is taken has no lease that could end."""
    operations = answers.operations
    is_early = operations.crashes_per_hour > 0 and operations.acknowledges == "early"
    return {
        "lease_s": None if is_early else operations.lease_s,
        "lease_ends": operations.lease_ends,
        "max_deliveries": operations.max_deliveries,
        "crashes_per_hour": operations.crashes_per_hour,
        "acknowledges": "early" if is_early else "late",
    }


def _ordering(answers: Answers) -> dict[str, Any]:
    subscribers = answers.subscribers
    match subscribers.ordering:
        case "global":
            return {"ordering": "one_at_a_time"}
        case "per_key" if subscribers.keys is not None:
            return {"ordering": "per_key", "keys": subscribers.keys}
        case _:
            return {}


def retention_s(answers: Answers) -> float:
    return answers.resilience.result_retention_h * HOUR_S


def _webhook_schedule_s(answers: Answers) -> tuple[float, ...]:
    """The pauses before each repeated call, as long as the result is kept."""
    pauses = [float(pause) for pause in library.delivery_standards()["webhook"]["schedule_s"][1:]]
    made = np.cumsum(pauses) <= retention_s(answers)
    return tuple(pause for pause, is_made in zip(pauses, made, strict=True) if is_made)


def _delivery(answers: Answers, plan: DesignPlan) -> Delivery:
    match plan.delivery:
        case "inline":
            raise AssertionError("a result that is not in the response is delivered later")
        case "none":
            return NoDelivery(method="none")
        case "webhook":
            return WebhookDelivery(method="webhook", schedule=_webhook_schedule_s(answers))
        case "sse" | "websocket":
            return PushDelivery(method=plan.delivery)
        case "polling":
            interval_s, kept_s = plan.polling_interval_s, retention_s(answers)
            return PollingDelivery(
                method="polling", interval_s=interval_s, retention_s=kept_s if kept_s < interval_s else None
            )
        case _:
            assert_never(plan.delivery)
