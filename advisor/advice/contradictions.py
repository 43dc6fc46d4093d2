"""Answers that contradict each other: each is possible alone, both together are not."""

from collections.abc import Callable
from dataclasses import dataclass

from advisor.advice import library
from advisor.advice.answers import Answers
from advisor.advice.contract import AdviceWarning, Method, Style
from advisor.advice.facts import PointFacts
from advisor.advice.words import apart
from core.numbers import count, duration, listed, percent, plural


@dataclass(frozen=True)
class GivenCase:
    answers: Answers
    point: PointFacts
    style: Style
    method: Method


@dataclass(frozen=True)
class Contradiction:
    code: str
    title: str
    about: str
    """What cannot be true together and what follows, for the handbook."""
    questions: Callable[[Answers], tuple[str, ...]]
    """The paths of the answers that contradict each other."""
    when: Callable[[GivenCase], bool]
    sentence: Callable[[GivenCase], str]


def _always(*paths: str) -> Callable[[Answers], tuple[str, ...]]:
    return lambda _: paths


def _first_token_past_deadline(case: GivenCase) -> str:
    first, deadline = apart(case.point.caller.first_token_s, case.point.caller.deadline_s)
    return (
        f"The first part of an answer comes after {first}, and the result must be there in {deadline}: no design keeps that. "
        "If the deadline is for the first part, shorten the time until it; if not, allow more time."
    )


def _first_token_past_work(case: GivenCase) -> str:
    first, slow = apart(case.point.caller.first_token_s, case.point.work.p95_s)
    return f"The first part of an answer comes after {first}, but nineteen in twenty answers are complete after {slow}: one of the two is wrong."


def _one_order(case: GivenCase) -> str:
    names = listed(list(case.answers.priorities.shares()))
    return (
        f"All results keep one order, so {names} requests cannot overtake each other: the plan has one queue and one consumer. "
        "If only results of one customer or document must keep their order, choose an order for each key."
    )


def _schedule_s() -> float:
    return float(sum(library.delivery_standards()["webhook"]["schedule_s"]))


def _gone_before_webhook(case: GivenCase) -> str:
    kept, tried = apart(case.point.coupling.retention_s, _schedule_s())
    return (
        f"A result is kept for {kept}, and its webhook is tried for {tried}: the last tries have nothing to send. Keep results at least "
        "as long as the schedule, or end the schedule sooner."
    )


def _gone_before_deadline(case: GivenCase) -> str:
    kept, deadline = apart(case.point.coupling.retention_s, case.point.caller.deadline_s)
    return (
        f"A result is kept for {kept}, and callers may come for it until {deadline} after their request: a late caller finds nothing. "
        "Keep it longer."
    )


def _late_classes(answers: Answers) -> list[str]:
    deadline_s = answers.caller.deadline_s
    return [
        name
        for name, priority in answers.priorities.shares().items()
        if deadline_s is not None and priority.max_wait_s > deadline_s
    ]


def _waits_past_deadline(case: GivenCase) -> str:
    shares, late = case.answers.priorities.shares(), _late_classes(case.answers)
    waits = listed([f"{name} requests may wait {duration(shares[name].max_wait_s)}" for name in late])
    return (
        f"{waits[0].upper()}{waits[1:]}, but every result must be there in {duration(case.point.caller.deadline_s)}: the deadline counts, "
        "and the plan leaves them what remains of it. Shorten the wait, or allow these requests more time."
    )


def _out_of_order(answers: Answers) -> tuple[str, str] | None:
    names = list(answers.priorities.shares().items())
    return next(
        (
            (first, second)
            for place, (first, urgent) in enumerate(names)
            for second, other in names[place + 1 :]
            if urgent.max_wait_s > other.max_wait_s
        ),
        None,
    )


def _less_urgent(case: GivenCase) -> str:
    first, second = _out_of_order(case.answers) or ("", "")
    shares = case.answers.priorities.shares()
    longer, shorter = apart(shares[first].max_wait_s, shares[second].max_wait_s)
    return (
        f"{first.capitalize()} requests are served before {second} ones, but may wait {longer}, and {second} ones only {shorter}: "
        "exchange the classes or their waits."
    )


