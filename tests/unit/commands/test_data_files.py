"""`--to FILE.csv|.parquet`, `--jobs` and `--brief`: the figures of a run for programs."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management.base import CommandError

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from advisor.advice.templates import TEMPLATES
from advisor.reports.brief_results import brief_result
from simulator.experiment import simulate
from simulator.result import DesignRemedies
from simulator.result_tables import tabulate
from tests.unit.commands.conftest import Recorder, Run
from tests.unit.reports import results

SCENARIO = "jobs: 300\ndeadline_s: 9\narrivals: {process: poisson, rate_per_s: 1}\nservice: {distribution: exponential, mean_s: 2}\n"
READERS: dict[str, Callable[..., pl.DataFrame]] = {".csv": pl.read_csv, ".parquet": pl.read_parquet}
KEYS = {
    *("schema", "engine", "seed", "replications", "deadline_s", "tolerated_miss_percent", "verdict", "designs"),
    *("difference", "classes", "remedies"),
}


@pytest.mark.parametrize("ending", READERS)
@pytest.mark.parametrize("command", ["simulate", "export"])
def test_the_tables_are_next_to_the_figures(
    run: Run, engine: Recorder, tmp_path: Path, command: str, ending: str
) -> None:
    place = tmp_path / f"run{ending}"
    run(command, "-", "--to", str(place), stdin=SCENARIO if command == "simulate" else "{}")
    tables = tabulate(results.result())
    written = {place.name if name == "figures" else f"run.{name}{ending}": table for name, table in tables.items()}
    assert {path.name for path in tmp_path.iterdir()} == written.keys()
    for name, table in written.items():
        read = READERS[ending](tmp_path / name)
        assert read.columns == table.columns and len(read) == len(table)
    figures = READERS[ending](place).filter(pl.col("design") == "event_driven", pl.col("figure") == "latency_p95_s")
    assert figures["value"].item() == results.result().event_driven.latency_s.p95


def test_rows_of_jobs_are_a_table_of_their_own(
    run: Run, engine: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("simulate", "-", "--to", str(tmp_path / "run.parquet"), "--jobs", stdin=SCENARIO)
    assert dict(pl.read_parquet(tmp_path / "run.jobs.parquet").group_by("design").len().iter_rows()) == {
        "synchronous": 300,
        "event_driven": 300,
    }
    assert "of an earlier run" not in capsys.readouterr().err
    run("simulate", "-", "--to", str(tmp_path / "run.parquet"), stdin=SCENARIO)
    assert "run.jobs.parquet: is of an earlier run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--brief"], "--brief: is for --format json"),
        (["--jobs"], "--jobs: is for --to FILE"),
        (["--to", "run.md"], "must be .csv or .parquet"),
        (["--to", "nowhere/run.csv"], "there is no folder"),
        (["--to", "run.csv", "--trigger", "300:60"], "--trigger: has figures of its own"),
        (["--to", "run.csv", "--jobs", "--engine", "live"], "--jobs: is for --engine kernel"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_run(
    run: Run, engine: Recorder, arguments: list[str], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        run("simulate", "-", *arguments, stdin=SCENARIO)
    assert engine.scenario is None


def test_brief_is_one_line_of_json(run: Run, engine: Recorder) -> None:
    output = run("simulate", "-", "--format", "json", "--brief", stdin=SCENARIO)
    assert output.count("\n") == 1 and json.loads(output)["schema"] == "crossover/brief@1"


@pytest.mark.parametrize("template", TEMPLATES)
def test_brief_has_the_figures_of_the_result_in_under_4_kb(template: str) -> None:
    scenario = scenario_of(Evaluation.from_answers(answers_from({"template": template})))
    few = {"jobs": 2000, "duration_s": None, "warmup_jobs": 0}
    result = simulate(scenario.model_copy(update=few), replications=1, windows=False)
    brief = brief_result(result, scenario)
    assert brief.keys() == KEYS and len(json.dumps(brief, allow_nan=False)) < 4000
    for name, design in result.designs.items():
        shown = brief["designs"][name]
        assert shown["good_share"] == pytest.approx(design.good_share, rel=1e-5)
        assert shown["latency_p95_s"] == (design.latency_s.p95 and pytest.approx(design.latency_s.p95, rel=1e-5))
        assert shown["offered"] == design.offered
        assert shown["without_result"] == design.offered - design.completed - design.in_system - design.undecided


def test_brief_is_under_4_kb_with_all_that_a_scenario_may_have() -> None:
    names = [f"a queue with a name as long as names of queues may ever be {place}"[-60:].strip() for place in range(8)]
    queues = dict.fromkeys(names, 12.5)
    scenario = results.scenario(
        event_driven={"consumers": 20, "queues": queues}, deadline_s=dict.fromkeys(names, 12.3456789)
    )
    classes = {name: results.of_class(10_007, 9_873, 123.456789) for name in names}
    design = {"classes": {name: one.model_dump() for name, one in classes.items()}}
    designs = ["synchronous", "event_driven", "hybrid"]
    remedies = {
        name: {
            "limits": ["provider.input_tokens_per_minute"],
            "remedies": [
                {
                    "changes": [
                        {"path": "provider.input_tokens_per_minute", "now": 1.0, "needed": 123456.789},
                        {"path": "event_driven.consumers", "now": 1.0, "needed": 123456.0},
                    ],
                    "good_share": [0.123456789, 0.987654321],
                }
            ],
        }
        for name in designs
    }
    assert DesignRemedies.parse(remedies["hybrid"]).remedies
    result = results.result(
        synchronous=results.synchronous(**design),
        event_driven=results.design(**design),
        hybrid=results.design(**design),
        class_verdicts=dict.fromkeys(names, designs),
        verdict=designs,
        remedies=remedies,
    )
    assert len(json.dumps(brief_result(result, scenario), separators=(",", ":"))) < 4000


def test_a_growing_design_has_no_latency_in_brief() -> None:
    result = results.result(synchronous=results.unstable())
    brief: dict[str, Any] = brief_result(result, results.scenario())["designs"]["synchronous"]
    assert brief["latency_p95_s"] is None and brief["growth_per_min"] == 12.5


def test_figures_in_csv_are_read_as_numbers() -> None:
    content = io.BytesIO()
    tabulate(results.result())["figures"].write_csv(content)
    content.seek(0)
    assert pl.read_csv(content).schema["value"] == pl.Float64
