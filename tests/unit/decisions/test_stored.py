"""Stored JSON is read by every later version: a file of each schema there ever was lies in `stored/`."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from advisor.advice.answers import Answers
from advisor.advice.contract import Recommendation
from advisor.advice.library_overrides import HopEdit, ProfileEdit
from advisor.decisions import stored
from advisor.decisions.services.sweeps import CELLS
from advisor.decisions.stored import NewerSchema
from advisor.sweeps import contract
from advisor.sweeps.capacity_search import ServerRequirement
from core.values import Value
from simulator.result import Result
from simulator.scenario import Scenario

FILES = Path(__file__).parent / "stored"
KINDS: dict[str, type[Value]] = {
    "answers": Answers,
    "recommendation": Recommendation,
    "scenario": Scenario,
    "result": Result,
    "sweep": contract.SweepResult,
    "fewest": ServerRequirement,
    "hop": HopEdit,
    "profile": ProfileEdit,
}


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_a_file_of_every_version(kind: str) -> None:
    newest = int(stored.schema_of(KINDS[kind]).rpartition("@")[2])
    for version in range(1, newest + 1):
        data = json.loads((FILES / f"{kind}-{version}.json").read_text())
        assert data["schema"] == f"crossover/{kind}@{version}"


@pytest.mark.parametrize("file", sorted(FILES.glob("*.json")), ids=lambda file: file.stem)
def test_every_version_is_read(file: Path) -> None:
    kind = KINDS[file.stem.rpartition("-")[0]]
    value = stored.load(kind, file.read_text())
    assert stored.load(kind, stored.dump(value)) == value


def test_the_cells_of_a_part_are_read_as_they_were_first_stored() -> None:
    """A part keeps its cells as a bare list; their shape is that of the sweep, and has its version."""
    text = json.dumps(json.loads((FILES / "sweep-1.json").read_text())["cells"])
    assert CELLS.validate_json(text) == stored.load(contract.SweepResult, (FILES / "sweep-1.json").read_text()).cells


class Thing(Value):
    schema_: Literal["crossover/thing@3"] = Field(default="crossover/thing@3", alias="schema")
    size_s: float


def seconds_instead_of_minutes(data: dict[str, Any]) -> dict[str, Any]:
    return {"size_s": data["size_min"] * 60}


def renamed(data: dict[str, Any]) -> dict[str, Any]:
    return {"size_min": data["size"]}


def test_upgrades_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {"crossover/thing@1": renamed, "crossover/thing@2": seconds_instead_of_minutes}
    monkeypatch.setattr(stored, "UPGRADES", steps)
    assert stored.load(Thing, '{"schema": "crossover/thing@1", "size": 2}').size_s == 120
    assert stored.load(Thing, '{"schema": "crossover/thing@2", "size_min": 3}').size_s == 180
    assert stored.load(Thing, '{"schema": "crossover/thing@3", "size_s": 4}').size_s == 4


def test_a_newer_schema_is_refused() -> None:
    with pytest.raises(NewerSchema, match="thing@4"):
        stored.load(Thing, '{"schema": "crossover/thing@4", "size_s": 4}')
