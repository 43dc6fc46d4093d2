"""How a simulation is to be run: by which engine, and for a live one how fast and at whose endpoint; as chosen beside Simulate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.http import HttpRequest

from advisor.decisions.models import Decision, EngineName
from advisor.decisions.outside import OUTSIDE, SAMPLE, allowed
from simulator.schema import InvalidInput, Problem

FIELDS = ("engine", "speed", "endpoint")
REMEMBERED = "running"
"""In the session: the choice for the decision that was last worked on."""
LONGEST = 20


@dataclass(frozen=True)
class Running:
    """What is chosen, as typed."""

    engine: str = EngineName.KERNEL
    speed: str = ""
    endpoint: str = SAMPLE
    errors: Mapping[str, str] = field(default_factory=dict)
    """By field; what belongs to none of them stands under the empty one."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From a form or an address; what is no choice counts as none."""
        engine, endpoint = str(given.get("engine", "")), str(given.get("endpoint", ""))
        return cls(
            engine=engine if engine in EngineName.values else EngineName.KERNEL,
            speed=str(given.get("speed", "")).strip()[:LONGEST],
            endpoint=endpoint if endpoint in (SAMPLE, OUTSIDE) else SAMPLE,
        )

    @property
    def live(self) -> bool:
        """Whether it takes real time."""
        return self.engine == EngineName.LIVE

    @property
    def speed_asked(self) -> float | None:
        """The number; None for as fast as it can tell the truth, and for an engine that has no speed.

        Raises:
            InvalidInput: on `speed`, if it is no number.
        """
        text = self.speed.lower().removesuffix("x").removesuffix("×").strip()
        if not self.live or not text:
            return None
        try:
            return float(text)
        except ValueError as error:
            raise InvalidInput([Problem("speed", "should be a number, such as 10")]) from error

    @property
    def endpoint_asked(self) -> str:
        """Who answers; an engine that calls nobody has the sample endpoint."""
        return self.endpoint if self.live else SAMPLE

    @property
    def error(self) -> str:
        """What is wrong with the run as a whole."""
        return self.errors.get("", "")

    def refused(self, error: InvalidInput) -> "Running":
        """The same, with what is wrong with it."""
        found: dict[str, str] = {}
        for problem in error.problems:
            place = problem.path if problem.path in ("speed", "endpoint") else ""
            found.setdefault(place, _sentence(problem.reason))
        return Running(self.engine, self.speed, self.endpoint, found)


def chosen_for(request: HttpRequest, decision: Decision) -> Running:
    """As posted just now, or else as last chosen for this decision in this session."""
    if "engine" in request.POST:
        return Running.of(request.POST)
    kept = request.session.get(REMEMBERED)
    if not isinstance(kept, dict) or kept.get("decision") != str(decision.pk):
        return Running()
    return Running.of(kept if allowed() is not None else kept | {"endpoint": SAMPLE})


def remember(request: HttpRequest, decision: Decision) -> None:
    """Keeps what was posted, for the next time that the page is shown; the session is written only where it changes."""
    if "engine" not in request.POST:
        return
    running = Running.of(request.POST)
    kept = {"decision": str(decision.pk), "engine": str(running.engine), "speed": running.speed}
    kept["endpoint"] = running.endpoint
    if request.session.get(REMEMBERED) != kept:
        request.session[REMEMBERED] = kept


def _sentence(reason: str) -> str:
    """A reason goes on where a field's name stands before it; here "This" does."""
    whole = f"This {reason}" if reason.startswith(("should ", "is ")) else reason[:1].upper() + reason[1:]
    return whole if whole.endswith(".") else f"{whole}."
