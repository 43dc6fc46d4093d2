"""The calibration before a run: measures what this machine's processes cost a job, at the run's speed and load."""

from dataclasses import replace

import numpy as np

from simulator.arrivals import PoissonArrivals
from simulator.live.run.design_run import DesignRun
from simulator.live.run.measure import Rows
from simulator.live.run.window import Window, simulate_window
from simulator.live.system.clock import NS_PER_S
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType
from simulator.live.system.shared_model import slowing_of
from simulator.plan import OWN_CONSUMERS, SYNCHRONOUS, mean_service_s
from simulator.result import Costs, Design
from simulator.scenario import Failures, Provider, Scenario, Subscribers
from simulator.services import DeterministicService, EmpiricalService
from simulator.tally import Tally
from simulator.trace_columns import Floats

SECONDS = 3.0
UTILISATION = 0.6
"""Of its servers: busy enough to be like the run, idle enough that nothing waits long."""
MOST_JOBS_PER_S = 60.0
CALIBRATION_DRAIN_S = 15.0
STOCK_TICK_S = 1.0


def calibration_scenario(window: Window, speed: float) -> Scenario:
    scenario = window.scenario
    mean_s = mean_service_s(scenario, window.trace, window.durations_s)
    servers = min(scenario.synchronous.workers, scenario.event_driven.consumers)
    concurrency = min(servers, scenario.provider.max_concurrency or servers)
    rate = min(UTILISATION * concurrency / mean_s, MOST_JOBS_PER_S / speed)
    plain = scenario.synchronous.model_copy(
        update={"backlog": None, "client_timeout_s": None, "hops": (), "client_retries": 0}
    )
    no_costs = {"accept_s": 0.0, "dispatch_s": 0.0, "retry_tick_s": 0.0}
    undisturbed = {"lease_s": None, "max_deliveries": None, "crashes_per_hour": 0.0, "ordering": "none"}
    quiet = scenario.event_driven.model_copy(update={"max_queue": None, "expires_s": None} | undisturbed | no_costs)
    return scenario.model_copy(
        update={
            "seed": scenario.seed + 1,
            "jobs": max(20, round(rate * speed * SECONDS)),
            "duration_s": None,
            "arrivals": PoissonArrivals(process="poisson", rate_per_s=rate),
            "backlog_jobs": 0,
            "service": DeterministicService(distribution="deterministic", mean_s=mean_s),
            "service_by_queue": {},
            "provider": Provider(
                input_tokens=scenario.provider.input_tokens, output_tokens=scenario.provider.output_tokens
            ),
            "failures": Failures(),
            "subscribers": Subscribers(),
            "synchronous": plain,
            "event_driven": quiet,
        }
    )


def mean_costs(synchronous: DesignRun, event_driven: DesignRun) -> Costs:
    queued = _instants(event_driven, EventType.QUEUED)
    accept = (queued - event_driven.setup.jobs.arrival_s) / event_driven.clock.speed
    pickup_s = _mean_s(pickups_s(event_driven))
    return Costs(
        accept_s=_mean_s(accept),
        pickup_s=pickup_s,
        dispatch_s=pickup_s + _mean_s(beyond_service_s(event_driven)) + release_s(event_driven),
        release_s=release_s(event_driven),
        synchronous_s=_mean_s(beyond_service_s(synchronous)),
        retry_tick_s=STOCK_TICK_S if event_driven.setup.workers == "stock" else 0.0,
    )


def pickups_s(run: DesignRun) -> Floats:
    """By job, in real seconds: from its place in its queue until an idle worker began it; NaN if no worker of its queue was idle."""
    queued, started, freed = (_instants(run, what) for what in (EventType.QUEUED, EventType.STARTED, EventType.FREED))
    idle = [_finds_idle(job, run, queued, freed) for job in range(len(queued))]
    return np.where(idle, started - queued, np.nan) / run.clock.speed


def _finds_idle(job: int, run: DesignRun, queued: Floats, freed: Floats) -> bool:
    """Whether fewer jobs are waiting or in progress than there are consumers for its queue, when the job is queued."""
    jobs, design = run.setup.jobs, run.setup.scenario.event_driven
    before = (queued < queued[job]) & ~(freed <= queued[job])
    if not OWN_CONSUMERS[design.discipline]:
        return bool(before.sum() < design.consumers)
    return bool((before & (jobs.place == jobs.place[job])).sum() < jobs.consumers[jobs.place[job]])


