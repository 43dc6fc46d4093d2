"""Answers: the filled-in questionnaire, strict and bounded, laid over the values of its template."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from advisor.advice import library
from advisor.advice.fields import Leaf, leaves
from advisor.advice.ranges import MINUTES_A_DAY, Range, Uncertain, located, restored
from advisor.advice.template_merge import merge_template
from advisor.advice.yaml_json import with_lines
from core.errors import InvalidInput
from core.paths import value_at
from core.values import Value, contradiction
from simulator.lognormal import Lognormal
from simulator.scenario import Hop

Seconds = Annotated[float, Field(ge=0.001, le=31_536_000), Uncertain]
"""A millisecond to a year."""
Pause = Annotated[float, Field(ge=0, le=31_536_000), Uncertain]
Rate = Annotated[float, Field(ge=1e-6, le=1e6), Uncertain]
Quota = Annotated[float, Field(ge=0.1, le=1e9), Uncertain]
DailyQuota = Annotated[int, Field(ge=1, le=1_000_000_000), Uncertain]
Percent = Annotated[float, Field(ge=0, le=100), Uncertain]
Tokens = Annotated[int, Field(ge=0, le=10_000_000), Uncertain]
Workers = Annotated[int, Field(ge=1, le=100_000), Uncertain]
Tries = Annotated[int, Field(ge=0, le=20), Uncertain]
Interval = Annotated[float, Field(ge=0, le=31_536_000)]
Overhead = Annotated[float, Field(ge=0, le=60), Uncertain]
Deliveries = Annotated[int, Field(ge=1, le=1000), Uncertain]
Crashes = Annotated[float, Field(ge=0, le=3600), Uncertain]
HopName = Annotated[str, Field(min_length=1, max_length=60)]


def not_below(other: str) -> AfterValidator:
    """A number that is at least an earlier field of the same section."""

    def check(value: float | None, info: ValidationInfo) -> float | None:
        least = info.data.get(other)
        if value is not None and least is not None and value < least:
            raise contradiction(f"must be at least {other}, {least:g}", {other: least})
        return value

    return AfterValidator(check)


class Caller(Value):
    kind: Literal["end_user", "internal", "partner", "nobody"]
    deadline_s: Seconds | None
    tolerated_miss_percent: Percent
    needs_immediate_response: bool
    streams_response: bool
    first_token_s: Seconds | None
    accepts_webhooks: bool
    wants_live_updates: bool
    bidirectional: bool
    acknowledge_within_s: Seconds | None = None
    """When a sender that wants no result in the response must have its 2xx; null: it has no such limit."""

    @property
    def sends_and_forgets(self) -> bool:
        """Whether it wants its result elsewhere or not at all, so that a 2xx is all that it waits for."""
        return self.kind == "nobody" or (self.kind != "end_user" and self.accepts_webhooks)

    @property
    def acknowledgement_s(self) -> float | None:
        return self.acknowledge_within_s if self.sends_and_forgets else None


class Volume(Value):
    """The load. The mean includes the peaks; `trace` is an uploaded trace's id, or a file's path on the command line.

    With `clients` there are that many clients, each with one request at a time and `think_s` between a result and its next request:
    rate and peaks have no effect. `backlog_jobs` are there already when the run begins.
    """

    mean_rate_per_s: Rate
    peak_minutes: Annotated[float, Field(ge=0.01, le=1440), Uncertain]
    peaks_per_day: Annotated[float, Field(ge=0, le=1440), Uncertain]
    peak_to_mean: Annotated[float, Field(ge=1, le=10_000), Uncertain]
    interarrival_cv: Annotated[float, Field(ge=0, le=100), Uncertain]
    trace: Annotated[str, Field(min_length=1, max_length=4096)] | None
    backlog_jobs: Annotated[int, Field(ge=0, le=10_000_000), Uncertain] = 0
    clients: Workers | None = None
    think_s: Pause = 0

    @field_validator("peak_to_mean")
    @classmethod
    def _the_mean_includes_the_peaks(cls, value: float, info: ValidationInfo) -> float:
        minutes = info.data.get("peak_minutes", 0) * info.data.get("peaks_per_day", 0)
        if value > 1 and value * minutes > MINUTES_A_DAY * (1 + 1e-9):
            most = MINUTES_A_DAY / minutes
            reason = f"peaks of {minutes:.4g} min a day run at most at {most:.4g} times the mean, which includes them"
            raise contradiction(reason, {name: info.data[name] for name in ("peak_minutes", "peaks_per_day")})
        return value

    @property
    def is_closed(self) -> bool:
        return self.clients is not None and self.trace is None

    @property
    def peaks(self) -> bool:
        return not self.is_closed and self.peak_to_mean > 1 and self.peaks_per_day > 0


class Processing(Value):
    """Time and tokens that one attempt takes. `p99_s` null: from the lognormal through the other two.

    The times were measured with `measured_in_flight` calls at once; with `high_in_flight` the mean is `high_mean_s`; null: they do not
    depend on it.
    """

    p50_s: Seconds
    p95_s: Annotated[Seconds, not_below("p50_s")]
    p99_s: Annotated[Seconds | None, not_below("p95_s")]
    input_tokens: Tokens
    output_tokens: Tokens
    request_kb: Annotated[float, Field(ge=0.001, le=1_000_000), Uncertain] | None = None
    """What a request carries, in units of 1,000 bytes; null: as its input tokens say."""
    measured_in_flight: Workers = 1
    high_in_flight: Workers = 64
    high_mean_s: Seconds | None = None

    @field_validator("high_mean_s")
    @classmethod
    def _with_more_calls(cls, value: float | None, info: ValidationInfo) -> float | None:
        few, many = info.data.get("measured_in_flight"), info.data.get("high_in_flight")
        if value is None or few is None or many is None:
            return value
        if many <= few:
            reason = f"takes more calls at once than the {few:,} of the first times: high_in_flight is {many:,}"
            raise contradiction(reason, {"measured_in_flight": few, "high_in_flight": many})
        p50_s, p95_s = info.data.get("p50_s"), info.data.get("p95_s")
        if few == 1 or p50_s is None or p95_s is None:
            return value
        steepest_s = float(Lognormal.through(p50_s, p95_s, info.data.get("p99_s")).mean_s) * (many - 1) / (few - 1)
        if value >= steepest_s:
            reason = f"must be less than {steepest_s:.4g}: on a line through both measurements a call alone would take no time"
            raise contradiction(reason, {"measured_in_flight": few, "high_in_flight": many})
        return value


class ProviderLimits(Value):
    """What the model provider allows; null is unlimited. `share_percent` is the part of it that is this workload's."""

    profile: Annotated[str, Field(min_length=1, max_length=60)] | None
    max_concurrency: Workers | None
    requests_per_minute: Quota | None
    input_tokens_per_minute: Quota | None
    output_tokens_per_minute: Quota | None
    share_percent: Annotated[float, Field(ge=0.01, le=100), Uncertain]
    requests_per_day: DailyQuota | None = None
    pacing: Literal["paced", "none"] = "paced"
    retry_after: Literal["honoured", "ignored"] = "honoured"
    call_timeout_s: Seconds | None = None
    """When our own code gives up a call; null: never."""

    @field_validator("profile")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in library.profiles() and not value.startswith(library.OWN):
            raise ValueError(f"there is no such profile; known are {', '.join(library.profiles())}")
        return value


