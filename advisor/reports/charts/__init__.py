"""The charts of a Result, each with its finding, its alternative text and its table."""

from advisor.reports.charts.latency import latency
from advisor.reports.charts.model import Axis, Bars, Chart, Deadline, Line, Mark, Spot, Table, Window
from advisor.reports.charts.outcomes import outcomes
from advisor.reports.charts.time import in_flight, lag, queue_depth, run_of, throughput
from simulator.result import Result
from simulator.scenario import Scenario

__all__ = ["Axis", "Bars", "Chart", "Deadline", "Line", "Mark", "Spot", "Table", "Window", "charts_of"]


def charts_of(result: Result, scenario: Scenario) -> tuple[Chart, ...]:
    """Every chart, the most telling first. The charts over time show the first replication, the others all of them."""
    run = run_of(result, scenario)
    over_time = () if run is None else (queue_depth(run), lag(run), in_flight(run), throughput(run))
    return (latency(result, scenario), outcomes(result), *over_time)
