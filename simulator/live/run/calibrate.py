"""A short live run of its own that measures what this machine's parts cost a job, at the speed and load of the run that follows."""

from dataclasses import dataclass, replace

import numpy as np

from simulator.kernel import layout as at
from simulator.live.run.design_run import Design, DesignRun, Stage
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.measure import Rows
from simulator.live.run.window import Window, simulate_window
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import What
from simulator.plan import SYNCHRONOUS, mean_service_s
from simulator.result import Costs
from simulator.scenario import (
    DeterministicService,
    EmpiricalService,
    Failures,
    PoissonArrivals,
    Provider,
    Scenario,
    Subscribers,
)
from simulator.tally import Tally

Instants = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
SECONDS = 3.0
"""Real seconds over which its jobs arrive."""
UTILISATION = 0.6
"""Of its servers: busy enough to be like the run, idle enough that nothing waits long."""
MOST_JOBS_PER_S = 60.0
DRAIN_LIMIT_S = 15.0
RETRY_TICK_S = 0.01
"""How often the run's own scheduler looks for due retries, in real seconds (`event_driven.due`)."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """The scenario of the separate run: the same servers and delivery, but nothing fails and each job takes the mean time."""

    scenario: Scenario
    speed: float

    def stage(self, design: Design, workload: str) -> Stage:
        jobs = draw_jobs(self.scenario, design)
        return Stage(self.scenario, design, jobs, self.speed, DRAIN_LIMIT_S, workload)


def calibration_of(window: Window, speed: float) -> Calibration:
    """What to run, other jobs than those of the window itself."""
    scenario = window.scenario
    mean_s = mean_service_s(scenario, window.trace, window.durations_s)
    servers = min(scenario.synchronous.workers, scenario.event_driven.consumers)
    concurrency = min(servers, scenario.provider.max_concurrency or servers)
    rate = min(UTILISATION * concurrency / mean_s, MOST_JOBS_PER_S / speed)
    plain = scenario.synchronous.model_copy(
        update={"backlog": None, "client_timeout_s": None, "hops": (), "client_retries": 0}
    )
    quiet = scenario.event_driven.model_copy(update={"max_queue": None, "expires_s": None})
    return Calibration(
        scenario.model_copy(
            update={
                "seed": scenario.seed + 1,
                "jobs": max(20, round(rate * speed * SECONDS)),
                "arrivals": PoissonArrivals(process="poisson", rate_per_s=rate),
                "service": DeterministicService(distribution="deterministic", mean_s=mean_s),
                "provider": Provider(
                    input_tokens=scenario.provider.input_tokens, output_tokens=scenario.provider.output_tokens
                ),
                "failures": Failures(),
                "subscribers": Subscribers(),
                "synchronous": plain,
                "event_driven": quiet,
            }
        ),
        speed,
    )


def costs_of(synchronous: DesignRun, event_driven: DesignRun) -> Costs:
    """The mean costs a job, from both designs' separate runs."""
    queued = _table(event_driven, What.QUEUED)
    accept = (queued - event_driven.stage.jobs.arrival_s) / event_driven.clock.speed
    return Costs(
        accept_s=_mean_s(accept),
        pickup_s=_mean_s(pickups(event_driven)),
        dispatch_s=_mean_s(beside_the_model(event_driven)),
        synchronous_s=_mean_s(beside_the_model(synchronous)),
        retry_tick_s=RETRY_TICK_S,
    )


def pickups(found: DesignRun) -> Instants:
    """By job, in real seconds: from its place in its queue to a consumer's hands; NaN where it found none idle in its class."""
    jobs = found.stage.jobs
    queued, taken, freed = (_table(found, what) for what in (What.QUEUED, What.STARTED, What.FREED))
    idle = [_finds_idle(job, jobs, queued, freed) for job in range(len(jobs))]
    return np.where(idle, taken - queued, np.nan) / found.clock.speed


def _finds_idle(job: int, jobs: Jobs, queued: Instants, freed: Instants) -> bool:
    """Whether fewer jobs of its class are queued or in hand than it has consumers, when the job is queued."""
    before = (jobs.place == jobs.place[job]) & (queued < queued[job]) & ~(freed <= queued[job])
    return bool(before.sum() < jobs.consumers[jobs.place[job]])


def beside_the_model(found: DesignRun) -> Instants:
    """By job, in real seconds: what holds a server beside the model's own time, an attempt."""
    held = (_table(found, What.FREED) - _table(found, What.STARTED)) - found.stage.jobs.service_s
    return held / found.clock.speed


def _mean_s(taken_s: Instants) -> float:
    """Of the jobs that have it."""
    return max(0.0, float(np.nanmean(taken_s))) if not np.isnan(taken_s).all() else 0.0


def _table(found: DesignRun, what: What) -> Instants:
    """By job: when its first attempt did that."""
    return Rows.of(found.rows, found.clock).table(what, len(found.stage.jobs), 1)[:, 0]


def predicted(window: Window, costs: Costs, speed: float, jobs: Jobs, design: Design) -> Tally:
    """What the kernel makes of the same jobs with this machine's costs, times the speed: here, and nowhere else.

    The pick-up delays a job and holds no consumer, as accepting it does; but it is part of the measured wait, and so of the predicted one.
    """
    scenario, trace, drawn = window.scenario, window.trace, window.durations_s
    if design == SYNCHRONOUS:
        trace = replace(trace, service_s=jobs.service_s + costs.synchronous_s * speed)
        scenario = scenario.model_copy(update={"service": EmpiricalService(distribution="empirical")})
        drawn = None
    else:
        own = scenario.event_driven
        dear = {
            "accept_s": own.accept_s + (costs.accept_s + costs.pickup_s) * speed,
            "dispatch_s": own.dispatch_s + costs.dispatch_s * speed,
            "retry_tick_s": max(own.retry_tick_s, costs.retry_tick_s * speed),
        }
        scenario = scenario.model_copy(update={"event_driven": own.model_copy(update=dear)})
    tally = simulate_window(scenario, trace, drawn)[design]
    return tally if design == SYNCHRONOUS else waiting_longer(tally, costs.pickup_s * speed)


def waiting_longer(tally: Tally, by_s: float) -> Tally:
    """Every job that started has waited so much longer, and stood in its queue so much longer."""
    waits = tally.class_waits_s + by_s * tally.classes[:, at.K_STARTED]
    wait = {name: value + by_s for name, value in tally.wait.items()}
    return replace(tally, wait=wait, class_waits_s=waits, lag_max_s=tally.lag_max_s + by_s)
