"""How a simulation is to be run: by which engine, and a live one how fast, for how long, by which workers and at whose endpoint; as chosen
next to Simulate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

from django.http import HttpRequest

from advisor.decisions.external_endpoint import OUTSIDE, SAMPLE, allowed_endpoint
from advisor.decisions.models import Decision, EngineName
from advisor.decisions.models.run import WORKER_KINDS
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
    def of(cls, given: Mapping[str, Any]) -> Self:
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
    def seconds_asked(self) -> float | None:
        """The number; None for as long as a verdict takes, and for an engine that takes no time.

        Raises:
            InvalidInput: on `seconds`, if it is no time.
        """
        if not self.live or not self.seconds:
            return None
        try:
            return float(parse_number(self.seconds, whole=False, unit="s"))
        except ValueError as error:
            raise InvalidInput([Problem("seconds", str(error))]) from error

    @property
    def workers_asked(self) -> WorkerKind:
        """The kind of rq workers; an engine that has none has the default."""
        return cast("WorkerKind", self.workers) if self.live else WORKER_KINDS[0]

    @property
    def worker_choices(self) -> Iterable[tuple[str, str]]:
        return RUN_CHOICES["workers"].items()

    @property
    def workers_help(self) -> str:
        return WORKERS[cast("WorkerKind", self.workers)]

    @property
    def endpoint_asked(self) -> str:
        """The endpoint; an engine that makes no calls has the sample endpoint."""
        return self.endpoint if self.live else SAMPLE

    @property
    def error(self) -> str:
        return self.errors.get("", "")

    def refused(self, error: InvalidInput) -> "RunOptions":
        errors_by_field: dict[str, str] = {}
        for problem in error.problems:
            place = problem.path if problem.path in RUN_LABELS else ""
            errors_by_field.setdefault(place, sentence_of(problem.reason, RUN_LABELS.get(place, "This")))
        return replace(self, errors=errors_by_field)


def load_run_options(request: HttpRequest, decision: Decision) -> RunOptions:
    if "engine" in request.POST:
        return RunOptions.of(request.POST)
    kept = request.session.get(SESSION_KEY)
    if not isinstance(kept, dict) or kept.get("decision") != str(decision.pk):
        return RunOptions()
    return RunOptions.of(kept if allowed_endpoint() is not None else kept | {"endpoint": SAMPLE})


def save_run_options(request: HttpRequest, decision: Decision) -> None:
    """Keeps what was posted, for the next time that the page is shown; the session is written only where it changes."""
    if "engine" not in request.POST:
        return
    running = RunOptions.of(request.POST)
    if running.errors:
        return
    chosen = {name: str(getattr(running, name)) for name in ("engine", "speed", "seconds", "workers", "endpoint")}
    kept = {"decision": str(decision.pk), **chosen}
    if request.session.get(SESSION_KEY) != kept:
        request.session[SESSION_KEY] = kept
