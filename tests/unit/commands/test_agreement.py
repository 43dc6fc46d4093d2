"""Answer sheets of real workloads: what is advised on is what `simulate` runs, and neither contradicts the other."""

from pathlib import Path

import pytest

from advisor.advice.evidence import summarize_evidence
from advisor.advice.recommendation import advise
from advisor.decisions.management.workload import answers_in, read, workload_in
from simulator.experiment import simulate

FOLDER = Path(__file__).parents[2] / "cases" / "sheets"
QUICK = ("client-timeout-streams", "first-token-idle", "last", "tokens-ignored")
SHEETS = [
    pytest.param(place, id=place.stem, marks=() if place.stem in QUICK else pytest.mark.full)
    for place in sorted(FOLDER.glob("*.json"))
]


@pytest.mark.parametrize("sheet", SHEETS)
def test_advice_and_simulation_of_a_sheet_agree(sheet: Path) -> None:
    source = read(str(sheet))
    workload, answers = workload_in(source), answers_in(source)
    advised = advise(answers, flips=False, trace=workload.trace)
    result = simulate(workload.scenario, trace=workload.trace, replications=3, windows=False)
    styles = summarize_evidence(workload.scenario, result).styles
    assert advised.evidence is not None
    for style, evidence in advised.evidence.styles.items():
        assert {evidence.conclusion, styles[style].conclusion} != {"meets", "misses"}
        assert evidence.good_share == pytest.approx(styles[style].good_share, abs=0.01)
    concluded = {style: outcome.conclusion for style, outcome in styles.items()}
    if advised.feasible:
        assert concluded[advised.style] != "misses"
    else:
        assert "meets" not in concluded.values()
