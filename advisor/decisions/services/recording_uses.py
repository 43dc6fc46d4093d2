"""What the recordings of a workspace are used by."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count

from advisor.decisions.models import Decision, Revision, Run, Sweep, Trace
from advisor.teams.models import Workspace

SOME_TRACE = '"trace":"'
"""Stands in stored answers that name a trace."""


@dataclass
class Use:
    """A decision that a recording is used by."""

    decision: Decision
    current: bool = False
    """Whether its answers go by the recording now."""
    earlier: list[int] = field(default_factory=list)
    """Its older revisions that did."""
    simulations: int = 0
    """Runs, maps and searches that replayed it: what they found rests on it."""


@dataclass(frozen=True)
class Uses:
    """All of one recording, the decisions that go by it now first."""

    decisions: tuple[Use, ...] = ()

    @property
    def going_by_it(self) -> list[str]:
        """The titles of the decisions whose current answers it is part of."""
        return [use.decision.title for use in self.decisions if use.current]

    @property
    def resting_on_it(self) -> list[str]:
        """The titles of the decisions with simulations that replayed it."""
        return [use.decision.title for use in self.decisions if use.simulations]


def uses_of(traces: Iterable[Trace], workspace: Workspace) -> Mapping[UUID, Uses]:
    """What uses each of the recordings, by id; five queries, however many there are."""
    wanted = {trace.pk for trace in traces}
    found: dict[tuple[UUID, UUID], Use] = {}
    decisions = Decision.objects.for_workspace(workspace).only("title").in_bulk()

    def use(trace: UUID, decision: UUID) -> Use:
        return found.setdefault((trace, decision), Use(decisions[decision]))

    latest = set(Revision.objects.for_workspace(workspace).latest_only().values_list("pk", flat=True))
    naming = Revision.objects.for_workspace(workspace).filter(answers_json__contains=SOME_TRACE).order_by("number")
    for pk, decision, number, answers in naming.values_list("pk", "decision_id", "number", "answers_json"):
        trace = trace_in(answers)
        if trace in wanted and pk in latest:
            use(trace, decision).current = True
        elif trace in wanted:
            use(trace, decision).earlier.append(number)
    for rows in (Run.objects, Sweep.objects):
        counts = rows.filter(trace__in=wanted).order_by().values_list("trace", "revision__decision")
        for trace, decision, count in counts.annotate(Count("pk")):
            use(trace, decision).simulations += count
    return {trace: Uses(_sorted(one for (of, _), one in found.items() if of == trace)) for trace in wanted}


def trace_in(answers_json: str) -> UUID | None:
    """The id of the trace that stored answers name."""
    given = json.loads(answers_json).get("volume", {}).get("trace")
    try:
        return UUID(given) if given else None
    except ValueError:
        return None


def _sorted(uses: Iterable[Use]) -> tuple[Use, ...]:
    return tuple(sorted(uses, key=lambda use: (not use.current, use.decision.title)))