class FailurePolicy(Value):
    transient_percent: Percent
    poison_percent: Percent
    max_retries: Tries
    backoff_base_s: Pause
    backoff_cap_s: Annotated[Pause, not_below("backoff_base_s")]
    jitter: Literal["none", "full", "equal", "decorrelated"]
    retry_intervals_s: Annotated[tuple[Interval, ...], Field(strict=False, min_length=1, max_length=20)] | None = None
    """The pauses one by one, as a Scenario's `retries.intervals_s`; null: the backoff above."""
    dead_letter: bool
    idempotent: bool
    failure_s: Pause | None = None
    """How long a failing call takes until its failure is known; null: as long as one that succeeds."""


class SynchronousDesign(Value):
    workers: Workers
    backlog: Annotated[int, Field(ge=0, le=100_000_000), Uncertain] | None
    overflow: Literal["refuse", "drop"] = "refuse"
    """What becomes of a request that finds the backlog full. Answers of before there was a choice have none: it was refused."""
    client_timeout_s: Seconds | None
    client_retries: Tries
    hops: Annotated[tuple[HopName | Hop, ...], Field(strict=False, max_length=20)]

    @field_validator("hops")
    @classmethod
    def _known(cls, value: tuple[HopName | Hop, ...]) -> tuple[HopName | Hop, ...]:
        for hop in value:
            if isinstance(hop, str) and library.hop_named(hop) is None:
                known = ", ".join(library.hops())
                raise ValueError(f"there is no hop named {hop!r}; give name, limit_s and kind, or one of {known}")
        return value


