"""How a result gets back: who waits, whether it can receive, whether updates are wanted, and both ways."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from advisor.advice import library
from advisor.advice.answer_vectors import FlagVector
from advisor.advice.contract import Delivery, Method, Style, StyleEvidence
from advisor.advice.facts import FactVectors, PointFacts
from advisor.advice.polling import TIGHT_S, polling_of, simulated_polling
from advisor.advice.words import past, times_a_job
from core.closed_sets import complete_table
from core.numbers import duration, number

ALL_METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class DeliveryOption:
    method: Method
    when: Callable[[FactVectors], FlagVector]
    why: Callable[[PointFacts], str]
    why_not: Callable[[PointFacts], str]
    parameters: Callable[[PointFacts], dict[str, Any]]
    fallback: Method | None


def method_of(facts: FactVectors, in_line: FlagVector) -> NDArray[np.int64]:
    """Each row's method as its place in ALL_METHODS: inline if all answers are in the response, else the first option that applies.

    A caller that sends more while the work runs has a connection for both ways, whatever the style.
    """
    later = np.select(
        [option.when(facts) for option in LATER_OPTIONS], [ALL_METHODS.index(option.method) for option in LATER_OPTIONS]
    )
    return np.where(in_line & ~facts.caller.bidirectional, ALL_METHODS.index("inline"), later)


def answers_all_in_line(facts: FactVectors) -> FlagVector:
    """Whether the in-line wait of a hybrid is so long that no more results come later than may be late."""
    return np.asarray(facts.inline.answer_slow_s <= facts.inline.hybrid_wait_s, dtype=np.bool_)


def chosen_method(facts: FactVectors, style: Style) -> Method:
    """The method of a style that is advised, for facts of one row."""
    in_line = style == "synchronous" or (style == "hybrid" and bool(answers_all_in_line(facts)[0]))
    place = int(method_of(facts, np.full_like(facts.caller.nobody, in_line))[0])
    return ALL_METHODS[place]


def explained(facts: FactVectors, point: PointFacts, method: Method, *, hybrid: bool) -> Delivery:
    later = next(option for option in LATER_OPTIONS if option.when(facts)[0])
    chosen = OPTIONS[method]
    others = [option for option in OPTIONS.values() if option.method != method]
    why_not = {option.method: _why_not(point, option, later if method == "inline" else None) for option in others}
    if hybrid and method != "inline" and not point.caller.bidirectional:
        why_not["inline"] = (
            f"Only what is there within {duration(point.inline.hybrid_wait_s)} is answered in the response."
        )
    return Delivery(
        method=method,
        why=chosen.why(point),
        why_not=why_not,
        parameters=chosen.parameters(point),
        fallback=chosen.fallback,
    )


def simulated_delivery(of_formulas: Delivery, interval_s: float, outcome: StyleEvidence) -> Delivery:
    """With the figures of the simulation in place of those of the formulas."""
    figures: dict[str, Any] = {}
    if of_formulas.method == "polling":
        figures = simulated_polling(interval_s, outcome) | {"accepted": of_formulas.parameters["accepted"]}
        return of_formulas.model_copy(update={"parameters": figures})
    if "open_connections_at_peak" in of_formulas.parameters:
        figures = {"open_connections_at_peak": math.ceil(outcome.queue_depth_max + outcome.in_flight_max)}
    return of_formulas.model_copy(update={"parameters": of_formulas.parameters | figures})


def _why_not(point: PointFacts, option: DeliveryOption, later: DeliveryOption | None) -> str:
    if later is not None and point.caller.streams and option.method == "sse":
        return "The response itself is the stream of events; a second connection would have nothing to carry."
    if option is later and option.method not in ("none", "polling"):
        return "The answer is in the response, so there is nothing to deliver later."
    return option.why_not(point)


def _none(_: PointFacts) -> dict[str, Any]:
    return {}


def _inline(point: PointFacts) -> dict[str, Any]:
    return {"stream": "server-sent events (text/event-stream)"} if point.caller.streams else {}


def _polling(point: PointFacts) -> dict[str, Any]:
    plan = polling_of(point)
    return {
        "interval_s": plan.interval_s,
        "first_poll_after_s": plan.first_s,
        "calls_per_job": round(plan.calls_mean, 1),
        "calls_per_job_p99": plan.calls_p99,
        "added_delay_mean_s": plan.added_mean_s,
        "added_delay_max_s": plan.interval_s,
        "accepted": "202 with Location and Retry-After",
    }


def _webhook(point: PointFacts) -> dict[str, Any]:
    facts = library.delivery_standards()["webhook"]
    return {
        key: facts[key] for key in ("schedule_s", "timeout_s", "max_payload_bytes", "signature", "stops_at_status")
    } | {"gives_up_after_s": sum(facts["schedule_s"])}


def _open_at_peak(point: PointFacts) -> int:
    """Connections that are open at once in a peak, by Little's law."""
    return math.ceil(min(point.load.peak_rate * point.work.mean_s, 1e9))


