"""The advice held to a long simulation of the same sheet, and moved by answers that make it harder."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisor.advice import library
from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.consumer_search import advised_scenario
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES
from advisor.advice.variations import changed
from core.errors import InvalidInput
from core.paths import nested, value_at
from simulator.experiment import simulate
from simulator.sequential import Looks

LONG = Looks((5, 10, 20), most_jobs=4_000_000)
CASES = Path(os.environ.get("CROSSOVER_CASES", Path(__file__).parents[3] / "shared" / "cases")) / "advice"
QUICK = ("form_classification", "speech_transcription")
RANDOM_SHEETS, CHANGED = 400, 0.6


def conclusions(answers: Answers) -> dict[str, str | None]:
    """Of each design, by a long run of what is advised."""
    result = simulate(advised_scenario(Evaluation.from_answers(answers)), windows=False, looks=LONG)
    designs = {"synchronous": result.synchronous, "event_driven": result.event_driven, "hybrid": result.hybrid}
    return {name: design.conclusion for name, design in designs.items() if design is not None}


def require_agreement(answers: Answers) -> None:
    advice = advise(answers, flips=False)
    if advice.evidence is None:
        return
    concluded = conclusions(answers)
    meets, misses = ([name for name, each in concluded.items() if each == wanted] for wanted in ("meets", "misses"))
    if meets:
        assert advice.style not in misses, (advice.style, concluded)
    if advice.strength == "clear":
        assert advice.style not in misses, (advice.style, concluded)
    if advice.feasible:
        concluded_of_advice = {each.conclusion for each in advice.evidence.styles.values()}
        assert "unresolved" in concluded_of_advice or len(misses) < len(concluded), concluded
    else:
        assert not meets, (advice.evidence, concluded)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in TEMPLATES]
)
def test_a_long_simulation_of_each_template_agrees_with_its_advice(name: str) -> None:
    require_agreement(TEMPLATES[name].answers)


@pytest.mark.full
@pytest.mark.parametrize("path", sorted(CASES.glob("[0-9]*.json")), ids=lambda path: path.stem)
def test_a_long_simulation_of_each_case_agrees_with_its_advice(path: Path) -> None:
    given_answers = json.loads(path.read_text())
    if "arrivals" not in given_answers:
        require_agreement(answers_from(given_answers))


def random_answers(place: int) -> Answers | None:
    """Most numbers of a template drawn anew, evenly by their logarithm in its ranges; None if no draw of fifty is valid."""
    random, name = np.random.default_rng([14, place]), list(TEMPLATES)[place % len(TEMPLATES)]
    for _ in range(50):
        differs: dict[str, float] = {}
        for path, default in library.sheets()[name].defaults.items():
            if default.low is None or default.high is None or default.value is None or not LEAVES[path].numeric:
                continue
            if random.random() < CHANGED:
                offset = 0.0 if default.low > 0 else default.high / 100
                drawn = np.exp(random.uniform(np.log(default.low + offset), np.log(default.high + offset))) - offset
                differs[path] = round(drawn) if LEAVES[path].kind == "integer" else float(f"{drawn:.3g}")
        try:
            return answers_from({"template": name, **nested(differs)})
        except InvalidInput:
            continue
    return None


@pytest.mark.full
@pytest.mark.parametrize("place", range(RANDOM_SHEETS))
def test_a_long_simulation_of_random_sheets_agrees_with_their_advice(place: int) -> None:
    answers = random_answers(place)
    if answers is not None:
        require_agreement(answers)


HARDER = {
    "volume.mean_rate_per_s": 1.3,
    "processing.p95_s": 1.4,
    "volume.interarrival_cv": 1.5,
    "synchronous.client_timeout_s": 0.7,
}
TOWARDS_EVENTS = ("synchronous", "hybrid", "event_driven")


def both_feasible(advice: Recommendation) -> bool:
    assert advice.evidence is not None
    return all(advice.evidence.styles[style].conclusion == "meets" for style in ("synchronous", "event_driven"))


@settings(max_examples=6)
@given(
    name=st.sampled_from(["form_classification", "chat_assistant", "image_moderation"]),
    path=st.sampled_from(list(HARDER)),
    load=st.floats(0.3, 1.5),
)
def test_what_makes_it_harder_never_moves_the_advice_towards_synchronous(name: str, path: str, load: float) -> None:
    base = TEMPLATES[name].answers
    answers = changed(base, "volume.mean_rate_per_s", base.volume.mean_rate_per_s * load)
    assume(value_at(answers, path) is not None)
    before = advise(answers, flips=False)
    after = advise(changed(answers, path, value_at(answers, path) * HARDER[path]), flips=False)
    if both_feasible(before) and both_feasible(after):
        assert TOWARDS_EVENTS.index(after.style) >= TOWARDS_EVENTS.index(before.style)