class SubscriberAnswers(Value):
    count: Annotated[int, Field(ge=1, le=100), Uncertain]
    independent_releases: bool
    ordering: Literal["none", "per_key", "global"]
    handling_p95_s: Pause
    keys: Workers | None = None
    replays: bool = False
    """Whether past events must be read again."""


class Priority(Value):
    """A class of requests. `p50_s` null: as long as `processing` says; `p95_s` null: in proportion to p50 as there."""

    share_percent: Percent
    max_wait_s: Seconds
    p50_s: Seconds | None = None
    p95_s: Annotated[Seconds | None, not_below("p50_s")] = None


class Priorities(Value):
    urgent: Priority
    standard: Priority
    batch: Priority

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        priorities = handler(data)
        total = math.fsum(priority.share_percent for priority in priorities.shares().values())
        if abs(total - 100) > 0.01:
            shares = {
                f"priorities.{name}.share_percent": getattr(priorities, name).share_percent for name in cls.model_fields
            }
            each = ", ".join(f"{path.split('.')[1]} {round(share, 2):g}" for path, share in shares.items())
            given = data.values() if isinstance(data, Mapping) else ()
            ranged = any(isinstance(one, Mapping) and isinstance(one.get("share_percent"), Mapping) for one in given)
            middle = "; a range counts by its middle" if ranged else ""
            raise contradiction(
                f"the shares of the classes must sum to 100, not {round(total, 2):g} ({each}){middle}", shares
            )
        return priorities

    def shares(self) -> dict[str, Priority]:
        every = {"urgent": self.urgent, "standard": self.standard, "batch": self.batch}
        return {name: priority for name, priority in every.items() if priority.share_percent > 0}


CLASSES = tuple(Priorities.model_fields)
"""Classes of requests, the most urgent first."""


class Resilience(Value):
    outage_minutes: Annotated[float, Field(ge=0, le=10_080), Uncertain]
    recover_within_minutes: Annotated[float, Field(ge=0.1, le=10_080), Uncertain]
    max_lost_jobs: Annotated[int, Field(ge=0, le=1_000_000_000), Uncertain]
    result_retention_h: Annotated[float, Field(ge=0.001, le=87_600), Uncertain]
    outage_mode: Literal["refuse", "hang"] = "refuse"