def _sse(point: PointFacts) -> dict[str, Any]:
    facts = library.delivery_standards()["sse"]
    return {
        "resume_header": facts["resume_header"],
        "heartbeat_s": 15,
        "connections_per_browser_http1": facts["connections_per_browser_http1"],
        "streams_http2": facts["streams_http2"],
        "open_connections_at_peak": _open_at_peak(point),
    }


def _websocket(point: PointFacts) -> dict[str, Any]:
    return {
        "heartbeat_s": 30,
        "resume": "the client names the last message it has",
        "open_connections_at_peak": _open_at_peak(point),
    }


def _why_inline(point: PointFacts) -> str:
    if point.caller.streams:
        return (
            "The answer streams in the response as server-sent events, and its end, "
            f"{duration(point.inline.inline_p99_s)} after its request at p99, keeps the limits on the way."
        )
    if not point.inline.counts_waits:
        return f"The answer takes {duration(point.inline.inline_p99_s)} at p99, waiting not counted."
    return f"The answer fits into the response: {duration(point.inline.inline_p99_s)} at p99."


def _why_not_inline(point: PointFacts) -> str:
    if point.caller.nobody:
        return "Nobody waits for a response."
    if point.caller.bidirectional:
        return ONE_WAY
    if point.inline.inline_slow_s > point.inline.inline_limit_s:
        takes, beyond, limit = past(point.inline.inline_slow_s, point.inline.inline_limit_s)
        quantile = number(100 - 100 * point.caller.tolerated)
        return f"The answer takes {takes} at p{quantile}, {beyond} the {limit} limit on the way."
    return f"It would hold the caller for {duration(point.inline.inline_p99_s)} at p99."


ONE_WAY = "It carries one way alone, and the caller sends more while the work runs."


def _why_not_sse(point: PointFacts) -> str:
    if point.caller.nobody:
        return "Nobody waits."
    if point.caller.bidirectional:
        return ONE_WAY
    if point.caller.live_updates:
        return "The caller can be called back, so no connection has to be kept open."
    return "Nobody watches a page; an open connection for each job would be held for nothing."


def _why_not_webhook(point: PointFacts) -> str:
    if point.caller.nobody:
        return "Nobody waits for a result."
    if point.caller.end_user:
        return "A person has no address that we could call."
    if not point.caller.webhooks:
        return "The caller has said that it cannot be called back."
    return ONE_WAY if point.caller.bidirectional else "One organisation's own callers can simply ask."


def _why_not_polling(point: PointFacts) -> str:
    if point.caller.nobody:
        return "Nobody would ask."
    if point.caller.bidirectional:
        return ONE_WAY
    if point.caller.end_user:
        return "A person sees the result an interval late, and every open page asks again and again."
    return f"It would ask {times_a_job(polling_of(point).calls_mean)} a job, mostly for nothing."


INLINE = DeliveryOption(
    "inline",
    when=lambda f: np.zeros_like(f.caller.nobody),
    why=_why_inline,
    why_not=_why_not_inline,
    parameters=_inline,
    fallback=None,
)

LATER_OPTIONS: tuple[DeliveryOption, ...] = (
    DeliveryOption(
        "none",
        when=lambda f: f.caller.nobody,
        why=lambda p: "Nobody waits: a job is complete when its work is done, and its subscribers have the event.",
        why_not=lambda p: "Somebody waits for the result.",
        parameters=_none,
        fallback=None,
    ),
    DeliveryOption(
        "websocket",
        when=lambda f: f.caller.bidirectional,
        why=lambda p: "The caller sends more while the work runs, so the connection must carry both ways.",
        why_not=lambda p: (
            "Nobody waits."
            if p.caller.nobody
            else "Nothing is sent while the work runs; a connection that carries both ways costs more to run."
        ),
        parameters=_websocket,
        fallback="sse",
    ),
    DeliveryOption(
        "sse",
        when=lambda f: f.caller.end_user | (f.caller.live_updates & ~f.caller.webhooks),
        why=lambda p: (
            "A person waits: the page shows the result, and progress until then, as it comes, over one plain HTTP response."
            if p.caller.end_user
            else "Progress is wanted as it happens, and the caller cannot be called back."
        ),
        why_not=_why_not_sse,
        parameters=_sse,
        fallback="polling",
    ),
    DeliveryOption(
        "webhook",
        when=lambda f: (
            f.caller.webhooks & (f.caller.partner | (f.caller.deadline_s <= TIGHT_S) | f.caller.live_updates)
        ),
        why=lambda p: "The caller has an address that can be called, so it gets its result at once and need not ask.",
        why_not=_why_not_webhook,
        parameters=_webhook,
        fallback="polling",
    ),
    DeliveryOption(
        "polling",
        when=lambda f: ~f.caller.nobody,
        why=lambda p: (
            "The caller is one of our own services: it gets 202 with an address and asks there. Nothing has to be kept open or called."
            if p.caller.internal
            else "The caller cannot be called back, so it gets 202 with an address and asks there."
        ),
        why_not=_why_not_polling,
        parameters=_polling,
        fallback=None,
    ),
)
"""The first that applies is the one."""
OPTIONS = complete_table(Method, {option.method: option for option in (INLINE, *LATER_OPTIONS)})
