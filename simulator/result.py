"""The results of a run, for each design and for their difference. The JSON contract of `simulate --format json`."""

from typing import Annotated, Literal

from pydantic import Field

from core.values import Value
from simulator.scenario import Scenario

Numbers = Annotated[tuple[float, ...], Field(strict=False)]
Gaps = Annotated[tuple[float | None, ...], Field(strict=False)]
WorkerKind = Literal["threads", "simple", "forking", "stock"]
Bounds = Annotated[tuple[float, float], Field(strict=False)]
Design = Literal["synchronous", "event_driven"]
Conclusion = Literal["meets", "misses", "unresolved"]
DesignName = Literal["synchronous", "event_driven", "hybrid"]


class Interval(Value):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


class Quantiles(Value):
    """Seconds, of the jobs of all replications together. Null where the figure is infinite (jobs never served), or without a steady state.

    A latency is of every job that was offered, a wait of every job that was taken in: one that left the queue without being started counts
    with the time until it left. `max` is the longest of all, and has no interval.
    """

    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Depth(Value):
    """Jobs waiting: the average over time, and the largest number of a replication."""

    mean: float
    max: float


class Lag(Value):
    """Seconds that the oldest waiting job had waited, at its worst."""

    max: float


class Series(Value):
    """At most 1,000 equal bins of the first replication.

    `t_s` is the bin's start. `arrivals` and `completed` are per bin; the others are at its end (the last bin's at the run's).
    Completions past the end of the last bin (a webhook redelivered hours later) are not in it.
    """

    t_s: Numbers = ()
    arrivals: Numbers = ()
    queue_depth: Numbers = ()
    in_flight: Numbers = ()
    lag_s: Numbers = ()
    completed: Numbers = ()
    latency_p50_s: Gaps = ()
    """Of the jobs that arrived in the bin and have their result, within 2.5 %; null if there are none. Empty in older results."""
    latency_p95_s: Gaps = ()


class CallRate(Value):
    """Calls to the provider a second, in the first replication: of each bin its busiest second, so that a herd of retries shows in a long run, too.

    Seconds are whole ones of the run. The bins are at most 1,000, `width_s` wide, and reach up to the last call; a result of before there was
    such a thing has none.
    """

    width_s: float = 1.0
    per_s: Numbers = ()
    start_s: float = 0.0
    """Of the first bin."""
    busiest_per_s: float | None = None
    busiest_at_s: float | None = None
    """The busiest second of all: its calls and its start; of older results not known."""


class LatencySeries(Value):
    """Latencies of the jobs that arrived in each step and have their result: their number, p95 and the longest; null if there are none.

    A step is one bin or several, so that most have 50 jobs or more. The p95 is within 2.5 %.
    """

    width_s: float = 1.0
    completed: Numbers = ()
    p95_s: Gaps = ()
    longest_s: Gaps = ()


class FineSeries(Value):
    """What a Series has, of one window of the first replication, in 1,000 bins of `width_s`; fewer if the run ended before."""

    start_s: float
    width_s: float
    arrivals: Numbers = ()
    queue_depth: Numbers = ()
    in_flight: Numbers = ()
    lag_s: Numbers = ()
    completed: Numbers = ()
    call_rate: CallRate = CallRate()
    latency: LatencySeries = LatencySeries()

    @property
    def series(self) -> Series:
        return Series(
            t_s=tuple(self.start_s + place * self.width_s for place in range(len(self.arrivals))),
            arrivals=self.arrivals,
            queue_depth=self.queue_depth,
            in_flight=self.in_flight,
            lag_s=self.lag_s,
            completed=self.completed,
        )


class FineWindow(Value):
    """A part of the first replication that each design has a FineSeries of, in the same order."""

    start_s: float
    end_s: float
    peaks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """The designs whose deepest queue is in it."""
    outages_s: Numbers = ()
    """The starts of the outages that it shows."""


class Curve(Value):
    """The cumulative latency curve over all offered jobs, replications together: at most 400 points, ending at the completed share."""

    latency_s: Numbers = ()
    share: Numbers = ()


class SubscriberResult(Value):
    """One subscriber's share of the fan-out: results offered to it, handled, and given up after the retries; seconds from arrival to handled."""

    offered: int
    handled: int
    failed: int
    latency_s: Quantiles


