"""Runs next to each other: `/compare?run=…&run=…`; with fewer than two, the runs to pick from."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from advisor.decisions import stored
from advisor.decisions.models import Run, State
from advisor.reports import wording
from advisor.reports.charts.model import Chart
from advisor.reports.comparison.run_charts import charts_over_time, good_shares, latencies
from advisor.reports.comparison.runs import (
    FEWEST_RUNS,
    MOST_RUNS,
    ComparedRun,
    between_designs,
    between_runs,
    figures_of,
    length_warning,
    settings_of,
    styles_of,
    with_design,
)
from advisor.reports.document.classes import starved_sentences
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_run, workspace_of
from advisor.web.responses import drawings, figures_by_chart, views_of, wanted_csv
from simulator.result import Result
from simulator.scenario import Scenario

OFFERED = 50
"""Runs to pick from, the latest first."""

Stored = tuple[str, str, str, str]
"""A run as a key: its name, its scenario, its result, and the name of its recording."""


@dataclass(frozen=True)
class Column:
    compared: ComparedRun
    run: Run
    finding: str
    starved: tuple[str, ...]
    without: str
    first: str


@require_safe
def show_comparison(request: MemberRequest) -> HttpResponseBase:
    """The comparison; or what to pick from, with a sentence on what is wrong with the choice. `compare` says that the form was sent."""
    keys = _keys(request)
    if keys is None:
        return _pick(request, [], [], "There is no such simulation: tick those to compare in the list.")
    picked = [find_run(request, key, with_result=True) for key in keys]
    finished = [run for run in picked if run.state == State.SUCCEEDED]
    if "pick" in request.GET or not FEWEST_RUNS <= len(finished) <= MOST_RUNS:
        return _pick(request, picked, finished, _miscounted(request, len(finished)))
    if "compare" in request.GET:
        return redirect(_address(picked))
    key = tuple(_key(run) for run in finished)
    runs = _compared_runs(key)
    settings = settings_of(runs)
    context = {
        "columns": [
            _column(one, run, [other for other in finished if other is not run])
            for one, run in zip(runs, finished, strict=True)
        ],
        "unfinished": [run for run in picked if run not in finished],
        "differing": [setting for setting in settings if setting.differs],
        "same": [setting for setting in settings if not setting.differs],
        "length_warning": length_warning(runs),
        "charts": (charts := _charts(key)),
        "views": views_of(charts),
        "charts_address": f"{reverse('compare-charts')}?{_query(finished)}",
        "figures": [(style, figures_of(runs, style)) for style in styles_of(runs)],
        "between_designs": between_designs(runs),
        "between_runs": [between_runs(runs, style) for style in styles_of(runs) if len(with_design(runs, style)) > 1],
        "more": f"{_address(finished)}&pick=1" if len(finished) < MOST_RUNS else "",
    }
    return render(request, "compare/show.html", context)


@require_safe
def comparison_charts(request: MemberRequest) -> HttpResponse:
    """The figures for plotly.js, by chart, or with `&csv=` the numbers of one; `&theme=dark` for the dark colours. Results never change."""
    picked = [find_run(request, key, with_result=True) for key in _keys(request) or ()]
    finished = [run for run in picked if run.state == State.SUCCEEDED]
    if not FEWEST_RUNS <= len(finished) <= MOST_RUNS:
        raise Http404
    charts = _charts(tuple(_key(run) for run in finished))
    return wanted_csv(request, charts) or drawings(figures_by_chart(request, charts))


def _keys(request: MemberRequest) -> list[UUID] | None:
    """The ids of the runs in the address, each once, in its order, without those past what can be compared; None if one is no id."""
    try:
        keys = [UUID(text) for text in dict.fromkeys(request.GET.getlist("run"))]
    except ValueError:
        return None
    return list(dict.fromkeys(keys))[: MOST_RUNS + 1]


def _miscounted(request: MemberRequest, ticked: int) -> str:
    if ticked > MOST_RUNS:
        return f"These are more than {MOST_RUNS} simulations: untick some."
    if "compare" in request.GET and ticked < FEWEST_RUNS:
        return f"Tick at least {FEWEST_RUNS} simulations to compare; {'one is' if ticked else 'none is'} ticked."
    return ""


def _pick(request: MemberRequest, picked: list[Run], finished: list[Run], error: str) -> HttpResponse:
    workspace = workspace_of(request)
    offered: QuerySet[Run] = Run.objects.without_result().select_related("revision__decision")
    offered = offered.filter(workspace=workspace, state=State.SUCCEEDED) if workspace else offered.none()
    chosen = {run.pk for run in finished}
    others = [run for run in offered[:OFFERED] if run.pk not in chosen]
    context = {
        "runs": [*finished, *others],
        "chosen": chosen,
        "unfinished": [run for run in picked if run not in finished],
        "error": error,
        "fewest": FEWEST_RUNS,
        "most": MOST_RUNS,
    }
    return render(request, "compare/pick.html", context, status=422 if error else 200)


def _column(one: ComparedRun, run: Run, others: list[Run]) -> Column:
    finding = wording.simulated_sentence(one.result, one.scenario.deadline_s, one.scenario.tolerated_miss_percent)
    return Column(
        one,
        run,
        finding,
        starved_sentences(one.result),
        _address(others),
        _address([run, *others]) if one.place else "",
    )


def _query(runs: Iterable[Run]) -> str:
    return urlencode([("run", run.pk) for run in runs])


def _address(runs: Iterable[Run]) -> str:
    return f"{reverse('compare')}?{_query(runs)}"


def _key(run: Run) -> Stored:
    revision = run.revision
    name = f"{revision.decision.title}, revision {revision.number}"
    return name, run.scenario_json, run.result_json or "", run.trace.name if run.trace else ""


def _compared_runs(key: tuple[Stored, ...]) -> tuple[ComparedRun, ...]:
    return tuple(_compared(place, *run) for place, run in enumerate(key))


def _compared(place: int, name: str, scenario: str, result: str, recording: str) -> ComparedRun:
    """A live run is compared by the window of its scenario that it ran."""
    loaded = stored.load(Result, result)
    ran = loaded.live.scenario if loaded.live else stored.load(Scenario, scenario)
    return ComparedRun(place, name, ran, loaded, recording)


@lru_cache(maxsize=16)
def _charts(key: tuple[Stored, ...]) -> tuple[Chart, ...]:
    """To place their labels takes a while: the page and its drawings share them."""
    runs = _compared_runs(key)
    return (*latencies(runs), *charts_over_time(runs), good_shares(runs))
