"""The form of a crossover map: which answers vary, between what, in how many steps. Its values are its address, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from django.http import QueryDict

from advisor.advice.answers import Answers
from advisor.decisions.limits import PROPOSED_SWEEP_JOBS
from advisor.decisions.models import Sweep, Trace
from advisor.decisions.services.recordings import read_trace_if_any
from advisor.decisions.services.sweeps import SweepRequest
from advisor.reports.document.answers import QUESTIONS
from advisor.sweeps.cells import expected_cells, load_of
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.grid import JOBS, Grid, build_grid
from advisor.sweeps.proposals import Proposal
from advisor.sweeps.refinement import coarse_step_of
from advisor.web.forms import typed_numbers
from advisor.web.forms.questions import sentence_of
from core.errors import InvalidInput, Problem

OFFERED_STEPS = (61, 49, 37, 25, 20, 16, 12, 10, 8, 6, 5)
LONGEST_SWEEP_TEXT = 60
"""Longer texts are cut off."""


@dataclass(frozen=True)
class AxisField:
    """One axis of the form; `field` is empty if there is no such axis."""

    name: str
    field: str
    low: str = ""
    high: str = ""
    steps: str = ""
    error: str = ""

    @classmethod
    def from_axis(cls, name: str, given: SweepAxis | None) -> Self:
        if given is None:
            return cls(name, "")
        low, high = (typed_numbers.written(value) for value in (given.low, given.high))
        return cls(name, given.field, low, high, str(len(given.values)))

    @property
    def unit(self) -> str:
        return QUESTIONS[self.field].unit if self.field else ""

    @property
    def words(self) -> str:
        return "From left to right" if self.name == "x" else "From bottom to top"

    def axis(self) -> SweepAxis:
        low, high = (
            _number(self.name, words, text, False, self.unit) for words, text in (("from", self.low), ("to", self.high))
        )
        return SweepAxis.from_steps(
            self.field, low, high, int(_number(self.name, "steps", self.steps, True)), self.name
        )


@dataclass(frozen=True)
class SweepForm:
    """What is chosen, as text; `errors` belong to no axis."""

    x: AxisField
    y: AxisField
    jobs: str
    jobs_error: str = ""
    errors: tuple[str, ...] = ()

    @classmethod
    def from_sweep(cls, sweep: Sweep) -> Self:
        return cls(AxisField.from_axis("x", sweep.x_axis), AxisField.from_axis("y", sweep.y_axis), str(sweep.jobs))

    @classmethod
    def from_query(cls, given: QueryDict, offered: Sequence[Proposal], answers: Answers, trace: Trace | None) -> Self:
        """What was given, and for the rest what is proposed. An answer that was changed for another gets that one's range."""
        known = {proposal.field: proposal for proposal in offered}
        x = given.get("x", "") if given.get("x", "") in known else offered[0].field
        chosen = given.get("y", "") if "y" in given else _second_axis(offered, known[x], answers)
        y = chosen if chosen in known and chosen != x else ""
        steps = _steps(known[x], known.get(y), answers, trace)
        across, up = (
            replace(_axis_field(name, known.get(field), given, steps), error=_no_axis(given, name, known))
            for name, field in (("x", x), ("y", y))
        )
        return cls(across, up, _text(given, "jobs", str(JOBS)))

    @property
    def axes(self) -> tuple[AxisField, AxisField]:
        return self.x, self.y

    @property
    def query(self) -> str:
        """The form as an address's query."""
        given = {}
        for one in self.axes:
            given[one.name] = one.field
            if one.field:
                given |= {f"{one.name}_low": one.low, f"{one.name}_high": one.high, f"{one.name}_steps": one.steps}
        return urlencode(given | {"jobs": self.jobs})

    def request(self) -> SweepRequest:
        """
        Raises:
            InvalidInput: on `x`, `y` or `jobs`, with what is wrong.
        """
        problems = [Problem(one.name, one.error) for one in self.axes if one.error]
        if problems:
            raise InvalidInput(problems)
        x, y = self.x.axis(), self.y.axis() if self.y.field else None
        return SweepRequest(x, y, int(_number("jobs", "jobs a cell", self.jobs, True)))

    def with_errors(self, problems: Sequence[Problem]) -> Self:
        reasons = {
            name: " ".join(sentence_of(problem.reason) for problem in problems if problem.path == name)
            for name in ("x", "y", "jobs")
        }
        x, y = (replace(one, error=reasons[one.name]) for one in self.axes)
        rest = tuple(sentence_of(problem.reason) for problem in problems if problem.path not in reasons)
        return replace(self, x=x, y=y, jobs_error=reasons["jobs"], errors=rest)


def _no_axis(given: QueryDict, name: str, known: Mapping[str, Proposal]) -> str:
    field = given.get(name, "")
    if field and field not in known:
        return "There is no such answer to vary: choose one of the list."
    if name == "y" and field and field == given.get("x"):
        return "Both axes vary the same answer: choose another one, or none."
    return ""


def _steps(x: Proposal, y: Proposal | None, answers: Answers, trace: Trace | None) -> int:
    """The most steps along each axis within `PROPOSED_SWEEP_JOBS`; a load with peaks is simulated over whole days."""

    def grid(steps: int) -> Grid:
        across = SweepAxis.from_steps(x.field, x.low, x.high, steps)
        up = SweepAxis.from_steps(y.field, y.low, y.high, steps, "y") if y else None
        return Grid(answers, across, up, coarse_step=coarse_step_of(across, up))

    a_cell = load_of(grid(2), read_trace_if_any(trace)).mean_jobs
    fits = (steps for steps in OFFERED_STEPS if a_cell * expected_cells(grid(steps)) <= PROPOSED_SWEEP_JOBS)
    return next(fits, OFFERED_STEPS[-1])


def _second_axis(offered: Sequence[Proposal], x: Proposal, answers: Answers) -> str:
    """The first other answer of another group whose range contradicts nothing in the range of `x`."""
    for proposal in offered:
        if proposal.field.split(".")[0] == x.field.split(".")[0]:
            continue
        try:
            build_grid(
                answers,
                SweepAxis.from_steps(x.field, x.low, x.high, 2),
                SweepAxis.from_steps(proposal.field, proposal.low, proposal.high, 2, "y"),
            )
        except InvalidInput:
            continue
        return proposal.field
    return ""


def _axis_field(name: str, proposal: Proposal | None, given: QueryDict, steps: int) -> AxisField:
    if proposal is None:
        return AxisField(name, "")
    is_unchanged = given.get(f"{name}_was", proposal.field) == proposal.field
    low, high = (typed_numbers.written(float(value)) for value in (proposal.low, proposal.high))
    return AxisField(
        name,
        proposal.field,
        _text(given, f"{name}_low", low) if is_unchanged else low,
        _text(given, f"{name}_high", high) if is_unchanged else high,
        _text(given, f"{name}_steps", str(steps)),
    )


def _text(given: QueryDict, name: str, default: str) -> str:
    return given.get(name, "").strip()[:LONGEST_SWEEP_TEXT] or default


def _number(name: str, words: str, text: str, whole: bool, unit: str = "") -> float | int:
    try:
        return typed_numbers.parse_number(text, whole, unit)
    except ValueError as error:
        raise InvalidInput([Problem(name, f"{words} {error}")]) from error
