"""How a simulation is to be run: by which engine, and a live one how fast, for how long, by which workers and at whose endpoint; as chosen
next to Simulate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast
from uuid import UUID

from django.http import HttpRequest

from advisor.decisions.external_endpoint import OUTSIDE, SAMPLE, allowed_endpoint
from advisor.decisions.models import Decision, EngineName
from advisor.decisions.models.run import WORKER_KINDS
from advisor.decisions.services.runs import RunRequest
from advisor.reports.document.planned_run import WORKERS
from advisor.web.forms.questions import choice_reason, sentence_of
from advisor.web.forms.typed_numbers import parse_number
from core.errors import InvalidInput, Problem
from simulator.result import WorkerKind

SESSION_KEY = "running"
"""In the session: the choice for the decision that was last worked on."""
LONGEST_OPTION = 20
RUN_CHOICES: Mapping[str, Mapping[str, str]] = {
    "engine": {EngineName.KERNEL: "in the model", EngineName.LIVE: "live, with real parts"},
    "workers": {
        "threads": "threads",
        "simple": "a process each",
        "forking": "a fork for each job",
        "stock": "stock rq, in real time",
    },
    "endpoint": {SAMPLE: "the sample endpoint", OUTSIDE: "the outside endpoint"},
}
"""Values and words of the choices; the first is the default."""
RUN_LABELS: Mapping[str, str] = {
    "speed": "The speed",
    "seconds": "How long jobs arrive",
    "workers": "The workers",
    "endpoint": "Who answers",
}
"""What an error of a field is about, by the question that the page asks."""


@dataclass(frozen=True)
class RunOptions:
    engine: str = EngineName.KERNEL
    speed: str = ""
    seconds: str = ""
    workers: str = WORKER_KINDS[0]
    endpoint: str = SAMPLE
    errors: Mapping[str, str] = field(default_factory=dict)
    """By field; errors of no field are under the empty name."""

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """From a form or an address. What is left out is as for a run in the model; what is no choice is an error."""
        errors = {
            name: sentence_of(choice_reason(str(given[name]), tuple(words.values())))
            for name, words in RUN_CHOICES.items()
            if given.get(name, "") not in ("", *words)
        }
        chosen = {
            name: next(iter(words)) if name in errors else str(given.get(name, "") or next(iter(words)))
            for name, words in RUN_CHOICES.items()
        }
        typed = {name: str(given.get(name, "")).strip()[:LONGEST_OPTION] for name in ("speed", "seconds")}
        return cls(**chosen, **typed, errors=errors)

    @property
    def live(self) -> bool:
        return self.engine == EngineName.LIVE

    @property
    def run_request(self) -> RunRequest:
        """What is typed for a live run counts for a live run only.

        Raises:
            InvalidInput: on `speed` or `seconds`, if it is no number or no time.
        """
        if not self.live:
            return RunRequest(engine=self.engine)
        return RunRequest(
            engine=self.engine,
            speed=self._speed(),
            seconds=self._seconds(),
            workers=cast("WorkerKind", self.workers),
            endpoint=self.endpoint,
        )

    def _speed(self) -> float | None:
        text = self.speed.lower().removesuffix("x").removesuffix("×").strip()
        try:
            return float(text) if text else None
        except ValueError as error:
            raise InvalidInput([Problem("speed", "should be a number, such as 10")]) from error

    def _seconds(self) -> float | None:
        try:
            return float(parse_number(self.seconds, whole=False, unit="s")) if self.seconds else None
        except ValueError as error:
            raise InvalidInput([Problem("seconds", str(error))]) from error

    @property
    def worker_choices(self) -> Iterable[tuple[str, str]]:
        return RUN_CHOICES["workers"].items()

    @property
    def workers_help(self) -> str:
        return WORKERS[cast("WorkerKind", self.workers)]

    @property
    def error(self) -> str:
        return self.errors.get("", "")

    def refused(self, error: InvalidInput) -> "RunOptions":
        errors: dict[str, str] = {}
        for problem in error.problems:
            place = problem.path if problem.path in RUN_LABELS else ""
            errors.setdefault(place, sentence_of(problem.reason, RUN_LABELS.get(place, "This")))
        return replace(self, errors=errors)


def load_run_options(request: HttpRequest, decision_id: UUID) -> RunOptions:
    if "engine" in request.POST:
        return RunOptions.from_mapping(request.POST)
    kept = request.session.get(SESSION_KEY)
    if not isinstance(kept, dict) or kept.get("decision") != str(decision_id):
        return RunOptions()
    return RunOptions.from_mapping(kept if allowed_endpoint() is not None else kept | {"endpoint": SAMPLE})


def save_run_options(request: HttpRequest, decision: Decision) -> None:
    """Keep what was posted for the next page; the session is written only if it changes."""
    if "engine" not in request.POST:
        return
    options = RunOptions.from_mapping(request.POST)
    if options.errors:
        return
    chosen = {name: str(getattr(options, name)) for name in ("engine", "speed", "seconds", "workers", "endpoint")}
    kept = {"decision": str(decision.pk), **chosen}
    if request.session.get(SESSION_KEY) != kept:
        request.session[SESSION_KEY] = kept
