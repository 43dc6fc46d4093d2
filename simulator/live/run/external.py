"""What an outside endpoint was used for, and how it answered."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.live.errors import CannotRun
from simulator.live.run.design_run import DesignRun
from simulator.live.run.window import Window
from simulator.live.system.call_budget import CallBudget, Cut
from simulator.live.system.clock import NS_PER_S
from simulator.live.system.config import ExternalEndpoint
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import What
from simulator.plan import Floats, mean_service_s
from simulator.result import EndpointUse, Quantiles
from simulator.scenario import DeterministicService, EmpiricalService

SUCCEEDED = 200.0
BRIEF_S = 1.0
REFUSALS = (400.0, 401.0, 403.0, 404.0)
"""What a wrong key, address, model or argument is answered with; no retry helps."""
ENOUGH = 5


def briefly(window: Window) -> Window:
    """The window as a calibration takes it: in real time it need not wait as long as the Scenario's service times last, since what the
    machine's own parts cost does not depend on them."""
    mean_s = min(BRIEF_S, mean_service_s(window.scenario, window.trace, window.durations_s))
    service = DeterministicService(distribution="deterministic", mean_s=mean_s)
    trace = replace(window.trace, service_s=None)
    return replace(
        window, scenario=window.scenario.model_copy(update={"service": service}), trace=trace, durations_s=None
    )


def as_answered(window: Window, jobs: Jobs, found: DesignRun) -> tuple[Window, Jobs]:
    """The same window and jobs with the service times that the endpoint's calls took in this run, for a prediction on equal terms.

    A job whose calls brought nothing has the mean of those that brought something; where none did, the Scenario's times stand.
    """
    took = _by_job_s(found, len(jobs))
    answered = ~np.isnan(took)
    if not answered.any():
        return window, jobs
    service_s = np.where(answered, took, float(took[answered].mean()))
    scenario = window.scenario.model_copy(update={"service": EmpiricalService(distribution="empirical")})
    told = replace(window, scenario=scenario, trace=replace(window.trace, service_s=service_s), durations_s=None)
    return told, replace(jobs, service_s=service_s)


def require_answers(external: ExternalEndpoint, found: DesignRun, room: Path) -> None:
    """Stop a run of which nothing can come: whatever it would say of the designs would be said of a wrong key or a wrong name.

    Raises:
        CannotRun: the first calls were all refused for what they are, or none of a whole design's brought a result; in the endpoint's own words.
    """
    answers = found.rows["value"][found.rows["what"] == What.ANSWERED]
    refused = len(answers) >= ENOUGH and bool(np.isin(answers, REFUSALS).all())
    if refused or (found.ended and len(answers) and not (answers == SUCCEEDED).any()):
        told = CallBudget.noted(room)
        raise CannotRun(
            f"{external.model} at {external.host} answered none of {len(answers)} calls with a result. The first was told: {told or 'nothing'}"
        )


def use_of(external: ExternalEndpoint, performances: Mapping[str, DesignRun], scenario_mean_s: float) -> EndpointUse:
    """Of both designs together; `scenario_mean_s` is the service time that the Scenario takes for granted."""
    spent = [found.spent for found in performances.values()]
    took = [_by_job_s(found, len(found.stage.jobs)) for found in performances.values()]
    calls_s = np.concatenate([each[~np.isnan(each)] for each in took])
    return EndpointUse(
        host=external.host,
        model=external.model,
        max_calls=external.max_calls,
        max_tokens_a_call=external.max_tokens_a_call,
        calls=sum(each.calls for each in spent),
        failed_calls=sum(each.failed for each in spent),
        failures=_failures(performances.values()),
        input_tokens=sum(each.input_tokens for each in spent),
        output_tokens=sum(each.output_tokens for each in spent),
        cut={name: Cut(found.spent.cut).name.lower() for name, found in performances.items() if found.spent.cut},  # type: ignore[misc]
        call_s=_quantiles(calls_s),
        scenario_mean_s=scenario_mean_s,
    )


def _failures(performances: Iterable[DesignRun]) -> dict[str, int]:
    """How often each status was answered that brought no result."""
    statuses = np.concatenate([found.rows["value"][found.rows["what"] == What.ANSWERED] for found in performances])
    told, times = np.unique(statuses[(statuses != SUCCEEDED) & (statuses != 0.0)].astype(int), return_counts=True)
    return {str(status): int(count) for status, count in zip(told, times, strict=True)}


def _by_job_s(found: DesignRun, n: int) -> Floats:
    """How long each job's call took that brought its result, in real seconds; NaN where none did."""
    begun: dict[tuple[int, int], int] = {}
    took = np.full(n, np.nan)
    for row in found.rows[np.isin(found.rows["what"], (What.CALLED, What.ANSWERED))]:
        call = int(row["job"]), int(row["index"])
        if row["what"] == What.CALLED:
            begun[call] = int(row["at_ns"])
        elif row["value"] == SUCCEEDED and call in begun:
            took[call[0]] = (int(row["at_ns"]) - begun[call]) / NS_PER_S
    return took


def _quantiles(values: Floats) -> Quantiles:
    if not len(values):
        return Quantiles()
    p50, p90, p95, p99 = (float(np.quantile(values, share)) for share in (0.5, 0.9, 0.95, 0.99))
    return Quantiles(mean=float(values.mean()), p50=p50, p90=p90, p95=p95, p99=p99, max=float(values.max()))
