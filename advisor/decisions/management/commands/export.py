import datetime
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from advisor import advice
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from advisor.decisions.management.console import BadInput, Console
from advisor.decisions.management.recording_options import add_recording_options, corrections_from
from advisor.decisions.management.running import run
from advisor.decisions.management.whole_files import is_data_file, require_folder, write_tables, write_whole
from advisor.decisions.management.workload import Source, add_library, answers_in, read, workload_of
from advisor.reports.data_files import DATA_ENDINGS
from advisor.reports.document import build
from advisor.reports.document.record import Recording
from advisor.reports.formats import FORMATS, Format
from advisor.reports.wording import listed
from core.processes.shared_work import copies_allowed

TITLES = listed([format_.title for format_ in FORMATS.values()], "or")
_TABLES = listed(DATA_ENDINGS, "or")
ENDINGS = tuple(f".{format_.extension}" for format_ in FORMATS.values())


class Command(Console):
    help = f"Writes the decision report: {TITLES}, by the file's ending."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("answers", metavar="ANSWERS", help="a YAML or JSON file; - for standard input")
        parser.add_argument(
            "--to",
            required=True,
            metavar="REPORT",
            help=f"report{listed(ENDINGS, 'or')}; the figures of a simulation as {_TABLES}",
        )
        parser.add_argument("--simulate", action="store_true", help="with a simulation of both designs in it")
        parser.add_argument(
            "--no-appendix", action="store_true", help="without the answers and the scenario at its end"
        )
        add_library(parser)
        add_recording_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        place = Path(options["to"])
        chosen = None if is_data_file(place) else _format_of(place)
        require_folder(place)
        source = read(options["answers"], options["library"], corrections_from(options), self.report)
        answers = answers_in(source)
        workload = workload_of(source, answers)
        with copies_allowed():
            recommendation = advise(answers, trace=workload.trace)
        scenario = scenario_of(Evaluation.from_answers(answers), recommendation.plan)
        workload = replace(workload, scenario=scenario)
        if chosen is None:
            write_tables(self, run(self, workload, source.name), place)
            self.stdout.write(str(place))
            return
        result = run(self, workload, source.name) if options["simulate"] else None
        document = build(
            answers,
            recommendation,
            date=datetime.datetime.now(datetime.UTC).date(),
            versions=advice.versions() | ({"library": Path(options["library"]).name} if options["library"] else {}),
            scenario=workload.scenario,
            result=result,
            recording=_recording_in(source),
        )
        write_whole(place, chosen.render(document.without_appendices() if options["no_appendix"] else document))
        self.stdout.write(str(place))


def _format_of(place: Path) -> Format:
    for chosen in sorted(FORMATS.values(), key=lambda known: -len(known.extension)):
        if place.name.lower().endswith(f".{chosen.extension}"):
            return chosen
    raise BadInput(f"--to {place}: the ending must be one of {', '.join((*ENDINGS, *DATA_ENDINGS))}")


def _recording_in(source: Source) -> Recording | None:
    for place, recording in source.recordings.items():
        trace = recording.trace
        with place.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            size_bytes = stream.tell()
        return Recording(place.name, trace.requests, size_bytes, sha256, trace.first, trace.last, trace.span_s)
    return None
