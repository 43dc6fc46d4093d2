"""The consumers of the plan: the fewest with which short runs of the design keep the deadline and each class's longest wait."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from advisor.advice import polling, sizing
from advisor.advice.contract import DesignPlan, Evidence, Style
from advisor.advice.decision import decide_style, preferences
from advisor.advice.delivery import answers_all_in_line
from advisor.advice.design_plan import plan_by_formulas
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import MOST_JOBS_A_REPLICATION, MOST_ROWS_LOOKED_AT_IN_FULL, brief_scenario, evidence_of
from advisor.advice.expiry import with_expiry
from advisor.advice.fewer_retries import better_style, explained_retries, find_fewer_retries
from advisor.advice.ordinary_days import with_ordinary_days
from advisor.advice.peak_and_outage import outage_of, peak_drain_s, with_breaker
from advisor.advice.scenario import consumers_allowed, scenario_of
from core.errors import InvalidInput
from simulator.apportionment import apportion_by_share
from simulator.experiment import tally_of_one_run
from simulator.plan import EVENT_DRIVEN, HYBRID, jobs_of
from simulator.scenario import Scenario
from simulator.traces import Trace

PROBE_JOBS = 10_000
"""Jobs of a probe, rounded up to whole cycles of the peaks."""
MOST_JOBS_OF_A_PROBE, MOST_JOBS_OF_PROBES = 100_000, 400_000
"""Jobs. If a cycle has to be simulated whole (a backlog gathers in its peak) and has more, the number is passed over; once the probes of a
search have simulated the second of these, it ends with the fewest consumers that were enough."""
RUN_WHOLE = 4
"""If jobs are there at the start, or a recording is replayed, every run is whole, and both are this many times as large."""
PROBE_HEADROOM = 0.9
"""A probe is one run: waits and misses in it stay this far below what is promised."""
_STEP = 0.05
"""The first step away from the number that the formulas give; it doubles until the number is enclosed."""
_FEWER_TRIED = 3
"""Numbers of retries with which the evidence is simulated again."""
_MORE, _TIMES_MORE = 0.1, 2
"""If the evidence does not bear out the number that the probes lead to, it is raised by this part, and at least by one, this often."""


def planned_evidence(evaluation: Evaluation, trace: Trace | None = None) -> tuple[DesignPlan, Evidence | None]:
    """The plan and its evidence: with the retries of the answers, unless no design meets the deadline with those and one does with fewer.

    Consumers are searched for if queues may be advised: not if the forces favour the synchronous design and it meets the deadline. Without a
    deadline, or without the recording that the answers name, there is no evidence.

    Raise as `evidence_of`.
    """
    plan, evidence = _with_retries_allowed(evaluation, trace)
    if evidence is None:
        return plan, None
    for fewer in islice(find_fewer_retries(evaluation, evidence, trace), _FEWER_TRIED):
        planned, having = _with_retries_allowed(fewer, trace)
        style = None if having is None else better_style(evaluation, evidence, fewer, having, trace)
        if having is not None and style is not None:
            retries = explained_retries(evaluation, evidence, fewer, having, style)
            return planned.model_copy(update={"retries": retries}), having
    return plan, evidence


def _with_retries_allowed(evaluation: Evaluation, trace: Trace | None) -> tuple[DesignPlan, Evidence | None]:
    plan = plan_by_formulas(evaluation)
    if evaluation.answers.caller.deadline_s is None or (evaluation.answers.volume.trace is not None and trace is None):
        return plan, None
    preferred = preferences(float(evaluation.decisions.pull[0]), float(evaluation.decisions.hybrid_case[0]))[0]
    if preferred == "synchronous":
        evidence = evidence_of(evaluation, trace, plan)
        if evidence is None or decide_style(evaluation, evidence).style == "synchronous":
            return plan, evidence
    return simulated_plan(evaluation, plan, trace)


def advised_scenario(evaluation: Evaluation, trace: Trace | None = None) -> Scenario:
    """The Scenario of the plan, as the advice simulates it. `trace` is the recording that the answers name."""
    try:
        plan, _ = planned_evidence(evaluation, trace)
    except (InvalidInput, MemoryError):
        plan = plan_by_formulas(evaluation)
    return scenario_of(evaluation, plan)


def simulated_plan(
    evaluation: Evaluation, plan: DesignPlan, trace: Trace | None = None
) -> tuple[DesignPlan, Evidence | None]:
    """The plan with its consumers, and its evidence. If no number keeps all promises, all consumers that can be put to use.

    Raise as `evidence_of`.
    """
    planned, evidence = _planned(evaluation, plan, trace)
    if evidence is None:
        return planned, None
    planned, evidence = with_expiry(evaluation, planned, evidence)
    recovering = _recovering(evaluation, planned)
    if recovering != planned:
        planned, evidence = recovering, evidence_of(evaluation, trace, recovering) or evidence
    evidence = with_ordinary_days(evaluation, planned, evidence, trace)
    drains_s = peak_drain_s(evaluation, planned)
    peak = {"drain_after_peak_s": drains_s if drains_s is not None and math.isfinite(drains_s) else None}
    return planned, evidence.model_copy(update=peak | {"outage": outage_of(evaluation, planned)})


def _planned(evaluation: Evaluation, plan: DesignPlan, trace: Trace | None) -> tuple[DesignPlan, Evidence | None]:
    most = _most_consumers(evaluation)
    search = _Search(evaluation, plan, trace)
    planned = with_breaker(evaluation, search.planned(most))
    if plan.inline_wait_s is not None and answers_all_in_line(evaluation.facts)[0]:
        subscribers = sizing.events_queue(evaluation.answers, evaluation.point).consumers
        planned = planned.model_copy(update={"subscriber_consumers": subscribers})
    for _ in range(_TIMES_MORE):
        evidence, consumers = evidence_of(evaluation, trace, planned), _consumers_in_all(planned)
        if consumers >= most or _is_kept(evaluation, evidence, search.design):
            return planned, evidence
        more = min(most, consumers + max(1, math.ceil(_MORE * consumers)))
        planned = _with_consumers(evaluation, planned, more)
    planned = _with_consumers(evaluation, planned, most)
    return planned, evidence_of(evaluation, trace, planned)


def _consumers_in_all(plan: DesignPlan) -> int:
    return plan.consumers or sum((plan.queue_consumers or {}).values())


def _with_consumers(evaluation: Evaluation, plan: DesignPlan, consumers: int) -> DesignPlan:
    """The plan with that many in all. If each queue has its own, those beyond them are shared out by the work that the queues get."""
    own = plan.queue_consumers
    if own is None:
        return plan.model_copy(update={"consumers": consumers})
    work = sizing.work_shares(evaluation.answers, evaluation.point)
    more = apportion_by_share([work[name] for name in own], consumers - sum(own.values()) + len(own))
    raised = {name: count + extra - 1 for (name, count), extra in zip(own.items(), more, strict=True)}
    return plan.model_copy(update={"queue_consumers": raised})


def _most_consumers(evaluation: Evaluation) -> int:
    """More bring nothing, or are not allowed. How many are of use to a recording, its own processing times say, not the answers'."""
    if evaluation.answers.volume.trace is not None:
        return consumers_allowed(evaluation.answers)
    return sizing.most_consumers(evaluation.point)


