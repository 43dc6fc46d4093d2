from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from advisor.advice.answers import answers_from
from advisor.advice.proposed_answers import ProposedAnswers, propose_from_benchmark
from advisor.advice.yaml_json import document_kind
from advisor.decisions.management.answer_sheets import sheet_path, write_sheet
from advisor.decisions.management.console import BadInput, Console, add_format, problems_in
from advisor.decisions.management.workload import read
from advisor.places import COMMAND
from advisor.reports.document.answers import LABELS, value_words
from advisor.reports.understood import level_words
from simulator.benchmark_results import ACCEPTED, BenchmarkLevel, read_benchmark

_DESCRIPTION = f"""
Reads the results of a benchmark or a load test and fills answers with them: what a call takes, its tokens, how often it fails, and with several
levels of concurrency how calls slow as more are in flight. Accepted are {ACCEPTED}. Several files may be given, one a level.
"""


class Command(Console):
    help = _DESCRIPTION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="results of one tool or of several")
        parser.add_argument(
            "--answers", metavar="FILE", help="an answer sheet to fill; it is written anew, or as --to says"
        )
        parser.add_argument(
            "--to", type=sheet_path, metavar="FILE", help="write the answer sheet there: .yaml or .json"
        )
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        levels = [level for file in options["files"] for level in _read(file)]
        proposed = propose_from_benchmark(levels, ", ".join(Path(file).name for file in options["files"]))
        to = options["to"]
        if options["answers"] is not None:
            to = to or sheet_path(options["answers"])
        if to is not None:
            given = dict(read(options["answers"]).given) if options["answers"] is not None else {}
            if document_kind(given) == "scenario":
                raise BadInput(f"{options['answers']}: is a Scenario; import fills Answers")
            filled = proposed.over(given)
            with problems_in(options["answers"] or str(to)):
                answers_from(filled)
            write_sheet("import", to, filled)
            self.report(f"The answers are in {to}: {COMMAND} advise {to}")
        if options["format"] == "json":
            self.print_json(_data(levels, proposed))
        else:
            self.stdout.write("\n".join(_lines(levels, proposed)))


def _read(file: str) -> list[BenchmarkLevel]:
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from error
    with problems_in(file):
        return read_benchmark(data, Path(file).name)


def _lines(levels: Sequence[BenchmarkLevel], proposed: ProposedAnswers) -> Iterator[str]:
    yield proposed.source
    for level in levels:
        yield f"  {level_words(level)}"
    yield from proposed.notes
    for path, value in proposed.values.items():
        yield f"{LABELS[path]} {value_words(path, value)}"


def _data(levels: Sequence[BenchmarkLevel], proposed: ProposedAnswers) -> dict[str, Any]:
    return {
        "schema": "crossover/benchmark@1",
        "source": proposed.source,
        "levels": [vars(level) | {"times": level.times._asdict()} for level in levels],
        "notes": proposed.notes,
        "answers": proposed.over({}),
    }
