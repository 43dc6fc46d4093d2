"""The results of a benchmark as an answer sheet."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from advisor.advice.answers import answers_from
from advisor.advice.yaml_json import read_mapping
from tests.unit.commands.conftest import Run
from tests.unit.simulator.test_benchmark_results import VLLM

Write = Callable[[str, str], str]


def result(calls: int, mean_ms: float) -> str:
    return json.dumps(VLLM | {"max_concurrency": calls, "mean_e2el_ms": mean_ms})


def test_files_of_several_levels_fill_a_sheet(run: Run, write: Write, tmp_path: Path) -> None:
    files = [write("one.json", result(1, 2000)), write("many.json", result(31, 5000))]
    to = tmp_path / "answers.yaml"
    printed = run("import", *files, "--to", str(to))
    assert "vllm bench serve, 2 levels of concurrency, one.json, many.json" in printed
    assert "each further call in flight adds 100 ms" in printed
    answers = answers_from(read_mapping(to.read_bytes(), to.name))
    assert (answers.processing.p50_s, answers.processing.p95_s, answers.processing.high_in_flight) == (1.9, 3.5, 31)
    source = answers.source_of("processing.p50_s")
    assert source is not None and source.text.startswith("vllm bench serve, 2 levels")


def test_answers_that_are_there_are_kept(run: Run, write: Write) -> None:
    sheet = write("sheet.yaml", "template: chat_assistant\ncaller: {deadline_s: 44}\nprocessing: {p50_s: 9}\n")
    run("import", write("one.json", result(8, 2000)), "--answers", sheet)
    filled: Any = read_mapping(Path(sheet).read_bytes(), "sheet.yaml")
    assert (filled["template"], filled["caller"]["deadline_s"], filled["processing"]["p50_s"]) == (
        "chat_assistant",
        44,
        1.9,
    )
    assert "volume" not in filled


def test_a_file_that_is_no_benchmark_is_refused_with_what_is_accepted(run: Run, write: Write) -> None:
    with pytest.raises(CommandError, match="is no result that is known; accepted are guidellm JSON, AIPerf") as refused:
        run("import", write("notes.txt", "hello"))
    assert refused.value.returncode == 2


def test_a_scenario_is_no_answer_sheet(run: Run, write: Write) -> None:
    scenario = write(
        "s.yaml", "arrivals: {process: poisson, rate_per_s: 1}\nservice: {distribution: exponential, mean_s: 1}\n"
    )
    with pytest.raises(CommandError, match="is a Scenario; import fills Answers"):
        run("import", write("one.json", result(8, 2000)), "--answers", scenario)