def _slow_classes(answers: Answers) -> list[str]:
    deadline_s = answers.caller.deadline_s
    return [
        name
        for name, priority in answers.priorities.shares().items()
        if deadline_s is not None and priority.p50_s is not None and priority.p50_s > deadline_s
    ]


def _class_never_in_time(case: GivenCase) -> str:
    shares = case.answers.priorities.shares()
    slow = listed(
        [f"{name} requests typically take {duration(shares[name].p50_s or 0)}" for name in _slow_classes(case.answers)]
    )
    return (
        f"{slow[0].upper()}{slow[1:]}, but every result must be there in {duration(case.point.caller.deadline_s)}: "
        "most of them are late in any design. They need a deadline of their own: make them a decision of their own."
    )


def _gives_up_first(case: GivenCase) -> str:
    timeout, typical = apart(case.point.inline.client_timeout_s, case.point.work.p50_s)
    return (
        f"The client gives up after {timeout}, and half of the requests take longer than {typical}: most work is done for a client that has "
        "gone. Raise the client's time limit, or answer with 202."
    )


def _fewer_workers(case: GivenCase) -> str:
    return (
        f"{count(case.answers.operations.min_workers, 'worker')} stay up, but the synchronous design has "
        f"{case.answers.synchronous.workers:,}: raise the one or lower the other."
    )


def _no_time_to_recover(case: GivenCase) -> str:
    within, slow = apart(60 * case.answers.resilience.recover_within_minutes, case.point.work.p95_s)
    return f"Everything must be served {within} after an outage, but a slow request alone takes {slow}: allow more time to recover."


def _again_after_deadline(case: GivenCase) -> str:
    lease_s, typical_s = case.answers.operations.lease_s or 0.0, case.point.work.p50_s
    again, deadline = apart(lease_s + typical_s, case.point.caller.deadline_s)
    return (
        f"A job whose consumer crashed is delivered again after {duration(lease_s)} and done {again} after it was first taken, past the deadline "
        f"of {deadline}: shorten the lease, and extend it while the work goes on."
    )


def _acknowledged_before(case: GivenCase) -> str:
    within, typical = apart(case.point.caller.acknowledge_s, case.point.work.p50_s)
    return (
        f"The sender must have its 2xx within {within} and cannot go on without the result, which typically takes {typical}: it cannot have both. "
        "Answer 2xx at once and send the result later, or give the sender more time."
    )


def _call_outlives_lease(case: GivenCase) -> str:
    timeout, lease = apart(case.answers.provider.call_timeout_s or 0.0, case.answers.operations.lease_s or 0.0)
    return (
        f"A call to the model is given up after {timeout}, but the broker delivers the job again after {lease}: a call that hangs is "
        "made twice. Make the call's time limit the shorter one."
    )


def _fails_after_timeout(case: GivenCase) -> str:
    fails, timeout = apart(case.answers.failures.failure_s or 0.0, case.answers.provider.call_timeout_s or 0.0)
    return f"A failing call is said to fail after {fails}, but your own code gives it up after {timeout}: the shorter one counts."


def _poison(case: GivenCase) -> str:
    never, tolerated = apart(100 * case.point.failure.poison, 100 * case.point.caller.tolerated, percent)
    return (
        f"{never} of the requests never work, and {tolerated} may be late or missing: no design keeps that. Refuse such requests when they "
        "arrive, or tolerate more."
    )


def _nothing_kept(case: GivenCase) -> str:
    outage, window = apart(case.point.load.outage_s, case.point.failure.retry_window_s)
    return (
        f"No request may be lost in an outage of {outage}, but requests that failed for good are not kept, and their retries end after {window}: "
        "keep dead letters, or let the retries outlast the outage."
    )


def _unused_pauses(case: GivenCase) -> str:
    given, most = len(case.answers.failures.retry_intervals_s or ()), case.answers.failures.max_retries
    return f"The list has {count(given, 'pause')} for {count(most, 'retry', 'retries')}: only the last {plural(most, 'one is', f'{most} are')} used."