def beyond_service_s(run: DesignRun) -> Floats:
    """By job, in real seconds: what its first attempt took a worker beyond the model's own time."""
    held = (_instants(run, EventType.FREED) - _instants(run, EventType.STARTED)) - run.setup.jobs.service_s
    return held / run.clock.speed


def release_s(run: DesignRun) -> float:
    """From the end of a task until its worker waits for the next: the median of the workers' last tasks, by rq's heartbeats."""
    freed = run.rows[run.rows["what"] == EventType.FREED]
    last_ns = dict(zip(freed["value"].tolist(), freed["at_ns"].tolist(), strict=True))
    took = [
        (idle_ns - last_ns[worker]) / NS_PER_S for worker, idle_ns in run.idle_since_ns.items() if worker in last_ns
    ]
    return max(0.0, float(np.median(took))) if took else 0.0


def _mean_s(taken_s: Floats) -> float:
    return max(0.0, float(np.nanmean(taken_s))) if not np.isnan(taken_s).all() else 0.0


def _instants(run: DesignRun, what: EventType) -> Floats:
    """By job, in Scenario seconds. No job of a calibration has a second attempt."""
    return Rows.from_journal(run.rows, run.clock).last(what, len(run.setup.jobs))


def predict(window: Window, costs: Costs, speed: float, jobs: Jobs, design: Design) -> Tally:
    """The kernel's account of the same jobs with this machine's costs, times the speed.

    A measured wait lasts until the task begins, so the predicted one includes the pick-up. The result is published before its worker is
    released: the kernel, which adds all of the dispatch to the latency, accepts jobs earlier by the release.
    """
    scenario, trace, drawn = window.scenario, window.trace, window.durations_s
    if design == SYNCHRONOUS:
        service_s = jobs.service_s + costs.synchronous_s * speed
        scenario = scenario.model_copy(
            update={
                "service": EmpiricalService(distribution="empirical"),
                "service_by_queue": {},
                "provider": _slowed_alike(scenario, jobs, float(service_s.mean())),
            }
        )
        return simulate_window(scenario, replace(trace, service_s=service_s), None)[design]
    own = scenario.event_driven
    with_costs = {
        "accept_s": own.accept_s + max(0.0, costs.accept_s - costs.release_s) * speed,
        "dispatch_s": own.dispatch_s + costs.dispatch_s * speed,
        "retry_tick_s": max(own.retry_tick_s, costs.retry_tick_s * speed),
    }
    scenario = scenario.model_copy(update={"event_driven": own.model_copy(update=with_costs)})
    tally = simulate_window(scenario, trace, drawn)[design]
    return _as_measured(tally, costs, speed, jobs, with_costs["dispatch_s"])


def _slowed_alike(scenario: Scenario, jobs: Jobs, mean_s: float) -> Provider:
    """The provider, its calls slowed by the same factor if the first point's mean is now `mean_s`."""
    slowing, slowdown = slowing_of(scenario, jobs), scenario.provider.slowdown
    if slowing is None or slowdown is None:
        return scenario.provider
    high_mean_s = slowdown.high_mean_s * mean_s / slowing.measured_s
    return scenario.provider.model_copy(update={"slowdown": slowdown.model_copy(update={"high_mean_s": high_mean_s})})


def _as_measured(tally: Tally, costs: Costs, speed: float, jobs: Jobs, dispatch_s: float) -> Tally:
    """With the pick-up as part of every wait, and a utilisation of the tasks alone: no journal records when rq itself is at work."""
    by_s = (
        costs.pickup_s * speed * max(1.0, tally.provider_calls / max(1, tally.waits.total))
    )  # of all of a job's attempts
    outside_tasks = (costs.pickup_s + costs.release_s) * speed / (float(jobs.service_s.mean()) + dispatch_s)
    utilisation = tally.utilisation * (1 - outside_tasks)
    return replace(
        tally,
        waits=tally.waits.later(by_s),
        classes=tuple(replace(one, wait=one.wait.later(by_s)) for one in tally.classes),
        lag_max_s=tally.lag_max_s + costs.pickup_s * speed,
        utilisation=utilisation,
    )
