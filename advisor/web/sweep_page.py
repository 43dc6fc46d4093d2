"""What the page of a crossover map shows: how far it is, and what has been found."""

from functools import lru_cache
from typing import Any

from django.utils import timezone

from advisor.advice.answer_vectors import vectors_of
from advisor.advice.answers import Answers
from advisor.advice.evaluation import ALL_STYLES
from advisor.decisions import stored
from advisor.decisions.models import Sweep, SweepState
from advisor.decisions.services.sweeps import read_cells
from advisor.reports.maps.figure import Here, on_axis
from advisor.reports.maps.words import KINDS, VERDICT_LETTERS, axis_words, counted, disagreement, finding, map_table
from advisor.reports.wording import design_name, listed
from advisor.sweeps.advised_map import AdvisedMap, build_advised_map
from advisor.sweeps.cells import WHOLE_CYCLES
from advisor.sweeps.contract import SweepAxis
from advisor.sweeps.grid import Grid
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from advisor.web.forms.sweep_form import form_again
from advisor.web.run_page import UNTAKEN
from core.numbers import count


def sweep_context(request: MemberRequest, sweep: Sweep) -> dict[str, Any]:
    swept = read_cells(sweep)
    done, border = len(swept.cells), border_of(sweep)
    counts = counted(swept.cells)
    sentence = finding(swept)
    against = disagreement(swept.cells) if done else ""
    return {
        "sweep": sweep,
        "decision": sweep.revision.decision,
        "done": done,
        "share": done / sweep.size,
        "figure": f"{done:,} of {count(sweep.size, 'cell')}",
        "length": _length(sweep),
        "axes": listed([axis_words(one) for one in (swept.x, swept.y) if one]),
        "finding": sentence,
        "disagreement": against,
        "disagrees": any(cell.disagrees for cell in swept.cells),
        "line": _line(border),
        "where": _where(sweep),
        "alt": " ".join(part for part in (sentence, against, _line(border)) if part),
        "key": [(kind, VERDICT_LETTERS[kind], KINDS[kind], count(number, "cell")) for kind, number in counts.items()],
        "table": None if sweep.active else map_table(swept),
        "untaken": is_untaken(sweep),
        "took_s": swept.elapsed_s,
        "query": form_again(sweep).query,
        "may_edit": may_edit(request.user, sweep.workspace),
    }


def is_untaken(sweep: Sweep) -> bool:
    return sweep.state == SweepState.QUEUED and timezone.now() - sweep.created_at > UNTAKEN


def _length(sweep: Sweep) -> str:
    """How long each cell is simulated: what was asked for, rounded up to whole cycles where the load has peaks."""
    if sweep.trace:
        return f"Each cell replays {sweep.trace.name} through both designs."
    requests = count(sweep.jobs, "request")
    if sweep.revision.answers.volume.peak_to_mean > 1 or "volume.peak_to_mean" in (sweep.x_field, sweep.y_field):
        again = f"where the load has peaks, {WHOLE_CYCLES} times over, rounded up to whole cycles of them"
        return f"At least {requests} a cell through each design, the same in both; {again}."
    return f"{requests.capitalize()} a cell through each design, the same in both."


def _line(border: AdvisedMap) -> str:
    named = [design_name(style) for style in ALL_STYLES if style in border.named()]
    if len(named) == 1:
        return f"The advice is {named[0]} everywhere on it: the rules have no border here."
    return f"The line is where the rules turn between {listed(named)}."


def _where(sweep: Sweep) -> str:
    here, x, y = here_of(sweep), sweep.x_axis, sweep.y_axis
    inside = on_axis(x.values, here.x) and on_axis(y.values, here.y or 0) if y else x.low <= here.x <= x.high
    if not inside:
        return "This workload itself lies outside these ranges."
    return "The diamond is this workload." if y else "The dotted line is this workload."


def border_of(sweep: Sweep) -> AdvisedMap:
    """The rules' own style over the sweep's stretch; it never changes, so the last few are kept."""
    return _border(sweep.revision.answers_json, sweep.x_axis, sweep.y_axis)


@lru_cache(maxsize=32)
def _border(answers_json: str, x: SweepAxis, y: SweepAxis | None) -> AdvisedMap:
    return build_advised_map(Grid(stored.load(Answers, answers_json), x, y))


def here_of(sweep: Sweep) -> Here:
    base = vectors_of(sweep.revision.answers)
    x, y = float(base[sweep.x_field][0]), float(base[sweep.y_field][0]) if sweep.y_field else None
    return Here(x, y)
