from advisor.reports.charts.composite import stretch_s
from advisor.reports.charts.latency import latency
from advisor.reports.charts.live import overlaid, predicted_of
from advisor.reports.charts.model import Chart
from advisor.reports.charts.outcomes import outcomes
from advisor.reports.charts.over_time import (
    Timeline,
    in_flight,
    lag,
    latency_over_time,
    provider_calls,
    queue_depth,
    throughput,
)
from advisor.reports.wording import designs_of
from simulator.result import Result
from simulator.scenario import Scenario


def charts_of(result: Result, scenario: Scenario) -> tuple[Chart, ...]:
    """Draw charts over time for the first replication, the others for all of them.

    A live run's charts show its window, with the kernel's prediction over what was measured.
    """
    designs = [design for _, design in designs_of(result)]
    if result.live is None:
        return _charts_of(result, scenario, stretch_s(design.call_rate for design in designs))
    window, predicted = result.live.scenario, predicted_of(result, result.live)
    width_s = stretch_s(design.call_rate for design in [*designs, *(design for _, design in designs_of(predicted))])
    return overlaid(_charts_of(result, window, width_s), _charts_of(predicted, window, width_s))


def _charts_of(result: Result, scenario: Scenario, width_s: float) -> tuple[Chart, ...]:
    """`width_s` is the length of a step of the calls to the provider."""
    first = (latency(result, scenario), outcomes(result))
    timeline = Timeline.from_result(result, scenario)
    if timeline is None:
        return first
    return (
        *first,
        *latency_over_time(timeline, scenario),
        queue_depth(timeline, scenario),
        lag(timeline),
        in_flight(timeline, scenario),
        throughput(timeline),
        *provider_calls(timeline, width_s),
    )
