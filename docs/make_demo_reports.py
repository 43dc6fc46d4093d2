"""Makes the reports of the demo decisions in `docs/reports` anew: `.venv/bin/python docs/make_demo_reports.py`. It takes a minute or two."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

import django  # noqa: E402

django.setup()

from advisor import advice  # noqa: E402
from advisor.advice.evaluation import Evaluation  # noqa: E402
from advisor.advice.recommendation import advise  # noqa: E402
from advisor.advice.scenario import scenario_of  # noqa: E402
from advisor.advice.templates import TEMPLATES  # noqa: E402
from advisor.decisions.services.decisions import DEMO_TEMPLATES  # noqa: E402
from advisor.reports.document import build  # noqa: E402
from advisor.reports.formats import FORMATS  # noqa: E402
from simulator import simulate  # noqa: E402

FOLDER = ROOT / "docs" / "reports"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for template in DEMO_TEMPLATES:
        answers = TEMPLATES[template].answers
        recommendation = advise(answers)
        scenario = scenario_of(Evaluation.from_answers(answers), recommendation.plan)
        document = build(
            answers,
            recommendation,
            date=datetime.now(UTC).date(),
            versions=advice.versions(),
            scenario=scenario,
            result=simulate(scenario),
        )
        (FOLDER / f"{template}.pdf").write_bytes(FORMATS["pdf"].render(document))


if __name__ == "__main__":
    main()