CONTRADICTIONS: tuple[Contradiction, ...] = (
    Contradiction(
        "first_token_past_deadline",
        "The first part of an answer comes after the deadline",
        "A stream that begins later than its result must be there.",
        _always("caller.first_token_s", "caller.deadline_s"),
        lambda c: c.point.caller.streams and c.point.caller.first_token_s > c.point.caller.deadline_s,
        _first_token_past_deadline,
    ),
    Contradiction(
        "first_token_past_work",
        "The first part of an answer comes after the last one",
        "A stream that begins later than nearly all answers are complete: one of the two times is wrong.",
        _always("caller.first_token_s", "processing.p95_s"),
        lambda c: c.point.caller.streams and c.point.caller.first_token_s > c.point.work.p95_s,
        _first_token_past_work,
    ),
    Contradiction(
        "one_order_with_classes",
        "One order for all, and classes that overtake",
        "Results that all keep one order are processed one at a time, first come, first served: classes of urgency have no effect.",
        lambda answers: (
            "subscribers.ordering",
            *(f"priorities.{name}.share_percent" for name in answers.priorities.shares()),
        ),
        lambda c: c.point.capacity.ordered_globally and len(c.answers.priorities.shares()) > 1,
        _one_order,
    ),
    Contradiction(
        "webhook_outlasts_result",
        "The webhook's schedule outlasts the result",
        "A result that is deleted while its webhook is still tried.",
        _always("resilience.result_retention_h", "caller.accepts_webhooks"),
        lambda c: c.method == "webhook" and c.point.coupling.retention_s < _schedule_s(),
        _gone_before_webhook,
    ),
    Contradiction(
        "result_gone_before_deadline",
        "A result is gone before its deadline",
        "A result that is kept for a shorter time than callers may take to come for it.",
        _always("resilience.result_retention_h", "caller.deadline_s"),
        lambda c: c.method == "polling" and c.point.coupling.retention_s < c.point.caller.deadline_s,
        _gone_before_deadline,
    ),
    Contradiction(
        "class_waits_past_deadline",
        "A class may wait past the deadline",
        "A longest wait of a class that is longer than the deadline of every result.",
        lambda answers: (
            *(f"priorities.{name}.max_wait_s" for name in _late_classes(answers)),
            "caller.deadline_s",
        ),
        lambda c: c.style == "event_driven" and bool(_late_classes(c.answers)),
        _waits_past_deadline,
    ),
    Contradiction(
        "urgent_waits_longer",
        "The more urgent class may wait longer",
        "A class that is served before another, and whose longest wait is longer.",
        lambda answers: tuple(f"priorities.{name}.max_wait_s" for name in _out_of_order(answers) or ()),
        lambda c: c.style == "event_driven" and _out_of_order(c.answers) is not None,
        _less_urgent,
    ),
    Contradiction(
        "class_never_in_time",
        "A class takes longer than the deadline",
        "A class whose typical processing alone is past the deadline of every result.",
        lambda answers: (*(f"priorities.{name}.p50_s" for name in _slow_classes(answers)), "caller.deadline_s"),
        lambda c: bool(_slow_classes(c.answers)),
        _class_never_in_time,
    ),
    Contradiction(
        "client_gives_up_first",
        "The client gives up before the typical answer",
        "A client timeout below the median of processing: most work is done for a client that has gone.",
        _always("synchronous.client_timeout_s", "processing.p50_s"),
        lambda c: not c.point.caller.streams and c.point.inline.client_timeout_s < c.point.work.p50_s,
        _gives_up_first,
    ),
    Contradiction(
        "fewer_workers_than_stay_up",
        "Fewer workers than stay up",
        "The least that autoscaling keeps is more than the synchronous design is given.",
        _always("synchronous.workers", "operations.min_workers"),
        lambda c: c.answers.synchronous.workers < c.answers.operations.min_workers,
        _fewer_workers,
    ),
    Contradiction(
        "recovery_under_work",
        "Recovery is shorter than a request",
        "A time to recover from an outage that is shorter than a slow request takes.",
        _always("resilience.recover_within_minutes", "processing.p95_s"),
        lambda c: c.point.load.outage_s > 0 and 60 * c.answers.resilience.recover_within_minutes < c.point.work.p95_s,
        _no_time_to_recover,
    ),
    Contradiction(
        "redelivered_past_deadline",
        "A crashed consumer's job comes back after the deadline",
        "A broker delivers a crashed consumer's job again when its lease has ended, which may be too late.",
        _always("operations.lease_s", "caller.deadline_s"),
        lambda c: (
            c.answers.operations.crashes_per_hour > 0
            and c.answers.operations.acknowledges == "late"
            and c.answers.operations.lease_s is not None
            and c.answers.operations.lease_s + c.point.work.p50_s > c.point.caller.deadline_s
        ),
        _again_after_deadline,
    ),
    Contradiction(
        "acknowledged_before_result",
        "The 2xx must come before the result",
        "A sender that must have its result before it goes on, and its 2xx before the result can be there.",
        _always("caller.acknowledge_within_s", "caller.needs_immediate_response"),
        lambda c: c.point.caller.immediate and c.point.caller.acknowledge_s < c.point.work.p50_s,
        _acknowledged_before,
    ),
    Contradiction(
        "call_outlives_lease",
        "A call may last longer than its job's lease",
        "A call timeout longer than a consumer may keep a job: a call that hangs is made again by another consumer.",
        _always("provider.call_timeout_s", "operations.lease_s"),
        lambda c: (
            c.answers.provider.call_timeout_s is not None
            and c.answers.operations.lease_s is not None
            and c.answers.provider.call_timeout_s > c.answers.operations.lease_s
        ),
        _call_outlives_lease,
    ),
    Contradiction(
        "fails_after_timeout",
        "A failing call takes longer than the call timeout",
        "A call is given up before its failure could be known.",
        _always("failures.failure_s", "provider.call_timeout_s"),
        lambda c: (
            c.point.failure.transient > 0
            and c.answers.failures.failure_s is not None
            and c.answers.provider.call_timeout_s is not None
            and c.answers.failures.failure_s > c.answers.provider.call_timeout_s
        ),
        _fails_after_timeout,
    ),
    Contradiction(
        "poison_past_tolerated",
        "More requests never work than may be missing",
        "Requests that never work count as missing in every design.",
        _always("failures.poison_percent", "caller.tolerated_miss_percent"),
        lambda c: c.point.failure.poison > c.point.caller.tolerated,
        _poison,
    ),
    Contradiction(
        "none_lost_none_kept",
        "No request may be lost, and none that failed is kept",
        "Retries that end before an outage does, and no dead letters: what meets the outage is lost.",
        _always("resilience.max_lost_jobs", "failures.dead_letter"),
        lambda c: (
            c.answers.resilience.max_lost_jobs == 0
            and not c.answers.failures.dead_letter
            and c.method != "inline"
            and c.point.load.arrives_in_outage >= 1
            and c.point.load.outage_s > c.point.failure.retry_window_s
        ),
        _nothing_kept,
    ),
    Contradiction(
        "more_pauses_than_retries",
        "More pauses than retries",
        "A list of pauses that is longer than the number of retries: its first pauses are never used.",
        _always("failures.retry_intervals_s", "failures.max_retries"),
        lambda c: (
            c.answers.failures.retry_intervals_s is not None
            and 0 < c.answers.failures.max_retries < len(c.answers.failures.retry_intervals_s)
        ),
        _unused_pauses,
    ),
)


def find_contradictions(answers: Answers, point: PointFacts, style: Style, method: Method) -> tuple[AdviceWarning, ...]:
    case = GivenCase(answers, point, style, method)
    return tuple(
        AdviceWarning(code=one.code, text=one.sentence(case), questions=one.questions(answers))
        for one in CONTRADICTIONS
        if one.when(case)
    )