class ClassResult(Value):
    """One class of jobs (a queue of the event-driven design; a label of the same jobs in the synchronous one)."""

    offered: int
    completed: int
    good: int
    late: int
    failed: int = 0
    timed_out: int = 0
    rejected: int = 0
    dead_lettered: int = 0
    undelivered: int = 0
    lost: int = 0
    in_system: int = 0
    undecided: int = 0
    decided: int | None = None
    """As the design's."""
    decided_good: int | None = None
    stable: bool | None = None
    """Whether the class has a steady state: one may keep up in a design that does not. Null in results of before: as the design."""
    wait_mean_s: float | None = None
    wait_s: Quantiles = Quantiles()
    """As the design's. Results of before have neither it nor `latency_s`, nor outcomes of a class."""
    latency_s: Quantiles = Quantiles()
    intervals: dict[str, Bounds] = Field(default={})

    @property
    def good_share(self) -> float:
        return _good_share(self)


class StarvedClass(Value):
    """A class that a design serves badly while it serves the others well."""

    design: DesignName
    queue: str
    good_share: float
    deadline_s: float
    worst_wait_s: float | None = None
    """Null where there is no steady state: the wait grows as long as jobs arrive."""
    others_worst_wait_s: float | None = None
    """The worst wait of the class that waits least."""
    others_meet: bool
    """Whether every other class with a deadline met it in this run."""


class DesignResult(Value):
    """One design's tally. Counts are of original jobs, summed over replications:

    offered = completed + failed + timed_out + rejected + dead_lettered + undelivered + lost + in_system + undecided;
    completed = good + late.
    """

    offered: int
    accepted: int
    completed: int
    good: int
    late: int
    failed: int
    timed_out: int
    rejected: int
    dead_lettered: int
    undelivered: int
    lost: int
    """Accepted, without an outcome. A kernel run has such jobs only if consumers crash and acknowledge early (0 otherwise, by definition)."""
    in_system: int
    """At the end of the run; if it was cut, past their deadline or without one."""
    undecided: int = 0
    """In the system when the run was cut, before their deadline."""
    decided: int | None = None
    """The jobs that the good share and its interval rest on: all offered, but for those whose deadline had not passed when the run was cut,
    whatever became of them, and those without a deadline that were under way then. Null in results of before: all offered."""
    decided_good: int | None = None
    conclusion: Conclusion | None = None
    """Whether the design meets the deadline, by its own interval alone; null if there is none."""
    stable: bool
    growth_per_min: float | None = None
    """By how many jobs the backlog (waiting, backing off, or calling again) grew in a minute, from the middle of the arrivals to their end.
    A stable design has it if the backlog grew until the end of a recording, after which it was worked off."""
    jobs_to_settle: int | None = None
    """If a replication was too short to show the steady state, as near saturation: how many jobs it takes, about. Then waits, percentiles and
    shares depend on the length of the run."""
    wait_s: Quantiles
    latency_s: Quantiles
    queue_depth: Depth
    lag_s: Lag
    utilisation: float
    attempts_per_job: float
    wasted_s: float
    provider_calls: int
    provider_429: int
    delivery_calls: int
    client_calls: int = 0
    """Calls that clients sent, their own retries included; by `offered` it is their amplification."""
    redelivered: int = 0
    """Times that a job was queued again because its lease had ended or its consumer had crashed."""
    duplicates: int = 0
    """Results computed of jobs that had one computed before."""
    subscribers: dict[str, SubscriberResult] = Field(default={})
    classes: dict[str, ClassResult] = Field(default={})
    intervals: dict[str, Bounds] = Field(default={})
    series: Series = Series()
    call_rate: CallRate = CallRate()
    curve: Curve = Curve()
    fine: Annotated[tuple[FineSeries, ...], Field(strict=False)] = ()
    """Of each of the result's windows."""
    by_replication: dict[str, Gaps] = Field(default={})
    """Each replication's own figures, by their names in `intervals`, and its counts; null where infinite. Empty in results of before."""

    @property
    def good_share(self) -> float:
        """The share of the decided jobs whose result was in hand by the deadline."""
        return _good_share(self)

    @property
    def completed_share(self) -> float:
        return self.completed / self.offered if self.offered else 0.0

    def figure(self, name: str) -> float | None:
        """A figure by the name that its interval has; null as in the result."""
        for of, figures in (("latency", self.latency_s), ("wait", self.wait_s)):
            if name.startswith(f"{of}_"):
                value: float | None = getattr(figures, name.removeprefix(f"{of}_").removesuffix("_s"))
                return value
        match name:
            case "completed_share":
                return self.completed_share
            case "queue_depth_mean":
                return self.queue_depth.mean
            case "queue_depth_max":
                return self.queue_depth.max
            case "lag_max_s":
                return self.lag_s.max
        figure = getattr(self, name)
        return None if figure is None else float(figure)


