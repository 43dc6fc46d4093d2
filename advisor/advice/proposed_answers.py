"""What was seen of a workload (a recording, a running queue, a benchmark) as answers, each with its source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.advice.answers import Answers, answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.measuring import measured
from advisor.advice.scenario import PROCESSING_TIMES
from core.errors import InvalidInput
from core.numbers import duration, percent
from core.paths import set_value
from simulator.benchmark_results import BenchmarkLevel, SlowdownFit, fit_slowdown
from simulator.lognormal import Lognormal
from simulator.recordings.understanding import RecordedFailures
from simulator.trace_columns import Floats
from simulator.traces import Trace

if TYPE_CHECKING:
    from simulator.live.observe_rq import QueueObservation

MEASURED_TOGETHER = (
    *PROCESSING_TIMES,
    "processing.measured_in_flight",
    "processing.high_in_flight",
    "processing.high_mean_s",
)
"""Answers that are taken or left together: one without the others contradicts them."""
ENOUGH_FOR_P99 = 300
"""Times; with fewer the 99th percentile is left to the lognormal distribution through the other two."""
_SHORTEST_S, _LONGEST_S = 0.001, 31_536_000.0
MOST_TOKENS = 10_000_000
STEEPEST = 0.999
"""Of the slope with which a call alone would take no time."""


@dataclass(frozen=True)
class ProposedAnswers:
    source: str
    """A noun: the recording calls.csv."""
    values: Mapping[str, Any]
    """By the path of the answer."""
    recording: str | None = None
    """As `volume.trace` names it: what is taken is replayed request by request."""
    notes: tuple[str, ...] = ()
    """Sentences: what the answers leave out."""

    def over(self, given: Mapping[str, Any], taken: Collection[str] | None = None) -> dict[str, Any]:
        """The given answers with those of the paths that are `taken`, or with all; each names its source."""
        result: dict[str, Any] = {
            name: dict(value) if isinstance(value, Mapping) else value for name, value in given.items()
        }
        sources = dict(result.get("sources", {}))
        for path, value in self.values.items():
            if taken is None or path in taken:
                result.setdefault(path.split(".")[0], {})
                set_value(result, path, value)
                sources[path] = {"value": value, "text": self.source} | (
                    {"recording": self.recording} if self.recording else {}
                )
        return result | ({"sources": sources} if sources else {})

    def not_given_in(self, given: Mapping[str, Any]) -> list[str]:
        """The paths that are not given, or given as they are proposed. Of those that belong together, all or none."""
        free = [path for path, value in self.values.items() if _given(given, path, value) == value]
        together = [path for path in MEASURED_TOGETHER if path in self.values]
        return [path for path in free if path not in together or all(one in free for one in together)]


def _given(given: Mapping[str, Any], path: str, default: Any) -> Any:
    section, name = path.split(".")
    answers = given.get(section)
    return answers.get(name, default) if isinstance(answers, Mapping) else default


def propose_from_recording(
    trace: Trace, failures: RecordedFailures | None, answers: Answers, recording: str, name: str
) -> ProposedAnswers:
    """Peaks are those that bind against the capacity that the answers have with the times and tokens proposed.

    `recording` is as `volume.trace` names it, `name` as a person knows it.
    """
    values = answers_of_requests(trace, failures)
    proposed = ProposedAnswers(f"the recording {name}", values, recording)
    volume = measured(trace, _capacity(answers, proposed))
    return ProposedAnswers(
        proposed.source, {f"volume.{answer}": value for answer, value in volume.items()} | values, recording
    )


def answers_of_requests(trace: Trace, failures: RecordedFailures | None) -> dict[str, Any]:
    """What the requests took and whether they failed, by the path of the answer."""
    values: dict[str, Any] = {} if trace.service_s is None else dict(_times(trace.service_s))
    for field in ("input_tokens", "output_tokens"):
        tokens = getattr(trace, field)
        if tokens is not None:
            values[f"processing.{field}"] = min(MOST_TOKENS, round(float(tokens.mean())))
    return values if failures is None else values | _failures(failures, trace.requests)


def _capacity(answers: Answers, proposed: ProposedAnswers) -> float:
    try:
        filled = answers_from(proposed.over(answers.model_dump()))
    except InvalidInput:  # they contradict another answer, which a person has to change
        filled = answers
    return float(Evaluation.from_answers(filled).point.capacity.cap)


def _times(times_s: Floats) -> dict[str, float | None]:
    p50_s, p95_s, p99_s = (_seconds(value) for value in np.percentile(times_s, (50, 95, 99)))
    return dict(zip(PROCESSING_TIMES, (p50_s, p95_s, p99_s if len(times_s) >= ENOUGH_FOR_P99 else None), strict=True))


def _failures(failures: RecordedFailures, requests: int) -> dict[str, float]:
    tried = max(1, requests - failures.permanent)
    values = {
        "failures.transient_percent": _four_digits(100 * failures.transient / tried),
        "failures.poison_percent": _four_digits(100 * failures.permanent / requests),
    }
    return values if failures.mean_s is None else values | {"failures.failure_s": _four_digits(failures.mean_s)}


def propose_from_queues(observed: Sequence["QueueObservation"]) -> ProposedAnswers:
    """What running queues say, taken together."""
    seconds = observed[0].seconds
    attempts = [attempt for one in observed for attempt in one.attempts]
    times_s = np.array([attempt.service_s for attempt in attempts if attempt.service_s > 0])
    failed = float(np.mean([float(one.failed) for one in attempts] or [0.0]))
    values: dict[str, Any] = {
        "volume.mean_rate_per_s": _four_digits(max(1e-6, sum(one.arrivals for one in observed) / seconds)),
        "operations.runs_a_broker_today": True,
        "operations.broker": "rq",
        "failures.transient_percent": _four_digits(100 * failed),
    }
    if workers := max(one.workers for one in observed):
        values |= {"operations.min_workers": workers, "operations.max_workers": workers}
    if retries := max(one.most_retries for one in observed):
        values["failures.max_retries"] = retries
    if len(observed) == 1 and observed[0].interarrival_cv is not None:
        values["volume.interarrival_cv"] = _four_digits(min(20.0, max(0.1, observed[0].interarrival_cv)))
    names = ", ".join(one.name for one in observed)
    return ProposedAnswers(f"rq ({names[:100]})", values | (_times(times_s) if len(times_s) else {}))


ONE_LEVEL = "One level of concurrency says nothing of how calls slow as more are in flight: measure a second one, such as 1 and 32 calls at once."
NO_LEVEL = "The calls in flight are not known: the file names neither concurrency nor rate, so that nothing is said of how calls slow."
NO_SLOWER = "Calls do not slow as more are in flight."
_MOST_FAILED = 0.5


def propose_from_benchmark(levels: Sequence[BenchmarkLevel], name: str) -> ProposedAnswers:
    """What calls take at the fewest in flight, and how that grows with more. At least one level has times."""
    fit = fit_slowdown(levels)
    timed = sorted((one for one in levels if one.is_timed), key=lambda one: one.in_flight or 0.0)
    first = fit.first if fit else timed[0]
    tools = ", ".join(dict.fromkeys(one.tool for one in levels))
    numbers = len(fit.levels) if fit else 1
    source = f"{tools}, {numbers} {'level' if numbers == 1 else 'levels'} of concurrency, {name}"
    p50_s = _seconds(first.times.p50_s or 0.0)
    p95_s = max(p50_s, _seconds(first.times.p95_s or 0.0))
    p99_s = None if first.times.p99_s is None else max(p95_s, _seconds(first.times.p99_s))
    values: dict[str, Any] = dict(zip(PROCESSING_TIMES, (p50_s, p95_s, p99_s), strict=True))
    slowdown, notes = _slowdown(fit, first, float(Lognormal.through(p50_s, p95_s, p99_s).mean_s))
    values |= slowdown
    for field in ("input_tokens", "output_tokens"):
        known = [(getattr(one, field), one.requests) for one in timed if getattr(one, field) is not None]
        if known:
            mean = sum(tokens * requests for tokens, requests in known) / max(1, sum(requests for _, requests in known))
            values[f"processing.{field}"] = min(MOST_TOKENS, round(mean))
    if first.first_token_s is not None:
        values["caller.first_token_s"] = _seconds(first.first_token_s)
    failed, requests = sum(one.failed for one in levels), sum(one.requests for one in levels)
    if requests:
        values["failures.transient_percent"] = _four_digits(100 * failed / requests)
        if failed > _MOST_FAILED * requests:
            notes.append(
                f"{percent(100 * failed / requests)} of the calls failed: the times are those of the few that did not."
            )
    notes += dict.fromkeys(f"{one.tool}: {one.note}." for one in timed if one.note)
    return ProposedAnswers(source[:300], values, notes=tuple(notes))


def _slowdown(fit: SlowdownFit | None, first: BenchmarkLevel, mean_s: float) -> tuple[dict[str, Any], list[str]]:
    """`mean_s` is that of the answers, through which their straight line goes; the slope is the fit's."""
    if first.in_flight is None:
        return {}, [NO_LEVEL]
    few = max(1, round(first.in_flight))
    values: dict[str, Any] = {"processing.measured_in_flight": few}
    if fit is None:
        return values, [ONE_LEVEL]
    many = round(fit.levels[-1].in_flight or 0.0)
    if fit.each_s <= 0 or many <= few:
        return values | {"processing.high_mean_s": None}, [NO_SLOWER]
    high_s = mean_s + fit.each_s * (many - few)
    if few > 1:
        high_s = min(high_s, STEEPEST * mean_s * (many - 1) / (few - 1))
    each = f"each further call in flight adds {duration(fit.each_s)} to the mean of a call"
    misses = f"; the straight line misses a level by up to {percent(100 * fit.worst)}" if len(fit.levels) > 2 else ""
    values |= {"processing.high_in_flight": many, "processing.high_mean_s": _four_digits(high_s)}
    return values, [f"From {few} to {many} calls at once {each}{misses}."]


def _seconds(value: float) -> float:
    return min(_LONGEST_S, max(_SHORTEST_S, _four_digits(value)))


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")
