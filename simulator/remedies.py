"""What makes a design meet a deadline that no design of a run meets: the nearest number of servers, or quota, found with the kernel.

Trials are short runs of the same jobs and draws. What they find is verified with longer runs, and moved on until it
meets there. The search is bounded by the jobs and calls that are simulated, so that a seed finds the same on every machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor, inf, log10
from typing import Any

from simulator.arrivals import BacklogArrivals, SteadyArrivals, TraceArrivals
from simulator.conclusions import NEITHER, least_share
from simulator.experiment import simulate
from simulator.plan import SYNCHRONOUS, designs_of, jobs_of, most_servers_of
from simulator.replications import OnProgress, Progress, Share
from simulator.result import Bounds, ChangedSetting, DesignName, DesignRemedies, DesignResult, Remedy, Result
from simulator.scenario import Scenario
from simulator.stability import load_of
from simulator.trace_columns import Floats
from simulator.traces import Trace

LARGEST_SERVERS = 4_096
"""The search goes up to this many servers, or to eight times those of the scenario if that is more."""
TRIAL_JOBS, TRIAL_REPLICATIONS = 20_000, 3
VERIFYING_JOBS, VERIFYING_REPLICATIONS = 80_000, 5
"""Arrivals that are alike at all times are cut to this length: a good share whose interval is clear there is clear in a longer run."""
BUDGET_WORK = 40_000_000
"""Jobs and calls of all designs that a search may simulate in addition to as many as the run itself had: about 2 s of the kernel."""
MORE_FIRST, MORE_LAST = 1 / 16, 4
"""Of numbers that are raised together: the first share, which doubles, and the one that is not reached."""
FEWER = 0.7
"""Fewer servers are tried in this ratio: somewhere between too many at once and too few, some may do."""
FINEST = 0.02
"""A quota is searched to this share of its present value."""
MOST_STEPS = 2**24
VERIFIED = 6
"""How often a number that a trial found is moved on, twice as far each time, or back by one, until the next one does not meet."""
SERVER_COUNT = "servers"
SEARCHING = "Finding what would meet the deadline"
QUOTAS = ("requests_per_minute", "requests_per_day", "input_tokens_per_minute", "output_tokens_per_minute")
WHOLE_QUOTAS = ("max_concurrency", "requests_per_day")

Settings = Mapping["Lever", float | None]


class _Spent(Exception):
    """The budget is used up."""


@dataclass(frozen=True)
class Lever:
    """A number of the scenario that can be raised, in whole steps from its present value."""

    path: str
    name: str
    """Servers have the same in both designs, and are changed in both, so that a run tells of both."""
    now: float
    step: float
    most: float
    """No more than this is tried; infinite if the limit can be lifted."""

    def after(self, steps: int) -> float:
        return float(f"{self.now + steps * self.step:.12g}")

    @property
    def most_steps(self) -> int:
        return MOST_STEPS if self.most == inf else int(self.most - self.now)

    def change(self, scenario: Scenario, value: float | None) -> Scenario:
        """`value` None lifts the limit."""
        if self.name == SERVER_COUNT:
            return scenario.with_servers(int(self.most if value is None else value))
        given = int(value) if value is not None and self.step == 1 else value
        return scenario.model_copy(update={"provider": scenario.provider.model_copy(update={self.name: given})})


def simulate_with_remedies(
    scenario: Scenario,
    *,
    trace: Trace | None = None,
    replications: int | None = None,
    on_progress: OnProgress | None = None,
    durations_s: Floats | None = None,
    share: Share | None = None,
) -> Result:
    """As `simulate`; if no design meets the deadline, the result also has what would make each meet it."""
    result = simulate(
        scenario, trace=trace, replications=replications, on_progress=on_progress, durations_s=durations_s, share=share
    )
    if result.verdict != NEITHER:
        return result
    search = _Search(scenario, trace, durations_s, result, on_progress)
    return result.model_copy(update={"remedies": search.run()})


def levers_of(scenario: Scenario, design: str) -> tuple[Lever, ...]:
    path = "synchronous.workers" if design == SYNCHRONOUS else "event_driven.consumers"
    servers = most_servers_of(scenario, design)
    levers = [Lever(path, SERVER_COUNT, servers, 1, max(LARGEST_SERVERS, 8 * servers))]
    for name in ("max_concurrency", *QUOTAS):
        now = getattr(scenario.provider, name)
        if now is not None:
            levers.append(Lever(f"provider.{name}", name, now, 1 if name in WHOLE_QUOTAS else _fine_step(now), inf))
    return tuple(levers)


def _fine_step(now: float) -> float:
    """A round number, at most `FINEST` of the present value."""
    size = 10.0 ** floor(log10(now * FINEST))
    return next(factor * size for factor in (5, 2, 1) if factor * size <= now * FINEST)


@dataclass
class _Search:
    scenario: Scenario
    trace: Trace | None
    durations_s: Floats | None
    run_itself: Result
    on_progress: OnProgress | None
    crowds: bool = False
    """Whether more calls at once can make it worse: they slow each other down, or more of them are refused."""
    fewest: int = 1
    left: float = 0.0
    work_per_job: float = 0.0
    results: dict[tuple[Any, ...], Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trace = self.trace if isinstance(self.scenario.arrivals, TraceArrivals) else None
        self.short = _shortened(self.scenario, self.trace, TRIAL_JOBS)
        self.trials = max(
            1, min(TRIAL_REPLICATIONS, TRIAL_REPLICATIONS * TRIAL_JOBS // jobs_of(self.short, self.trace))
        )
        self.long = _shortened(self.scenario, self.trace, VERIFYING_JOBS)
        provider, design = self.scenario.provider, self.scenario.event_driven
        self.crowds = provider.slowdown is not None or getattr(provider, "pacing", "paced") == "none"
        self.fewest = len(design.queues) if design.discipline == "dedicated" else 1
        self.wanted = 1 - self.scenario.tolerated_miss_percent / 100
        work = _work_of(self.run_itself)
        self.left = work + BUDGET_WORK
        self.work_per_job = work / (jobs_of(self.scenario, self.trace) * self.run_itself.replications)

    def run(self) -> dict[DesignName, DesignRemedies]:
        """By design; one for which the budget did not last is left out."""
        by_design: dict[DesignName, DesignRemedies] = {}
        names: tuple[DesignName, ...] = ("synchronous", "event_driven", "hybrid")
        for design in names:
            if design in designs_of(self.scenario):
                try:
                    by_design[design] = self._of(design)
                except _Spent:
                    continue
        return by_design

    def _of(self, design: DesignName) -> DesignRemedies:
        levers = levers_of(self.scenario, design)
        limits = tuple(lever.path for lever in levers)
        lifted = {lever: _lifted(lever) for lever in levers}
        candidates = self._other_servers(design, levers[0]) if self.crowds else []
        can_meet = bool(candidates) or self._meets(design, lifted)
        if not can_meet:
            best_s = self._best_s(self._tried(self.long, lifted, VERIFYING_REPLICATIONS), design)
            return DesignRemedies(limits=limits, best_s=best_s)
        alone = [lever for lever in levers[self.crowds :] if self._meets(design, {lever: _lifted(lever)})]
        candidates += [{lever: self._nearest(design, lever, {})} for lever in alone]
        remedies: list[Remedy] = []
        for steps in candidates or [self._together(design, lifted)]:
            try:
                remedy = self._verified(design, steps)
            except _Spent:
                if not remedies:
                    raise
                break
            remedies += [] if remedy is None else [remedy]
        return DesignRemedies(limits=limits, remedies=tuple(remedies), can_meet=True)

    def _other_servers(self, design: DesignName, servers: Lever) -> list[dict[Lever, int]]:
        """More or fewer servers, if more of them may make it worse."""
        more = first_that_holds(lambda steps: self._meets(design, {servers: servers.after(steps)}), servers.most_steps)
        candidates = [] if more is None else [{servers: more}]
        now = number = int(servers.now)
        while number > self.fewest:
            above, number = number, max(self.fewest, int(FEWER * number))
            if self._meets(design, {servers: number}):
                steps = halved(lambda fewer: self._meets(design, {servers: now - fewer}), now - above, now - number)
                return [*candidates, {servers: -steps}]
        return candidates

    def _together(self, design: DesignName, lifted: Settings) -> dict[Lever, int]:
        """The steps of several levers, none of which is enough alone: each stays as it is if the others make up for it.

        Each gets what it needs if the others are lifted, and then all get more by the same share until they meet.
        """
        settings = dict(lifted)
        for lever in lifted:
            without = {other: value for other, value in settings.items() if other != lever}
            if self._meets(design, without):
                settings = without
        least = {
            lever: self._nearest(design, lever, {other: value for other, value in settings.items() if other != lever})
            for lever in settings
        }
        more, steps = MORE_FIRST, least
        while more < MORE_LAST and not self._meets(design, {lever: lever.after(n) for lever, n in steps.items()}):
            raised = {lever: n + ceil(more * lever.after(n) / lever.step) for lever, n in least.items()}
            steps = {lever: min(n, lever.most_steps) for lever, n in raised.items()}
            more *= 2
        return steps

    def _nearest(self, design: DesignName, lever: Lever, others: Settings) -> int:
        """The fewest steps that meet, of which it is known that the most do; more steps are taken to be no worse."""

        def meets(steps: int) -> bool:
            return self._meets(design, {**others, lever: lever.after(steps)})

        return first_that_holds(meets, lever.most_steps) or lever.most_steps

    def _verified(self, design: DesignName, tried: Mapping[Lever, int]) -> Remedy | None:
        """The steps, moved on until they meet in longer runs, and back as long as one step less meets there, too."""
        steps, onwards, missing = dict(tried), 1, dict(tried)
        for _ in range(VERIFIED):
            if (share := self._holds(design, steps)) is not None:
                break
            missing = steps
            steps = {lever: self._moved(lever, number, onwards) for lever, number in steps.items()}
            onwards *= 2
        else:
            return None
        if onwards == 1 and len(steps) == 1:
            steps, share = self._back(design, steps, share)
        elif len(steps) == 1:
            steps, share = self._between(design, missing, steps, share)
        changes = tuple(
            ChangedSetting(path=lever.path, now=lever.now, needed=lever.after(n)) for lever, n in steps.items()
        )
        return Remedy(changes=changes, good_share=share)

    def _moved(self, lever: Lever, steps: int, by: int) -> int:
        if steps > 0:
            return min(steps + by, lever.most_steps)
        return max(steps - by, self.fewest - int(lever.now))

    def _back(self, design: DesignName, steps: dict[Lever, int], share: Bounds) -> tuple[dict[Lever, int], Bounds]:
        for _ in range(VERIFIED):
            fewer = {lever: number - (1 if number > 0 else -1) for lever, number in steps.items()}
            less = self._holds(design, fewer) if all(fewer.values()) else None
            if less is None:
                break
            steps, share = fewer, less
        return steps, share

    def _between(
        self, design: DesignName, missing: dict[Lever, int], steps: dict[Lever, int], share: Bounds
    ) -> tuple[dict[Lever, int], Bounds]:
        """The steps of one lever, halved towards those that are known not to be enough."""
        ((lever, above),), (below,) = steps.items(), missing.values()
        while abs(above - below) > 1:
            middle = int((above + below) / 2)
            less = self._holds(design, {lever: middle})
            if less is None:
                below = middle
            else:
                above, share = middle, less
        return {lever: above}, share

    def _holds(self, design: DesignName, steps: Mapping[Lever, int]) -> Bounds | None:
        """The interval of the good share in longer runs, if the design meets the deadline in them."""
        settings = {lever: lever.after(number) for lever, number in steps.items()}
        if self._is_overloaded(design, settings):
            return None
        result = self._tried(self.long, settings, min(self.run_itself.replications, VERIFYING_REPLICATIONS))
        tried = _design_of(result, design)
        return tried.intervals["good_share"] if tried.conclusion == "meets" else None

    def _meets(self, design: DesignName, settings: Settings) -> bool:
        if self._is_overloaded(design, settings):
            return False
        tried = _design_of(self._tried(self.short, settings, self.trials), design)
        return tried.stable and least_share(tried, self.scenario) >= self.wanted

    def _is_overloaded(self, design: DesignName, settings: Settings) -> bool:
        """Known without a run."""
        return not load_of(_changed(self.short, settings), design, self.trace, self.durations_s).stable

    def _tried(self, scenario: Scenario, settings: Settings, replications: int) -> Result:
        key = (
            replications,
            jobs_of(scenario, self.trace),
            *sorted((lever.name, value or inf) for lever, value in settings.items()),
        )
        if key not in self.results:
            changed = _changed(scenario, settings)
            if self.work_per_job * jobs_of(changed, self.trace) * replications > self.left:
                raise _Spent
            self.results[key] = simulate(
                changed,
                trace=self.trace,
                durations_s=self.durations_s,
                replications=replications,
                on_progress=self._report,
                windows=False,
            )
            self.left -= _work_of(self.results[key])
        return self.results[key]

    def _report(self, progress: Progress) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(SEARCHING, 1.0))

    def _best_s(self, result: Result, design: DesignName) -> float | None:
        """Within how many seconds the share that is wanted has its result; None if that share never has one."""
        curve = _design_of(result, design).curve
        reached = (s for s, share in zip(curve.latency_s, curve.share, strict=True) if share >= self.wanted)
        return min(
            (s for s in (next(reached, None), _design_of(result, design).latency_s.max) if s is not None), default=None
        )


def first_that_holds(holds: Callable[[int], bool], most: int) -> int | None:
    """The smallest number from 1 on that holds, if all larger ones do: by doubling, then by halving. None if none is found up to `most`."""
    below, above = 0, 1
    while not holds(above):
        if above >= most:
            return None
        below, above = above, min(2 * above, most)
    return halved(holds, below, above)


def halved(holds: Callable[[int], bool], below: int, above: int) -> int:
    """The smallest number that holds, if `below` does not, `above` does, and there is one change between them."""
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def _work_of(result: Result) -> float:
    """Jobs and calls of all designs, which take the kernel about the same time each."""
    designs = (result.synchronous, result.event_driven, result.hybrid)
    return sum(
        float(one.offered + one.provider_calls + one.client_calls + one.delivery_calls)
        for one in designs
        if one is not None
    )


def _lifted(lever: Lever) -> float | None:
    return None if lever.most == inf else lever.most


def _changed(scenario: Scenario, settings: Settings) -> Scenario:
    for lever, value in settings.items():
        scenario = lever.change(scenario, value)
    return scenario


def _design_of(result: Result, design: DesignName) -> DesignResult:
    tried: DesignResult = getattr(result, design)
    return tried


def _shortened(scenario: Scenario, trace: Trace | None, most_jobs: int) -> Scenario:
    """Cut to `most_jobs`, or to whole cycles with at least as many, if all times or cycles are alike and nothing else happens at a given one."""
    happens = scenario.provider.outages or scenario.provider.requests_per_day is not None or scenario.backlog_jobs
    jobs = jobs_of(scenario, trace)
    steady = isinstance(scenario.arrivals, SteadyArrivals) and not isinstance(scenario.arrivals, BacklogArrivals)
    in_cycles = scenario.arrivals.period_s is not None and scenario.duration_s is None
    if not (steady or in_cycles) or happens or jobs <= most_jobs:
        return scenario
    warmup = min(scenario.warmup_jobs, most_jobs // 10)
    return scenario.model_copy(update={"jobs": most_jobs, "duration_s": None, "warmup_jobs": warmup})