def _good_share(result: ClassResult | DesignResult) -> float:
    good, of = (result.good, result.offered) if result.decided is None else (result.decided_good or 0, result.decided)
    return good / of if of else 0.0


class Costs(Value):
    """What this machine's own parts took a job, in real seconds, measured in a separate run just before."""

    accept_s: float
    """From the instant at which a job was due until it stood in its queue."""
    dispatch_s: float
    """What an attempt took a consumer besides the model's own time."""
    synchronous_s: float
    """What a synchronous worker took for an attempt in addition to the model's own time."""
    retry_tick_s: float
    """The tick of the scheduler of retries; 0 if it is exact, to some hundredths of a second."""
    pickup_s: float = 0.0
    """From a job's place in its queue until an idle consumer began it. Part of `dispatch_s`, too, since `release_s` is known."""
    release_s: float = 0.0
    """From the end of a consumer's work for a job until it waits for the next; part of `dispatch_s`."""


class Lateness(Value):
    """How long after their instants jobs were sent, in real seconds."""

    mean_s: float
    p99_s: float
    max_s: float


class DeadLetter(Value):
    """A job that was given up."""

    job: int
    queue: str
    attempts: int
    reason: str
    at_s: float | None = None
    """When, in Scenario seconds since the start."""


class SoFar(Value):
    """What a live run has measured before its end: by design, of the one that runs now as far as it has come."""

    schema_: Literal["crossover/so-far@1"] = Field(default="crossover/so-far@1", alias="schema")
    speed: float
    window: str
    scenario: Scenario | None = None
    """The window that runs."""
    synchronous: DesignResult | None = None
    event_driven: DesignResult | None = None
    finished: Annotated[tuple[Design, ...], Field(strict=False)] = ()
    """The others are measured as far as they came."""
    failed: str | None = None
    """Why the run stopped."""


class ProcessEnd(Value):
    """A process of a live run that ended before its run did."""

    design: Design
    process: str
    how: str
    """`killed by signal 9 (SIGKILL)`, or `exit code 1`."""
    at_s: float
    """In real seconds since the first instant of its design's run."""
    restarted: bool
    jobs_in_hand: int
    """Jobs that it had started and not finished."""


class LoadAverage(Value):
    """The machine's load over one minute, at the start and at the end of a live run."""

    before: float
    after: float
    cores: int


class LiveFigure(Value):
    """A figure as the kernel predicted it and as it was measured. The error is the measured one's distance from the prediction, in per cent."""

    design: Design
    figure: str
    queue: str | None = None
    """Of the jobs of one class, the name of its queue; of one subscriber, its name."""
    unit: Literal["s", "share", "jobs", "calls"]
    predicted: float | None
    measured: float | None
    error_percent: float | None
    within: bool
    """Whether the two agree within the tolerance of their kind."""
    below_resolution: bool = False
    """Whether this run is too short, or this machine too slow, to tell. Such a figure is not within."""
    resolvable_speed: float | None = None
    """If a lower speed would tell: the highest."""


class EndpointUse(Value):
    """Of a live run at an outside endpoint: who answered, what both designs spent there, and how long its calls took."""

    host: str
    model: str
    max_calls: int
    """The cap on calls, both designs together; each had half."""
    max_tokens_a_call: int
    """Output tokens."""
    calls: int
    failed_calls: int
    failures: dict[str, int] = Field(default={})
    """By HTTP status, of those that had an answer."""
    input_tokens: int
    output_tokens: int
    """As the endpoint told them; some tell none."""
    cut: dict[str, Literal["calls", "tokens", "time"]] = Field(default={})
    """By design: the cap that cut it short."""
    call_s: Quantiles
    """Of the calls that brought a result, in real seconds."""
    scenario_mean_s: float
    """The mean service time that the Scenario has in their place; the prediction has the calls' own times."""


