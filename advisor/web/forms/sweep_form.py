"""The form of a crossover map: which answers vary, between what, in how many steps. Its values are its address, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import QueryDict

from advisor.advice.answers import Answers
from advisor.decisions.limits import PROPOSED_SWEEP_JOBS
from advisor.decisions.models import Sweep, Trace
from advisor.decisions.services.recordings import read_stored_trace
from advisor.decisions.services.sweeps import SweepRequest
from advisor.reports.document.answers import QUESTIONS
from advisor.sweeps.cells import load_of
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.grid import JOBS, Grid, build_grid
from advisor.sweeps.proposals import Proposal
from advisor.web.forms import typed_numbers
from advisor.web.forms.questions import sentence_of
from core.errors import InvalidInput, Problem

OFFERED_STEPS = (20, 16, 12, 10, 8, 6, 5)
LONGEST_SWEEP_TEXT = 60
"""More characters than this are shown again cut off."""


@dataclass(frozen=True)
class AxisField:
    """One axis of the form; `field` is empty if there is no such axis."""

    name: str
    field: str
    low: str = ""
    high: str = ""
    steps: str = ""
    error: str = ""

    @property
    def unit(self) -> str:
        return QUESTIONS[self.field].unit if self.field else ""

    @property
    def words(self) -> str:
        return "Across" if self.name == "x" else "Upwards"


@dataclass(frozen=True)
class SweepForm:
    x: AxisField
    y: AxisField
    jobs: str
    jobs_error: str = ""
    errors: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[AxisField, AxisField]:
        return self.x, self.y

    @property
    def query(self) -> str:
        return urlencode(
            {
                key: value
                for one in self.axes
                for key, value in (
                    [
                        (one.name, one.field),
                        (f"{one.name}_low", one.low),
                        (f"{one.name}_high", one.high),
                        (f"{one.name}_steps", one.steps),
                    ]
                    if one.field
                    else [(one.name, "")]
                )
            }
            | {"jobs": self.jobs}
        )


def form_of(given: QueryDict, offered: Sequence[Proposal], answers: Answers, trace: Trace | None) -> SweepForm:
    """The form with what was given, and for the rest with what is proposed. An answer that was changed for another gets that one's range."""
    known = {proposal.field: proposal for proposal in offered}
    wrong = {name: _no_axis(given, name, known) for name in ("x", "y")}
    x = given.get("x", "") if given.get("x", "") in known else offered[0].field
    chosen = given.get("y", "") if "y" in given else _second_axis(offered, known[x], answers)
    y = chosen if chosen in known and chosen != x else ""
    steps = _steps(known[x], known.get(y), answers, trace)
    across, up = (
        replace(_axis_field(name, field, given, known, steps), error=wrong[name])
        for name, field in (("x", x), ("y", y))
    )
    return SweepForm(across, up, _text(given, "jobs", str(JOBS)))


def _no_axis(given: QueryDict, name: str, known: Mapping[str, Proposal]) -> str:
    field = given.get(name, "")
    if field and field not in known:
        return "There is no such answer to vary: choose one of the list."
    if name == "y" and field and field == given.get("x"):
        return "Both axes vary the same answer: choose another one, or none."
    return ""


def _steps(x: Proposal, y: Proposal | None, answers: Answers, trace: Trace | None) -> int:
    """The most steps along each axis that take no long time; the load of peaks is simulated over whole days of them."""
    ends = (
        SweepAxis.from_steps(x.field, x.low, x.high, 2),
        SweepAxis.from_steps(y.field, y.low, y.high, 2, "y") if y else None,
    )
    a_cell = load_of(Grid(answers, *ends), read_stored_trace(trace) if trace else None).mean_jobs
    axes = 2 if y else 1
    return next((steps for steps in OFFERED_STEPS if a_cell * steps**axes <= PROPOSED_SWEEP_JOBS), OFFERED_STEPS[-1])


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


def _axis_field(name: str, field: str, given: QueryDict, known: Mapping[str, Proposal], steps: int) -> AxisField:
    if not field:
        return AxisField(name, "")
    proposal = known[field]
    is_unchanged = given.get(f"{name}_was", field) == field
    low, high = (typed_numbers.written(float(value)) for value in (proposal.low, proposal.high))
    return AxisField(
        name,
        field,
        _text(given, f"{name}_low", low) if is_unchanged else low,
        _text(given, f"{name}_high", high) if is_unchanged else high,
        _text(given, f"{name}_steps", str(steps)),
    )


def _text(given: QueryDict, name: str, otherwise: str) -> str:
    return given.get(name, "").strip()[:LONGEST_SWEEP_TEXT] or otherwise


def asked_by(form: SweepForm) -> SweepRequest:
    """What the form asks for.

    Raises:
        InvalidInput: on `x`, `y` or `jobs`, with what is wrong.
    """
    problems = [Problem(one.name, one.error) for one in form.axes if one.error]
    if problems:
        raise InvalidInput(problems)
    x = _axis_of(form.x)
    return SweepRequest(
        x, _axis_of(form.y) if form.y.field else None, int(_number("jobs", "jobs a cell", form.jobs, True))
    )


def _axis_of(given: AxisField) -> SweepAxis:
    unit = QUESTIONS[given.field].unit
    low, high = (
        _number(given.name, words, text, False, unit) for words, text in (("from", given.low), ("to", given.high))
    )
    return SweepAxis.from_steps(
        given.field, low, high, int(_number(given.name, "steps", given.steps, True)), given.name
    )


def _number(name: str, words: str, text: str, whole: bool, unit: str = "") -> float | int:
    try:
        return typed_numbers.parse_number(text, whole, unit)
    except ValueError as error:
        raise InvalidInput([Problem(name, f"{words} {error}")]) from error


def with_errors(form: SweepForm, problems: Sequence[Problem]) -> SweepForm:
    errors_by_field = {
        name: " ".join(sentence_of(problem.reason) for problem in problems if problem.path == name)
        for name in ("x", "y", "jobs")
    }
    x, y = (
        AxisField(one.name, one.field, one.low, one.high, one.steps, errors_by_field[one.name]) for one in form.axes
    )
    rest = tuple(sentence_of(problem.reason) for problem in problems if problem.path not in errors_by_field)
    return SweepForm(x, y, form.jobs, errors_by_field["jobs"], rest)


def form_again(sweep: Sweep) -> SweepForm:
    x, y = sweep.x_axis, sweep.y_axis
    return SweepForm(_again("x", x), _again("y", y) if y else AxisField("y", ""), str(sweep.jobs))


def _again(name: str, given: SweepAxis) -> AxisField:
    low, high = (typed_numbers.written(value) for value in (given.low, given.high))
    return AxisField(name, given.field, low, high, str(len(given.values)))
