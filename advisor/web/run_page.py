"""What the page of a run shows: how far it is, how it ended, what it found."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.utils import timezone

from advisor.decisions import stored
from advisor.decisions.models import Run, State
from advisor.decisions.services.queue_position import queue_position
from advisor.reports import wording
from advisor.reports.charts import Chart, charts_of
from advisor.reports.document.simulation import difference_rows, results_table
from advisor.teams.middleware import MemberRequest
from advisor.web.access import may_change
from simulator.result import Result
from simulator.scenario import Scenario

UNTAKEN = timedelta(seconds=5)
"""A run that is next for this long has no worker to take it."""


@dataclass(frozen=True)
class Row:
    """A row of a table: a name, a figure for each design, and their difference where it was taken."""

    name: str
    cells: tuple[str, ...]
    difference: str = ""


def page_of(request: MemberRequest, run: Run) -> dict[str, Any]:
    """The run, and for one that succeeded its result."""
    position = queue_position(run)
    context = {
        "run": run,
        "decision": run.revision.decision,
        "position": position,
        "untaken": position == 1 and timezone.now() - run.created_at > UNTAKEN,
        "may_edit": may_change(request, run.workspace),
    }
    return context | _found(run) if run.state == State.SUCCEEDED else context


def _found(run: Run) -> dict[str, Any]:
    result, scenario = run.result, run.scenario
    if result is None:
        raise LookupError("a run that succeeded has a result")
    designs = list(wording.designs_of(result))
    return {
        "result": result,
        "colour": result.verdict if result.verdict in tuple(wording.STYLES) else "neither",
        "finding": wording.simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent),
        "designs": designs,
        "unstable": [wording.unstable_sentence(style, design) for style, design in designs if not design.stable],
        "charts": drawn(run),
        **_tables(result),
    }


def drawn(run: Run) -> tuple[Chart, ...]:
    """The charts of a run that succeeded. To place their labels takes a while, and a result never changes: the last few are kept."""
    return _drawn(run.scenario_json, run.result_json or "")


@lru_cache(maxsize=32)
def _drawn(scenario_json: str, result_json: str) -> tuple[Chart, ...]:
    return charts_of(stored.load(Result, result_json), stored.load(Scenario, scenario_json))


def _tables(result: Result) -> dict[str, list[Row]]:
    """The report's figures in two tables: what became of the requests, and what was measured, with the difference beside."""
    differences = dict(difference_rows(result))
    outcomes, figures = [], []
    for name, *cells in results_table(result).rows:
        if name.startswith(("Jobs offered", "of these")):
            outcomes.append(Row(name, tuple(cells)))
        else:
            figures.append(Row(name, tuple(cells), differences.get(name, "")))
    return {"outcomes": outcomes, "figures": figures}
