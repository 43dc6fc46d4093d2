"""Makes the pair of charts of an outage anew: `.venv/bin/python docs/make_herds.py`. It runs both examples live, in about six minutes."""

import os
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

from advisor.advice.yaml_json import read_mapping  # noqa: E402
from advisor.reports.charts import charts_of  # noqa: E402
from advisor.reports.charts.model import Chart  # noqa: E402
from advisor.reports.document.live import agreement_sentence, how_sentence  # noqa: E402
from advisor.reports.figure_svg import svg  # noqa: E402
from simulator.live.run.engine import simulate_live  # noqa: E402
from simulator.scenario import Scenario  # noqa: E402

EXAMPLES = ("herd-flat", "herd-jitter")
SPEED, SECONDS = 2.0, 60.0
"""The same for both, and slow enough that the calls of a single second can be told on two cores."""


def chart_of(name: str) -> Chart:
    """The example's calls to the provider, measured and predicted; what was run is printed."""
    scenario = Scenario.parse(read_mapping((HERE.parent / "examples" / f"{name}.yaml").read_bytes(), name))
    result = simulate_live(scenario, speed=SPEED, seconds=SECONDS)
    assert result.live is not None  # noqa: S101  a live run has its report
    chart = next(chart for chart in charts_of(result, scenario) if chart.id == "provider_calls")
    print(f"{name}: {how_sentence(result.live)} {agreement_sentence(result.live)}\n{chart.title}")
    for design in (result.event_driven, result.live.predicted_event_driven):
        print(" ".join(f"{calls:.0f}" for calls in design.call_rate.per_s))
    return chart


def main() -> None:
    charts = {name: chart_of(name) for name in EXAMPLES}
    high = max(float(line.y.max()) for chart in charts.values() for line in chart.lines)
    for name, chart in charts.items():
        (HERE / f"{name}.svg").write_text(svg(replace(chart, id=name, y=replace(chart.y, high=high))))


if __name__ == "__main__":
    main()
