from advisor.reports.charts.calls import provider_calls, stretch_s
from advisor.reports.charts.latency import latency
from advisor.reports.charts.live import over, predicted_of
from advisor.reports.charts.model import Chart
from advisor.reports.charts.outcomes import outcomes
from advisor.reports.charts.over_time import in_flight, lag, queue_depth, run_of, throughput
from advisor.reports.wording import designs_of
from simulator.result import Result
from simulator.scenario import Scenario


def charts_of(result: Result, scenario: Scenario) -> tuple[Chart, ...]:
    """Draw charts over time for the first replication, the others for all of them.

    A live run's charts show its window, with the kernel's prediction over what was measured.
    """
    designs = [design for _, design in designs_of(result)]
    if result.live is None:
        return _charts_of(result, scenario, stretch_s(designs))
    window, predicted = result.live.scenario, predicted_of(result, result.live)
    width_s = stretch_s([*designs, *(design for _, design in designs_of(predicted))])
    return over(_charts_of(result, window, width_s), _charts_of(predicted, window, width_s))


def _charts_of(result: Result, scenario: Scenario, width_s: float) -> tuple[Chart, ...]:
    run = run_of(result, scenario)
    over_time = (
        ()
        if run is None
        else (queue_depth(run), lag(run), in_flight(run), throughput(run), *provider_calls(run, width_s))
    )
    return (latency(result, scenario), outcomes(result), *over_time)