def _recovering(evaluation: Evaluation, plan: DesignPlan) -> DesignPlan:
    """The plan with the fewest more consumers that recover from the stated outage in the time allowed; as it is if none do."""
    most, consumers = _most_consumers(evaluation), _consumers_in_all(plan)
    if consumers >= most or _recovers(evaluation, plan) is not False:
        return plan
    low, high = consumers + 1, most
    if not _recovers(evaluation, _with_consumers(evaluation, plan, most)):
        return plan
    while low < high:
        middle = (low + high) // 2
        recovers = _recovers(evaluation, _with_consumers(evaluation, plan, middle))
        low, high = (low, middle) if recovers else (middle + 1, high)
    recovering = _with_consumers(evaluation, plan, high)
    return recovering.model_copy(update={"recovery_consumers": high - consumers})


def _recovers(evaluation: Evaluation, plan: DesignPlan) -> bool | None:
    """None if no outage is stated, or if it is not simulated."""
    outage = outage_of(evaluation, plan)
    within_s = 60 * evaluation.answers.resilience.recover_within_minutes
    return None if outage is None else outage.recovery_s is not None and outage.recovery_s <= within_s


def _is_kept(evaluation: Evaluation, evidence: Evidence | None, design: Style) -> bool:
    """Whether a design meets the deadline, and each class its longest wait."""
    if evidence is None:
        return True
    outcome = evidence.styles[design]
    waits_s = {name: one.wait_p95_s for name, one in outcome.classes.items()}
    allowed_s = sizing.allowed_waits_s(evaluation.answers, evaluation.point)
    return outcome.conclusion == "meets" and all(
        waited is not None and waited <= allowed_s[name] for name, waited in waits_s.items()
    )


@dataclass(frozen=True)
class _Probe:
    """One short run. Waits are p95 of each class."""

    missed: float
    is_stable: bool
    waits_s: tuple[float, ...]
    latency_mean_s: float
    """Of the jobs that have a result."""
    latency_p99_s: float