class Operations(Value):
    runs_a_broker_today: bool
    broker: Literal["unknown", "database", "rq", "sqs", "rabbitmq", "temporal", "kafka"] = "unknown"
    """Which one the team runs; it weighs in the choice of one."""
    min_workers: Workers
    max_workers: Annotated[Workers, not_below("min_workers")]
    worker_kind: Literal["unknown", "forking", "simple", "threads"] = "unknown"
    """What the three below are if they are null; answers from before there was a choice have none of these costs."""
    accept_s: Overhead | None = None
    dispatch_s: Overhead | None = None
    retry_tick_s: Overhead | None = None
    lease_s: Seconds | None = None
    """How long a consumer may keep a job before the broker offers it again; null: as long as it takes."""
    lease_ends: Literal["redelivers", "discards", "stops"] = "redelivers"
    max_deliveries: Deliveries | None = None
    crashes_per_hour: Crashes = 0
    acknowledges: Literal["late", "early"] = "late"


class AnswerSource(Value):
    """Where an answer comes from, as long as it is `value`."""

    value: bool | int | float | str | None
    text: Annotated[str, Field(min_length=1, max_length=300)]
    """A noun: the recording calls.csv."""
    recording: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """As `volume.trace` names it. While the answers replay it, each request has its own value of this answer."""


class Answers(Value):
    """The whole questionnaire.

    Every number is a plain number here. Where a range or "don't know" was given, the number is the middle of that range and `uncertain`
    keeps the range; dumping puts it back, so that a dump reads as what was given.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    schema_: Literal["crossover/answers@1"] = Field(default="crossover/answers@1", alias="schema")
    template: Annotated[str, Field(min_length=1, max_length=60)] = library.DEFAULT_TEMPLATE
    name: Annotated[str, Field(min_length=1, max_length=120)]
    caller: Caller
    volume: Volume
    processing: Processing
    provider: ProviderLimits
    failures: FailurePolicy
    synchronous: SynchronousDesign
    subscribers: SubscriberAnswers
    priorities: Priorities
    resilience: Resilience
    operations: Operations
    sources: Mapping[str, AnswerSource] = {}
    """By the path of an answer, if it was not given by a person."""

    _uncertain: Mapping[str, Range] = PrivateAttr(default_factory=dict)

    @property
    def uncertain(self) -> Mapping[str, Range]:
        return self._uncertain

    def source_of(self, path: str) -> AnswerSource | None:
        """None if a person has given the answer, or has changed it since."""
        source = self.sources.get(path)
        is_same = source is not None and path not in self.uncertain and source.value == value_at(self, path)
        return source if is_same else None

    def is_replayed(self, *paths: str) -> bool:
        """Whether each request has its own value of these answers, which the recording has for it."""
        sources = [self.source_of(path) for path in paths]
        return self.volume.trace is not None and all(one and one.recording == self.volume.trace for one in sources)

    @field_validator("sources")
    @classmethod
    def _of_answers(cls, value: Mapping[str, AnswerSource]) -> Mapping[str, AnswerSource]:
        if unknown := [path for path in value if path not in LEAVES]:
            raise ValueError(f"names {unknown[0]!r}, which is no answer; an example: processing.p50_s")
        return value

    @field_validator("template")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in library.sheets():
            raise ValueError(f"there is no such template; known are {', '.join(library.sheets())}")
        return value

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in value):
            raise ValueError("must not hold control or direction marks")
        if not value.strip():
            raise ValueError("must not be empty")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _with_ranges(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        spelled, ranges = located(data, LEAVES)
        answers = handler(spelled)
        answers._uncertain = ranges
        return answers

    @model_serializer(mode="wrap")
    def _dumped(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = restored(handler(self), self._uncertain)
        data["sources"] = {path: source for path, source in data["sources"].items() if self.source_of(path)}
        return data if data["sources"] else {name: value for name, value in data.items() if name != "sources"}


LEAVES: Mapping[str, Leaf] = leaves(Answers)
"""Every field of the Answers by its path."""


def answers_from(given: Mapping[str, Any]) -> Answers:
    """What is given, laid over its template's values: deep, lists replace, and a template's value gives way to a given one it contradicts.

    Raises:
        InvalidInput: with a problem for each field that is wrong, by its dotted path.
    """
    try:
        return Answers.parse(merge_template(given))
    except InvalidInput as error:
        raise with_lines(error, given) from error
