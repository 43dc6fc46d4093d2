from typing import Any

from django.core.management.base import CommandParser

from advisor.advice.recommendation import advise
from advisor.decisions.management.console import Console, add_format
from advisor.decisions.management.recording_options import add_recording_options, corrections_from
from advisor.decisions.management.workload import add_library, answers_in, read, workload_of
from advisor.reports.document.advice import advice_sections
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import recommendation_sentence
from core.processes.shared_work import copies_allowed


class Command(Console):
    help = "Advises whether a workload should be served synchronously or through events, and how results get back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("answers", metavar="ANSWERS", help="a YAML or JSON file; - for standard input")
        add_library(parser)
        add_recording_options(parser)
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["answers"], options["library"], corrections_from(options), self.report)
        answers = answers_in(source)
        with copies_allowed():
            recommendation = advise(answers, trace=workload_of(source, answers).trace)
        if options["format"] == "json":
            self.print_json(recommendation.model_dump(mode="json", by_alias=True))
        else:
            verdict = recommendation_sentence(recommendation)
            self.stdout.write(terminal_text(answers.name, verdict, advice_sections(recommendation, answers)), ending="")