class _Search:
    """`design` is the one that is probed: the event-driven one, or the hybrid if it alone meets the deadline.

    The queue and the consumers of both are the same; a hybrid answers sooner.
    """

    def __init__(self, evaluation: Evaluation, plan: DesignPlan, trace: Trace | None = None) -> None:
        self._evaluation, self._plan, self._trace = evaluation, plan, trace
        point = evaluation.point
        self._formula = sizing.plan(evaluation.answers, point)
        self._allowed_s = tuple(sizing.allowed_waits_s(evaluation.answers, point).values())
        is_whole = evaluation.answers.volume.backlog_jobs or trace is not None
        self._times = RUN_WHOLE if is_whole else 1
        self._left = self._times * MOST_JOBS_OF_PROBES
        self.design: Style = EVENT_DRIVEN

    def planned(self, most: int) -> DesignPlan:
        plan = self._fewest_consumers(most)
        if plan.delivery != "polling" or plan.inline_wait_s is not None:
            return plan
        probe = self._probe(consumers=plan.consumers, queue_consumers=plan.queue_consumers)
        if probe is None or not math.isfinite(probe.latency_p99_s):
            return plan
        interval_s = polling.interval_s(self._evaluation.point, probe.latency_mean_s, probe.latency_p99_s)
        return plan.model_copy(update={"polling_interval_s": interval_s})

    def _fewest_consumers(self, most: int) -> DesignPlan:
        """The fewest shared consumers; if all that are of use leave an urgent class waiting behind long jobs, consumers of its own."""
        best = self._probe(consumers=most)
        if self._plan.inline_wait_s is not None and not self._is_enough(best, self._tolerated):
            self.design = HYBRID
            best = self._probe(consumers=most)
        if best is None or not best.is_stable or best.missed > self._tolerated:
            return self._with(consumers=most)
        if late := self._late(best):
            return (self._dedicated(late, most) if 0 in late else None) or self._with(consumers=most)
        most_missed = best.missed + PROBE_HEADROOM * (self._tolerated - best.missed)
        low, high = min(most, self._fewest), most
        tried, step, sides = self._guess, max(1, round(_STEP * self._guess)), set[bool]()
        while low < high and self._left > 0:
            tried = min(high - 1, max(low, tried))
            enough = self._is_enough(self._probe(consumers=tried), most_missed)
            low, high = (low, tried) if enough else (tried + 1, high)
            sides.add(enough)
            tried, step = (low + high) // 2 if len(sides) > 1 else tried + (-step if enough else step), 2 * step
        return self._with(consumers=high)

    def _is_enough(self, probe: "_Probe | None", most_missed: float) -> bool:
        return probe is not None and probe.is_stable and probe.missed <= most_missed and not self._late(probe)

    @property
    def _fewest(self) -> int:
        """Those that keep up with the mean rate; of a recording it is not known."""
        return 1 if self._trace is not None else self._formula.steady

    @property
    def _guess(self) -> int:
        """By the formulas, for the class that may wait longest: the others go first."""
        return sizing.stream_of(self._evaluation.point).consumers(self._allowed_s[-1])

    @property
    def _tolerated(self) -> float:
        return self._evaluation.point.caller.tolerated

    def _late(self, probe: _Probe) -> list[int]:
        """The places of the classes that wait too long."""
        waits = zip(probe.waits_s, self._allowed_s, strict=True)
        return [place for place, (waited, allowed) in enumerate(waits) if waited > PROBE_HEADROOM * allowed]

    def _dedicated(self, late: list[int], most: int) -> DesignPlan | None:
        """None if that leaves as many classes waiting too long."""
        queues = {queue.name: queue.consumers for queue in self._formula.queues}
        if len(queues) < 2 or sum(queues.values()) > most:
            return None
        probe = self._probe(queue_consumers=queues)
        if (
            probe is None
            or not probe.is_stable
            or probe.missed > self._tolerated
            or len(self._late(probe)) >= len(late)
        ):
            return None
        return self._with(queue_consumers=queues)

    def _with(self, **consumers: Any) -> DesignPlan:
        return self._plan.model_copy(update=consumers)

    def _probe(self, **consumers: Any) -> _Probe | None:
        """None if it would take too long, or if the evidence would not show by how much resamples of the recording differ."""
        if self._trace is not None and self._trace.requests > MOST_ROWS_LOOKED_AT_IN_FULL:
            return None
        scenario = brief_scenario(self._evaluation, PROBE_JOBS, MOST_JOBS_A_REPLICATION, self._with(**consumers))
        if (jobs := jobs_of(scenario, self._trace)) > self._times * MOST_JOBS_OF_A_PROBE:
            return None
        self._left -= jobs
        if self._trace is not None:
            return _probe_of(scenario, self.design, self._trace)
        return _probed(scenario.model_dump_json(by_alias=True), self.design)


@lru_cache(maxsize=1024)
def _probed(scenario_json: str, design: str) -> _Probe:
    return _probe_of(Scenario.model_validate_json(scenario_json), design)


def _probe_of(scenario: Scenario, design: str, trace: Trace | None = None) -> _Probe:
    tally, is_stable = tally_of_one_run(scenario, design, trace)
    waits_s = (one.wait.quantile_s(sizing.WAITS) if one.counts["offered"] else 0.0 for one in tally.classes)
    mean_s = tally.latencies.sum_s / max(1, int(tally.latencies.histogram.sum()))
    return _Probe(1 - tally.good_share, is_stable, tuple(waits_s), mean_s, tally.latency["p99"])
