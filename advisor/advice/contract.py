"""What advice consists of, as values that are stored, shown and exported: the JSON contract."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from core.values import Value
from simulator.result import Conclusion, Quantiles

Style = Literal["synchronous", "event_driven", "hybrid"]
Strength = Literal["clear", "lean", "close"]
Method = Literal["inline", "polling", "webhook", "sse", "websocket", "none"]
Jitter = Literal["none", "full", "equal", "decorrelated"]
Favours = Literal["synchronous", "event_driven", "hybrid", "neither"]
Texts = Annotated[tuple[str, ...], Field(strict=False)]


class Delivery(Value):
    method: Method
    why: str
    why_not: dict[Method, str]
    parameters: dict[str, Any]
    fallback: Method | None


class Reason(Value):
    rule: str
    favours: Favours
    weight: float
    evidence: str
    source: str


class FlipOutcome(Value):
    """What a decision comes to. Where nothing is feasible, style, strength and delivery are those that the forces favour."""

    style: Style
    strength: Strength
    delivery: Method
    feasible: bool = True


class Flip(Value):
    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)

    field: str
    from_: Any = Field(alias="from")
    to: Any
    becomes: FlipOutcome
    still: Any = None
    """The nearest value before `to` at which the evidence shows the advice of now; null if forces alone decide, or if it was not looked for."""
    about: bool = False
    """Whether the simulation does not resolve where between the two it changes, or not even whether it has changed at `to`."""


class Doubt(Value):
    """Why advice that would be clear only leans.

    `near`: a number that is off by a fifth leads to another style; `default`: the number is the template's, and another in its range does;
    `range`: in more than a tenth of the ranges that were given another style is better.
    """

    why: Literal["near", "default", "range"]
    field: str | None = None


class RaisedLimits(Value):
    """What raising the limits that a setting changes does for a synchronous design that they make miss."""

    to_s: float | None = None
    """The time with which it meets the deadline; null if none is shown to do."""
    text: str


class Remedy(Value):
    field: str
    to: Any
    text: str


class Queue(Value):
    name: str
    share_percent: float
    consumers: int
    """Its own, or those that all queues share."""
    max_wait_s: float
    """As answered, or what the deadline leaves, if that is shorter."""
    alarm_depth: int
    alarm_lag_s: float
    wait_p95_s: float | None = None
    """Of the evidence."""


class Concurrency(Value):
    useful: int
    bound_by: str

    @property
    def is_quota(self) -> bool:
        return self.bound_by.endswith("per minute")


class RetryPlan(Value):
    """Retries of a failed attempt, the chance that all of them fail, and a sentence on both; older advice has no sentence."""

    max: int
    base_s: float
    cap_s: float
    jitter: Jitter
    intervals_s: Annotated[tuple[float, ...], Field(strict=False)] | None = None
    """The pauses one by one, in place of base, cap and jitter."""
    all_fail_probability: float
    why: str = ""


class CircuitBreakerPlan(Value):
    """Opens after `failures` failed calls in a row; then a single call each `pause_s` tries whether the provider is back."""

    failures: int
    pause_s: float


class ExpiryPlan(Value):
    """A job that has not begun `after_s` after its request is not begun any more; and a sentence that says why."""

    after_s: float
    why: str


class DesignPlan(Value):
    """What is advised to be built, and therefore simulated."""

    retries: RetryPlan
    delivery: Method
    """Of results that are not in the response."""
    polling_interval_s: float
    inline_wait_s: float | None
    """How long a hybrid answers in line; null if no force speaks for a hybrid."""
    consumers: int | None = None
    """Of all queues together, the most urgent served first; null: as many as there may be workers."""
    recovery_consumers: int = 0
    """How many of them are needed for the recovery from the stated outage alone."""
    queue_consumers: dict[str, int] | None = None
    """Of each queue, if none of them is shared."""
    breaker: CircuitBreakerPlan | None = None
    expiry: ExpiryPlan | None = None
    subscriber_consumers: int | None = None
    """Of each subscriber, for the events of a hybrid that answers everything in line; null: any number."""


class Monitor(Value):
    metric: str
    threshold: str
    text: str
    runbook: str = ""
    """What to look at first and what to do when it sounds."""


class AdviceWarning(Value):
    code: str
    text: str
    questions: Texts = ()
    """The paths of the answers that contradict each other; empty for a warning of another kind."""


class BrokerOption(Value):
    name: str
    title: str
    reasons: Texts
    limits: Texts
    """What speaks against it, or has to be set."""
    note: str
    source: str
    checked: str
    wins_if: str = ""


class BrokerChoice(Value):
    """`others` has what speaks most against each of the rest, by title."""

    first: BrokerOption
    runner_up: BrokerOption
    others: dict[str, str]


class Practice(Value):
    """Something to build along with the design, such as an outbox: what and why in these answers, and where it is described."""

    id: str
    title: str
    text: str
    source: str


class ClassEvidence(Value):
    """One class of requests in one design: `wait_p95_s` of those that were taken in; null if none was, or without a steady state."""

    good_share: float
    low: float
    high: float
    wait_p95_s: float | None = None
    wait_max_s: float | None = None
    queue_depth_max: int | None = None
    """The most that waited at once on the ordinary days that the alarms of the plan are made for; null without them."""
    lag_max_s: float | None = None
    """The longest that one waited on those days."""


class StyleEvidence(Value):
    """What the kernel finds for one style. Shares are of the decided requests, with 95 % intervals; times in seconds, null without a steady state."""

    conclusion: Conclusion
    good_share: float
    low: float
    high: float
    late_share: float = 0.0
    refused_share: float = 0.0
    timed_out_share: float = 0.0
    failed_share: float = 0.0
    """Failed for good, or dead-lettered."""
    undelivered_share: float = 0.0
    lost_share: float = 0.0
    stable: bool = True
    growth_per_min: float | None = None
    latency_s: Quantiles = Quantiles()
    wait_s: Quantiles = Quantiles()
    reached_s: float | None = None
    """The time within which all but the tolerated misses have their result; null if fewer ever have one."""
    queue_depth_max: float = 0.0
    lag_max_s: float | None = None
    in_flight_max: float = 0.0
    """Requests in service at once."""
    subscribers_p95_s: float | None = None
    """Until the slowest subscriber has handled a result, from the request on."""
    utilisation: float = 0.0
    calls_per_job: float = 0.0
    """To the provider."""
    delivery_calls_per_job: float = 0.0
    classes: dict[str, ClassEvidence] = Field(default={})


class OutageEvidence(Value):
    """The event-driven design of the plan in the stated outage, which begins with a peak; shares are of all requests of that run."""

    length_s: float
    good_share: float
    given_up_share: float
    """Dead-lettered, or failed for good."""
    queue_depth_max: float
    drain_s: float | None
    """From the end of the outage until the queue is as short as before; null if it is not within the run."""
    recovery_s: float | None
    """The part of it by which the outage outlasts what an ordinary peak takes to drain."""


class Evidence(Value):
    """A short run of the workload through each style, with the same requests."""

    jobs: int
    """Of each style, replications together."""
    replications: int
    deadline_s: float
    wanted_share: float
    styles: dict[Style, StyleEvidence]
    drain_after_peak_s: float | None = None
    """Of the event-driven design of the plan; null if there are no peaks, or if it was not simulated, or does not clear."""
    outage: OutageEvidence | None = None


class NotSimulated(Value):
    """An answer that has no effect on the simulation, and why."""

    field: str
    reason: str


class Recommendation(Value):
    """The advice. `score` runs from -1 (synchronous) to +1 (event-driven); lean from 0.15, clear from 0.5.

    A hybrid's strength is that of its own case; its score still says where the other forces pull. `feasible` is false if the evidence shows that
    every style misses: the reasons then begin with what is missing, `shortfall` says it in a sentence, and `remedy` is what would mend it, if a
    single answer does and flips were searched for.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["crossover/recommendation@1"] = Field(default="crossover/recommendation@1", alias="schema")
    style: Style
    strength: Strength
    doubts: Annotated[tuple[Doubt, ...], Field(strict=False)] = ()
    """Empty unless the forces and the evidence alone would make it clear."""
    score: float
    feasible: bool
    infeasible: dict[Style, Texts]
    shortfall: str = ""
    remedy: Remedy | None = None
    raised_limits: RaisedLimits | None = None
    """Null unless such a limit makes the synchronous design miss."""
    probability: dict[Style, float] | None
    settle: str | None
    regret: dict[Style, float] | None = None
    """Under ranges, by simulation: the share in time that a style has less than the best one of each sample, on average."""
    inline_wait_s: float | None
    delivery: Delivery
    reasons: Annotated[tuple[Reason, ...], Field(strict=False)]
    flips: Annotated[tuple[Flip, ...], Field(strict=False)]
    flips_awaited: bool = False
    """Whether flips were not searched for yet."""
    queues: Annotated[tuple[Queue, ...], Field(strict=False)]
    concurrency: Concurrency
    retries: RetryPlan
    plan: DesignPlan | None = None
    """What the evidence simulates; null in advice of before, and without evidence."""
    dead_letter: bool
    evidence: Evidence | None = None
    """Null while the simulator is not at hand: then the forces and formulas alone decide."""
    unsimulated: str = ""
    """Why there is no evidence, in a sentence; empty if there is some, or if nothing has been simulated yet."""
    not_simulated: Annotated[tuple[NotSimulated, ...], Field(strict=False)] = ()
    monitors: Annotated[tuple[Monitor, ...], Field(strict=False)]
    warnings: Annotated[tuple[AdviceWarning, ...], Field(strict=False)]
    broker: BrokerChoice | None = None
    practices: Annotated[tuple[Practice, ...], Field(strict=False)] = ()
    migration: str = ""
    """How to start synchronous and what to move when, if a change that is near makes another style better."""
