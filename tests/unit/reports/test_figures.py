"""The same chart in a page and in a document."""

import base64
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from plotly.graph_objects import Figure

from advisor.reports.charts import charts_of
from advisor.reports.charts.model import Chart
from advisor.reports.figure_plotly import chart_figure
from advisor.reports.figure_svg import svg
from advisor.reports.palette import DARK, LIGHT
from tests.unit.reports import results

CHARTS = {chart.id: chart for chart in charts_of(results.result(), results.scenario())}


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)  # noqa: S314


@pytest.mark.slow
@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS.keys())
@pytest.mark.parametrize("dark", [False, True])
def test_plotly_accepts_every_figure(chart: Chart, dark: bool) -> None:
    drawn = json.loads(json.dumps(chart_figure(chart, dark), allow_nan=False))
    Figure(data=drawn["data"], layout=drawn["layout"])
    assert drawn["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    assert drawn["layout"]["showlegend"] is False


def test_only_what_the_cartesian_bundle_knows_is_used() -> None:
    kinds = {trace["type"] for chart in CHARTS.values() for trace in chart_figure(chart)["data"]}
    assert kinds <= {"scatter", "bar"}


def test_one_hover_reads_every_line_at_an_instant() -> None:
    assert chart_figure(CHARTS["queue_depth"])["layout"]["hovermode"] == "x unified"


def test_a_line_arrives_with_its_values() -> None:
    chart = CHARTS["queue_depth"]
    trace = next(trace for trace in chart_figure(chart)["data"] if trace["name"] == "Event-driven")
    values = np.frombuffer(base64.b64decode(trace["y"]["bdata"]), dtype="<f4")
    assert values.max() == 212
    assert len(values) == len(chart.lines[1].y)


def test_designs_differ_by_more_than_colour() -> None:
    lines = {trace["name"]: trace["line"] for trace in chart_figure(CHARTS["queue_depth"])["data"]}
    assert lines["Synchronous"]["color"] == LIGHT.synchronous and lines["Event-driven"]["color"] == LIGHT.event_driven
    assert lines["Synchronous"]["dash"] != lines["Event-driven"]["dash"]
    assert chart_figure(CHARTS["queue_depth"], dark=True)["data"][0]["line"]["color"] == DARK.synchronous


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS.keys())
def test_an_svg_is_well_formed_named_and_the_same_every_time(chart: Chart) -> None:
    drawn = svg(chart)
    root = parsed(drawn)
    assert root.get("role") == "img" and root.get("aria-label") == chart.alt
    assert svg(chart) == drawn
    assert "<text" in drawn and "<script" not in drawn


@pytest.mark.slow
def test_several_svgs_share_a_page_without_sharing_ids() -> None:
    ids = [
        node.get("id") for chart in CHARTS.values() for node in parsed(svg(chart)).iter() if node.get("id") is not None
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_references_inside_an_svg_lead_somewhere() -> None:
    for chart in CHARTS.values():
        root = parsed(svg(chart))
        ids = {node.get("id") for node in root.iter()}
        links = [node.get("{http://www.w3.org/1999/xlink}href") for node in root.iter()]
        assert {link.removeprefix("#") for link in links if link} <= ids


def test_nothing_is_drawn_where_there_is_nothing_to_draw() -> None:
    both = results.result(synchronous=results.unstable(), event_driven=results.unstable())
    assert svg(charts_of(both, results.scenario())[0]) == ""
