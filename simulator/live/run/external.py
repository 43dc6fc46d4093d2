"""What an external endpoint was used for, and how it answered."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from core.errors import CannotRun
from simulator.live.run.design_run import DesignRun
from simulator.live.run.measure import Rows
from simulator.live.run.window import Window
from simulator.live.system.call_budget import CallBudget, Cut
from simulator.live.system.config import ExternalEndpoint
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType
from simulator.plan import mean_service_s
from simulator.result import EndpointUse, Quantiles
from simulator.services import DeterministicService, EmpiricalService
from simulator.tally import QUANTILES
from simulator.trace_columns import Floats

SUCCEEDED = 200.0
BRIEF_S = 1.0
REFUSALS = (400.0, 401.0, 403.0, 404.0)
"""Answers to a wrong key, address, model or argument; no retry helps."""
ENOUGH = 5


def shorten_service(window: Window) -> Window:
    """The window with service times of at most `BRIEF_S`, for a calibration: the machine's own costs do not depend on them."""
    mean_s = min(BRIEF_S, mean_service_s(window.scenario, window.trace, window.durations_s))
    service = DeterministicService(distribution="deterministic", mean_s=mean_s)
    scenario = window.scenario.model_copy(update={"service": service})
    return replace(window, scenario=scenario, trace=replace(window.trace, service_s=None), durations_s=None)


def with_answered_times(window: Window, jobs: Jobs, run: DesignRun) -> tuple[Window, Jobs]:
    """The same window and jobs with the service times that the endpoint's calls took in this run, for a prediction on equal terms.

    A job without a successful call has the mean of the others; if no call was successful, nothing changes.
    """
    took_s = _calls_s(run)
    answered = ~np.isnan(took_s)
    if not answered.any():
        return window, jobs
    service_s = np.where(answered, took_s, float(took_s[answered].mean()))
    scenario = window.scenario.model_copy(
        update={
            "service": EmpiricalService(distribution="empirical"),
            "service_by_queue": {},
            "provider": window.scenario.provider.model_copy(update={"slowdown": None}),  # the times have it
        }
    )
    trace = replace(window.trace, service_s=service_s)
    return replace(window, scenario=scenario, trace=trace, durations_s=None), replace(jobs, service_s=service_s)


def require_answers(external: ExternalEndpoint, run: DesignRun, folder: Path) -> None:
    """Stop a run that would show a wrong key or a wrong name as a property of the designs.

    Raises:
        CannotRun: the first calls were all refused for what they are, or none of a whole design's brought a result; in the endpoint's own words.
    """
    answers = run.rows["value"][run.rows["what"] == EventType.ANSWERED]
    refused = len(answers) >= ENOUGH and bool(np.isin(answers, REFUSALS).all())
    if refused or (run.ended and len(answers) and not (answers == SUCCEEDED).any()):
        raise CannotRun(
            f"{external.model} at {external.host} answered none of {len(answers)} calls with a result."
            f" The first was told: {CallBudget.first_error(folder) or 'nothing'}"
        )


def endpoint_use(external: ExternalEndpoint, runs: Mapping[str, DesignRun], scenario_mean_s: float) -> EndpointUse:
    spent = [run.spent for run in runs.values()]
    calls_s = np.concatenate([_calls_s(run) for run in runs.values()])
    return EndpointUse(
        host=external.host,
        model=external.model,
        max_calls=external.max_calls,
        max_tokens_a_call=external.max_tokens_a_call,
        calls=sum(each.calls for each in spent),
        failed_calls=sum(each.failed for each in spent),
        failures=_failures(runs.values()),
        input_tokens=sum(each.input_tokens for each in spent),
        output_tokens=sum(each.output_tokens for each in spent),
        cut={design: Cut(run.spent.cut).name.lower() for design, run in runs.items() if run.spent.cut},  # type: ignore[misc]
        call_s=_quantiles(calls_s[~np.isnan(calls_s)]),
        scenario_mean_s=scenario_mean_s,
    )


def _failures(runs: Iterable[DesignRun]) -> dict[str, int]:
    answers = np.concatenate([run.rows["value"][run.rows["what"] == EventType.ANSWERED] for run in runs])
    statuses, counts = np.unique(answers[(answers != SUCCEEDED) & (answers != 0.0)].astype(int), return_counts=True)
    return {str(status): int(count) for status, count in zip(statuses, counts, strict=True)}


def _calls_s(run: DesignRun) -> Floats:
    """By job: real seconds of its last successful call; NaN if there is none."""
    rows = Rows.from_journal(run.rows, run.clock)
    shape = len(run.setup.jobs), 1 + int(run.rows["index"].max(initial=0))
    took_s = (
        rows.table(EventType.ANSWERED, *shape, SUCCEEDED) - rows.table(EventType.CALLED, *shape)
    ) / run.clock.speed
    return reduce(lambda earlier, later: np.where(np.isnan(later), earlier, later), took_s.T)


def _quantiles(values: Floats) -> Quantiles:
    if not len(values):
        return Quantiles()
    quantiles = {name: float(np.quantile(values, share)) for name, share in QUANTILES.items()}
    return Quantiles(mean=float(values.mean()), **quantiles, max=float(values.max()))
