"""Makes the picture of one run that the start page shows anew: `.venv/bin/python docs/make_first_picture.py`. It takes a few seconds."""

import os
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

from advisor.advice.evaluation import Evaluation  # noqa: E402
from advisor.advice.scenario import scenario_of  # noqa: E402
from advisor.advice.templates import TEMPLATES  # noqa: E402
from advisor.reports.charts import charts_of  # noqa: E402
from advisor.reports.figure_svg import svg  # noqa: E402
from simulator import simulate  # noqa: E402

TEMPLATE = "document_extraction"


def main() -> None:
    scenario = scenario_of(Evaluation.from_answers(TEMPLATES[TEMPLATE].answers))
    charts = charts_of(simulate(scenario), scenario)
    chart = next(chart for chart in charts if chart.id == "queue_depth")
    (ROOT / "static" / "img" / "one-run.svg").write_text(svg(replace(chart, id="one-run")))


if __name__ == "__main__":
    main()
