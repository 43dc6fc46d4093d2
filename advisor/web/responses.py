"""Responses that several pages give: files to keep, and drawings for plotly.js."""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.http import content_disposition_header

from advisor.reports.charts.csv_text import csv_of_chart
from advisor.reports.charts.model import Chart, ChartView
from advisor.reports.figure_plotly import chart_figure
from advisor.web.kept_pages import PageKey, find_body, keep_body

FINAL = "private, max-age=600"
DRAWINGS_TYPE = "application/json"


def download(content: bytes | str, content_type: str, name: str) -> HttpResponse:
    disposition = content_disposition_header(True, name)
    headers = {"Content-Disposition": disposition or "attachment", "Cache-Control": "private, no-store"}
    return HttpResponse(content, content_type=content_type, headers=headers)


def is_dark(request: HttpRequest) -> bool:
    return request.GET.get("theme") == "dark"


def wanted_csv(request: HttpRequest, charts: Iterable[Chart]) -> HttpResponse | None:
    """The chart that `?csv=` names, as a file; None without it.

    Raises:
        Http404: there is no such chart.
    """
    name = request.GET.get("csv")
    if name is None:
        return None
    chart = next((chart for chart in charts if chart.id == name), None)
    if chart is None:
        raise Http404
    return download(csv_of_chart(chart), "text/csv; charset=utf-8", f"{chart.id}.csv")


def views_of(charts: Iterable[Chart]) -> tuple[ChartView, ...]:
    """The views that the charts over time share."""
    return next((chart.views for chart in charts if chart.views), ())


def figures_by_chart(request: HttpRequest, charts: Iterable[Chart]) -> dict[str, dict[str, Any]]:
    """The charts that are drawn, as plotly.js takes them; `?theme=dark` for the dark colours."""
    return {chart.id: chart_figure(chart, dark=is_dark(request)) for chart in charts if chart.drawn}


def drawings(drawn: Mapping[str, Any], *, is_final: bool = True) -> JsonResponse:
    """A browser may keep for a while what no longer changes."""
    return JsonResponse(drawn, headers={"Cache-Control": FINAL if is_final else "no-store"})


def find_drawings(request: HttpRequest, key: Hashable, page: PageKey | None) -> HttpResponse | None:
    """What `keep_drawings` has kept, for a reader whose right to see it is in `page`."""
    response = find_body(request, (key, is_dark(request)), page, DRAWINGS_TYPE)
    if response is not None:
        response["Cache-Control"] = FINAL
    return response


def keep_drawings(request: HttpRequest, key: Hashable, draw: Callable[[], Mapping[str, Any]]) -> HttpResponse:
    """Drawings that never change, made once for each theme."""

    def text() -> str:
        return json.dumps(draw(), cls=DjangoJSONEncoder)

    response = keep_body(request, (key, is_dark(request)), text, DRAWINGS_TYPE)
    response["Cache-Control"] = FINAL
    return response
