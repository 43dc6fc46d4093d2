"""Scenarios that were concluded from wrongly; the comment on top of each says what is right, and how that is known."""

from pathlib import Path

import yaml

from simulator.scenario import Scenario

FOLDER = Path(__file__).parent / "scenarios"


def case(name: str) -> Scenario:
    return Scenario.parse(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))
