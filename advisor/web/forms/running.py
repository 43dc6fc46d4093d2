"""How a simulation is to be run: by which engine, and for a live one how fast and at whose endpoint; as chosen beside Simulate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.http import HttpRequest

from advisor.decisions.models import Decision, EngineName
from advisor.decisions.outside import OUTSIDE, SAMPLE, allowed
from advisor.web.forms.sentences import choice_reason, sentence_of
from simulator.schema import InvalidInput, Problem

FIELDS = ("engine", "speed", "endpoint")
REMEMBERED = "running"
"""In the session: the choice for the decision that was last worked on."""
LONGEST = 20
CHOICES: Mapping[str, Mapping[str, str]] = {
    "engine": {EngineName.KERNEL: "in the model", EngineName.LIVE: "live, with real parts"},
    "endpoint": {SAMPLE: "the sample endpoint", OUTSIDE: "the outside endpoint"},
}
"""Values and words of the choices."""


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
        """From a form or an address. What is left out is as for a run in the model; what is no choice is an error."""
        errors = {
            name: sentence_of(choice_reason(str(given[name]), tuple(words.values())))
            for name, words in CHOICES.items()
            if given.get(name, "") not in ("", *words)
        }
        engine, endpoint = (
            default if name in errors else str(given.get(name, "") or default)
            for name, default in (("engine", EngineName.KERNEL), ("endpoint", SAMPLE))
        )
        return cls(engine, str(given.get("speed", "")).strip()[:LONGEST], endpoint, errors)

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
            found.setdefault(place, sentence_of(problem.reason))
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
    if running.errors:
        return
    kept = {"decision": str(decision.pk), "engine": str(running.engine), "speed": running.speed}
    kept["endpoint"] = running.endpoint
    if request.session.get(REMEMBERED) != kept:
        request.session[REMEMBERED] = kept
