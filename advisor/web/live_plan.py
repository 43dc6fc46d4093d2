"""What stands beside Simulate of a live run that is not yet asked for: the part of the workload, the speed, the time, and the caps."""

from dataclasses import dataclass
from typing import Any

from advisor.decisions.models import Revision
from advisor.decisions.outside import allowed
from advisor.decisions.services.runs import plan_run, runs_left
from advisor.reports.document.outside import endpoint_terms
from advisor.reports.document.planned_run import plan_sentences
from advisor.web.forms.running import Running
from core.errors import InvalidInput
from core.numbers import count


@dataclass(frozen=True)
class Offer:
    """The outside endpoint as a choice."""

    host: str
    model: str
    terms: str


def offer() -> Offer | None:
    """What may answer beside the sample endpoint; None where no administrator allows anything."""
    found = allowed()
    if found is None:
        return None
    caps = found.endpoint
    terms = f"{count(caps.max_calls, 'call')} of {count(caps.max_tokens_a_call, 'token')}"
    return Offer(found.host, found.model, terms)


def plan_of(revision: Revision, running: Running) -> dict[str, Any]:
    """The plan in words, or what is wrong with the choice; nothing for the kernel, which needs no plan."""
    context: dict[str, Any] = {"running": running, "outside": offer()}
    if not running.live or running.errors:
        return context
    try:
        plan = plan_run(
            revision,
            speed=running.speed_asked,
            seconds=running.seconds_asked,
            workers=running.workers_asked,
            endpoint=running.endpoint,
        )
    except InvalidInput as error:
        return context | {"running": running.refused(error)}
    at_most = None if plan.external is not None else plan.limit
    words = {"plan": plan_sentences(plan), "terms": _terms(endpoint_terms(plan))}
    return context | words | {"limit": at_most}


def _terms(words: str) -> str:
    found = allowed()
    if not words or found is None:
        return ""
    return f"{words} {count(runs_left(found), 'such run')} left of {count(found.runs_per_day)} in 24 hours."
