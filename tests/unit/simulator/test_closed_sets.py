"""A half-added case stops when the module that lacks it is imported."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from core.closed_sets import complete_table, members_of
from simulator.deliveries import Delivery

ROOT = Path(__file__).resolve().parents[3]
Colour = Literal["red", "green"]

ADD_A_CASE = """
import importlib, json, sys
from typing import Annotated, Literal, get_args, get_origin
from pydantic import create_model
from core.values import Value

def widened(closed):
    if get_origin(closed) is Literal:
        return Literal[(*get_args(closed), "new")]
    union, field = get_args(closed)
    added = create_model("New", __base__=Value, **{field.discriminator: (Literal["new"], ...)})
    return Annotated[union | added, field]

reasons = {}
for name, owner, user in json.load(sys.stdin):
    home = importlib.import_module(owner)
    before = getattr(home, name)
    setattr(home, name, widened(before))
    try:
        importlib.import_module(user)
    except TypeError as error:
        reasons[name] = str(error)
    setattr(home, name, before)
print(json.dumps(reasons))
"""
TABLES = (
    ("Arrivals", "simulator.arrivals", "simulator.kernel.draws"),
    ("Service", "simulator.services", "simulator.kernel.draws"),
    ("Jitter", "simulator.retries", "simulator.kernel.draws"),
    ("Delivery", "simulator.deliveries", "simulator.kernel.deliver"),
    ("Discipline", "simulator.scenario", "simulator.plan"),
    ("Overflow", "simulator.scenario", "simulator.plan"),
    ("InlineCalls", "simulator.scenario", "simulator.plan"),
    ("WorkerKind", "simulator.result", "simulator.live.system.consumers"),
    ("Method", "advisor.advice.contract", "advisor.advice.delivery"),
    ("Style", "advisor.advice.contract", "advisor.reports.wording"),
)


def test_the_members_of_a_literal_and_of_a_tagged_union() -> None:
    assert members_of(Colour) == ("red", "green")
    assert members_of(Delivery) == ("polling", "webhook", "sse", "websocket", "none")
    with pytest.raises(TypeError, match="neither a Literal"):
        members_of(str)


def test_a_complete_table_is_as_it_was_and_cannot_be_changed() -> None:
    table = complete_table(Colour, {"green": 2, "red": 1})
    assert table == {"green": 2, "red": 1} and list(table) == ["green", "red"]
    with pytest.raises(TypeError):
        table["blue"] = 3  # type: ignore[index]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"red": 1}, "add 'green'"),
        ({"red": 1, "green": 2, "blue": 3}, "remove 'blue', or add it to the set"),
        ({"blue": 3}, "add 'red', 'green'; remove 'blue'"),
    ],
)
def test_a_table_that_is_not_complete_says_what_to_do(table: dict[str, int], says: str) -> None:
    with pytest.raises(TypeError, match=f"an entry for each of 'red', 'green': {says}"):
        complete_table(Colour, table)


@pytest.mark.slow
def test_a_case_that_is_added_to_a_set_alone_is_refused_by_the_tables_of_the_set() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ADD_A_CASE],
        input=json.dumps(TABLES),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    reasons = json.loads(done.stdout)
    assert set(reasons) == {name for name, _, _ in TABLES}
    assert all(reason.endswith("add 'new'") for reason in reasons.values())


@pytest.mark.parametrize(
    ("module", "union", "base", "tag", "parts"),
    [
        ("arrivals", "Arrivals", "ArrivalProcess", "process", "'parameters', 'period_s', 'peak'"),
        ("services", "Service", "ServiceDistribution", "distribution", "'parameters', 'mean_time_s'"),
        (
            "deliveries",
            "Delivery",
            "DeliveryMethod",
            "method",
            "'caller_waits', 'learns_of_failure', 'encode', 'inequality'",
        ),
    ],
)
def test_a_class_that_is_added_to_a_union_alone_is_refused_by_its_module(
    module: str, union: str, base: str, tag: str, parts: str
) -> None:
    source = (ROOT / "simulator" / f"{module}.py").read_text()
    added = f'class New({base}):\n    {tag}: Literal["new"]\n\n\n'
    source = re.sub(rf"^{union} = Annotated\[", rf"{added}\g<0>New | ", source, flags=re.MULTILINE)
    with pytest.raises(TypeError, match=rf"New in {module} needs .*: add {parts}$"):
        exec(source, {"__name__": module})  # noqa: S102


def test_a_jitter_that_is_added_to_its_set_alone_is_refused_by_its_table() -> None:
    source = (ROOT / "simulator" / "retries.py").read_text().replace('"decorrelated"]', '"decorrelated", "new"]')
    with pytest.raises(TypeError, match=r"add 'new'$"):
        exec(source, {"__name__": "retries"})  # noqa: S102
