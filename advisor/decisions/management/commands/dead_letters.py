import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from advisor.decisions.jobs import dead_letters
from advisor.decisions.management.console import FAILURE, BadInput, Console, add_format
from advisor.decisions.models import Run
from core.numbers import count


class Command(Console):
    help = "Lists the dead letters of a live run; while it runs, takes them up again or throws them away."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the run's id, as its page's address has it")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--requeue", metavar="JOB", type=int, help="one more attempt at this job")
        what.add_argument("--requeue-all", action="store_true", help="one more attempt at every one")
        what.add_argument("--empty", action="store_true", help="throw all of them away")
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        run = _run(options["run"])
        try:
            if options["requeue"] is not None or options["requeue_all"]:
                self._say(options, "requeued", dead_letters.requeue(run, options["requeue"]))
            elif options["empty"]:
                self._say(options, "thrown away", dead_letters.empty(run))
            else:
                self._list(options, run)
        except dead_letters.DesignNotRunning as reason:
            raise CommandError(str(reason), returncode=FAILURE) from reason

    def _say(self, options: dict[str, Any], what: str, number: int) -> None:
        if options["format"] == "json":
            self.print_json({what.replace(" ", "_"): number})
        else:
            self.stdout.write(f"{number} {what}.")

    def _list(self, options: dict[str, Any], run: Run) -> None:
        letters, under_way = dead_letters.list_dead_letters(run)
        if options["format"] == "json":
            self.print_json({"under_way": under_way, "dead_letters": [vars(letter) for letter in letters]})
            return
        for letter in letters:
            self.stdout.write(f"{letter.job}\t{letter.queue}\t{count(letter.attempts, 'attempt')}\t{letter.reason}")
        if not letters:
            self.stdout.write("There are no dead letters.")


def _run(given: str) -> Run:
    try:
        return Run.objects.get(pk=uuid.UUID(given))
    except (ValueError, ValidationError, Run.DoesNotExist) as error:
        raise BadInput(f"RUN: there is no run {given[:60]!r}") from error
