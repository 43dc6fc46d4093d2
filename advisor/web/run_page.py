"""What the page of a run shows: how far it is, how it ended, what it found."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.utils import timezone

from advisor.decisions import stored
from advisor.decisions.models import EngineName, Run, State
from advisor.decisions.services.runs import queue_position
from advisor.reports import wording
from advisor.reports.charts import charts_of
from advisor.reports.charts.live import so_far_charts
from advisor.reports.charts.model import Chart
from advisor.reports.document.live import (
    TOLERANCES,
    agreement_sentence,
    compared_rows,
    costs_sentence,
    endpoint_sentences,
    how_sentence,
    lateness_sentence,
    machine_sentences,
)
from advisor.reports.document.method import simulate_command
from advisor.reports.document.simulation import difference_rows, results_table, so_far_table
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from simulator.result import LiveReport, Result
from simulator.scenario import Scenario

SO_FAR_CHARTS = ("queue_depth", "lag_s", "in_flight", "provider_calls", "latency")
"""The charts that fill while a live run runs (`reports.charts.live`)."""
UNTAKEN = timedelta(seconds=5)
"""A run or map that is next for this long has no worker to take it."""


@dataclass(frozen=True)
class FigureRow:
    name: str
    cells: tuple[str, ...]
    difference: str = ""


def run_context(request: MemberRequest, run: Run) -> dict[str, Any]:
    position = queue_position(run)
    context = {
        "run": run,
        "decision": run.revision.decision,
        "position": position,
        "untaken": position == 1 and timezone.now() - run.created_at > UNTAKEN,
        "may_edit": may_edit(request.user, run.workspace),
        "idempotency_key": uuid.uuid4().hex,
    }
    if run.state == State.SUCCEEDED:
        return context | _found(run)
    if run.engine != EngineName.LIVE:
        return context
    return context | (_under_way(run) if run.active else _stopped(run))


def _under_way(run: Run) -> dict[str, Any]:
    others = Run.objects.filter(state=State.RUNNING, engine=EngineName.LIVE).exclude(pk=run.pk)
    return {
        "so_far_charts": SO_FAR_CHARTS,
        "waits_for_another": run.state == State.QUEUED and others.exists(),
    }


def _stopped(run: Run) -> dict[str, Any]:
    """A live run that ended before its time, with what it had measured; its figures if it failed."""
    so_far = run.so_far
    kept = so_far_table(so_far) if so_far is not None and so_far.failed else None
    return {"charts": charts_so_far(run), "kept": kept}


def _live(live: LiveReport, command: str) -> dict[str, Any]:
    return {
        "live": live,
        "compared": compared_rows(live),
        "live_sentences": (
            how_sentence(live),
            agreement_sentence(live),
            *endpoint_sentences(live),
            *machine_sentences(live),
            f"{costs_sentence(live)} {lateness_sentence(live)}",
        ),
        "tolerances": TOLERANCES,
        "command": command,
    }


def charts_so_far(run: Run) -> tuple[Chart, ...]:
    """The charts of a live run that is under way, or that was stopped; none before it has measured anything."""
    so_far = run.so_far
    return so_far_charts(so_far) if so_far is not None else ()


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
        **(_live(result.live, simulate_command(scenario, result)) if result.live is not None else {}),
        **_tables(result),
    }


def drawn(run: Run) -> tuple[Chart, ...]:
    """The charts of a run that succeeded. To place their labels takes a while, and a result never changes: the last few are kept."""
    return _drawn(run.scenario_json, run.result_json or "")


@lru_cache(maxsize=32)
def _drawn(scenario_json: str, result_json: str) -> tuple[Chart, ...]:
    return charts_of(stored.load(Result, result_json), stored.load(Scenario, scenario_json))


def _tables(result: Result) -> dict[str, list[FigureRow]]:
    """The report's figures in two tables: what became of the requests, and what was measured, with the difference of the designs."""
    differences = dict(difference_rows(result))
    outcomes, figures = [], []
    for name, *cells in results_table(result).rows:
        if name.startswith(("Jobs offered", "of these")):
            outcomes.append(FigureRow(name, tuple(cells)))
        else:
            figures.append(FigureRow(name, tuple(cells), differences.get(name, "")))
    return {"outcomes": outcomes, "figures": figures}
