"""Makes the figures and charts of real-traces.md anew: `.venv/bin/python docs/make_real_traces.py FOLDER`, with the folder of the two traces."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

from advisor.advice.yaml_json import read_mapping  # noqa: E402
from advisor.reports.charts.model import Chart  # noqa: E402
from advisor.reports.charts.over_time import Timeline, queue_depth  # noqa: E402
from advisor.reports.document.simulation import difference_rows, results_table  # noqa: E402
from advisor.reports.figure_svg import svg  # noqa: E402
from simulator.arrivals import TraceArrivals  # noqa: E402
from simulator.experiment import simulate  # noqa: E402
from simulator.recordings.reader import read_recording  # noqa: E402
from simulator.result import Result  # noqa: E402
from simulator.scenario import Scenario  # noqa: E402

EXAMPLES = ("azure-code", "azure-code-patient", "azure-conversation", "azure-conversation-patient")
DRAWN = ("azure-code", "azure-conversation")
SHOWN = (
    "Good share", "of these timed out", "of these rejected", "Latency, p50", "Latency, p90",
    "Queue depth, mean", "Queue depth, largest of a replication", "Lag, largest of a replication", "Utilisation",
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    name: str
    scenario: Scenario
    result: Result

    def rows(self) -> list[str]:
        rows = [row for row in results_table(self.result).rows if row[0] in SHOWN]
        rows += [
            (f"{words}, difference", difference)
            for words, difference in difference_rows(self.result)
            if words == "Good share"
        ]
        return ["| " + " | ".join((*row, "")[:3]) + " |" for row in rows]

    def chart(self) -> Chart:
        """The depth of both queues over the hour."""
        timeline = Timeline.from_result(self.result, self.scenario)
        assert timeline is not None  # noqa: S101  a run of the kernel has its series
        return queue_depth(timeline, self.scenario)


def run(name: str, folder: Path) -> Example:
    scenario = Scenario.parse(read_mapping((HERE.parent / "examples" / f"{name}.yaml").read_bytes(), name))
    assert isinstance(scenario.arrivals, TraceArrivals)  # noqa: S101
    path = folder / (scenario.arrivals.path or "")
    with path.open("rb") as stream:
        return Example(name, scenario, simulate(scenario, trace=read_recording(stream, path.name).trace))


def renewed(page: str, example: Example) -> str:
    """The page with the example's figures put in place of what it says."""
    command = f"examples/{example.name}.yaml\n"
    before, after = page.split(command)
    runs = f"{example.result.replications} replications, {example.result.synchronous.offered:,} jobs"
    after = re.sub(r"[\d,]+ replications, [\d,]+ jobs", runs, after, count=1)
    rows = "\n".join(example.rows())
    after = re.sub(r"(\| --- .*\n)(?:\|.*\n)+", lambda match: f"{match[1]}{rows}\n", after, count=1)
    page = before + command + after
    return re.sub(rf"!\[.*\]\({example.name}\.svg\)", lambda _: f"![{example.chart().title}]({example.name}.svg)", page)


def main(folder: Path) -> None:
    page = HERE / "real-traces.md"
    for name in EXAMPLES:
        example = run(name, folder)
        page.write_text(renewed(page.read_text(), example))
        if name in DRAWN:
            (HERE / f"{name}.svg").write_text(svg(example.chart()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