class LiveReport(Value):
    """What a live run adds to its Result: how it was run, and how far the kernel's prediction of the same jobs was off."""

    speed: float
    """Seconds of the Scenario in one real second."""
    window: str
    """Which part of the workload was run, in words."""
    window_s: float
    scenario: Scenario
    """The window: what was run, its arrivals replayed from memory."""
    jobs: int
    verdict_jobs: int | None = None
    """How many a verdict takes of which none misses its deadline; null if there is no deadline, or if no number of jobs would show it."""
    real_s: float
    """How long all of it took."""
    costs: Costs
    predicted_synchronous: DesignResult
    predicted_event_driven: DesignResult
    figures: Annotated[tuple[LiveFigure, ...], Field(strict=False)]
    lateness: dict[str, Lateness]
    """By design."""
    workers: WorkerKind = "threads"
    """What ran the jobs of the event-driven design."""
    seconds: float = 20.0
    """Real seconds over which jobs arrived."""
    process_ends: Annotated[tuple[ProcessEnd, ...], Field(strict=False)] = ()
    unfinished_calls: int = 0
    """Calls that the synchronous service had accepted and not finished when the run was cut."""
    load_average: LoadAverage | None = None
    other_runs: int = 0
    """Other live runs on this machine at the start or the end."""
    restarts: int = 0
    """How many of `process_ends` were started again; older results have only this."""
    dead_letters: Annotated[tuple[DeadLetter, ...], Field(strict=False)] = ()
    endpoint: EndpointUse | None = None
    """Where an outside endpoint answered in the sample endpoint's place."""


class ChangedSetting(Value):
    """A number of the Scenario, by its dotted path, as it is and as it would have to be."""

    path: str
    now: float
    needed: float


class Remedy(Value):
    """Changes that, made together, make a design meet the deadline, and its good share in a run with them (95 % interval)."""

    changes: Annotated[tuple[ChangedSetting, ...], Field(strict=False, min_length=1)]
    good_share: Bounds


class DesignRemedies(Value):
    """What would make a design meet the deadline: each of `remedies` alone does. Empty if raising `limits` does not, or could not be verified."""

    limits: Annotated[tuple[str, ...], Field(strict=False)]
    """The paths of the numbers that were raised: servers, and the provider's quotas that there are."""
    remedies: Annotated[tuple[Remedy, ...], Field(strict=False)] = ()
    can_meet: bool = False
    """Whether the design meets the deadline in a short run with all limits raised."""
    best_s: float | None = None
    """If it does not: within how many seconds as many jobs as are wanted have their result then; null if that share never has one."""


class Result(Value):
    """What an engine found. The difference is event-driven minus synchronous, paired by replication."""

    schema_: Literal["crossover/result@1"] = Field(default="crossover/result@1", alias="schema")
    engine: Literal["kernel", "live"]
    seed: int
    replications: int
    synchronous: DesignResult
    event_driven: DesignResult
    hybrid: DesignResult | None = None
    difference: dict[str, Interval]
    verdict: str | Annotated[list[str], Field(min_length=2)]
    inequalities: Annotated[tuple[str, ...], Field(strict=False)] = ()
    resamples: int = 0
    """Of what was recorded: runs that tell how sure the figures are, and count in none of them."""
    notes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """What limits the conclusions, in sentences: jobs left undecided, a budget used up, a recording as one sample."""
    windows: Annotated[tuple[FineWindow, ...], Field(strict=False)] = ()
    """Around the deepest queue of each design and around outages, if they are a small part of the run."""
    class_verdicts: dict[str, str | Annotated[list[str], Field(min_length=2)]] = Field(default={})
    """With a deadline a queue: which designs meet that class's own, in the words of `verdict`."""
    starved: Annotated[tuple[StarvedClass, ...], Field(strict=False)] = ()
    remedies: dict[DesignName, DesignRemedies] | None = None
    """If no design meets the deadline, what would make each meet it; a design whose search took too long is left out. Null: not looked for."""
    live: LiveReport | None = None
    """Of a live run."""

    @property
    def designs(self) -> dict[DesignName, DesignResult]:
        both: dict[DesignName, DesignResult] = {"synchronous": self.synchronous, "event_driven": self.event_driven}
        return both if self.hybrid is None else both | {"hybrid": self.hybrid}
