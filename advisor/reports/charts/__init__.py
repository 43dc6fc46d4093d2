"""The charts of a Result, each with its finding, its alternative text and its table."""

from advisor.reports.charts.calls import provider_calls
from advisor.reports.charts.latency import latency
from advisor.reports.charts.live import over, predicted_of, so_far_charts
from advisor.reports.charts.model import Axis, Bars, Chart, Deadline, Line, Mark, Spot, Table, Window
from advisor.reports.charts.outcomes import outcomes
from advisor.reports.charts.time import in_flight, lag, queue_depth, run_of, throughput
from simulator.result import Result
from simulator.scenario import Scenario

__all__ = ["Axis", "Bars", "Chart", "Deadline", "Line", "Mark", "Spot", "Table", "Window", "charts_of", "so_far_charts"]


def charts_of(result: Result, scenario: Scenario) -> tuple[Chart, ...]:
    """Every chart, the most telling first. The charts over time show the first replication, the others all of them.

    Those of a live run are of its window, with the kernel's prediction over what was measured.
    """
    if result.live is None:
        return _charts_of(result, scenario)
    window = result.live.scenario
    return over(_charts_of(result, window), _charts_of(predicted_of(result, result.live), window))


def _charts_of(result: Result, scenario: Scenario) -> tuple[Chart, ...]:
    run = run_of(result, scenario)
    over_time = (
        () if run is None else (queue_depth(run), lag(run), in_flight(run), throughput(run), *provider_calls(run))
    )
    return (latency(result, scenario), outcomes(result), *over_time)
