import logging
import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisor.decisions.services.retention import Retention, prune
from core.numbers import count, listed

log = logging.getLogger(__name__)


def whole_days(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}d", text):
        raise ArgumentTypeError(f"{text}: should be a whole number of days, such as 90d")
    return int(text[:-1])


class Command(BaseCommand):
    help = (
        "Delete simulations and maps, older drafts and unused recordings that are older than given. "
        "What an accepted or proposed revision or an open share link shows is kept."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        kept = Retention.from_configuration()
        for kind, days, words in (
            ("runs", kept.runs_days, "simulations, live runs, maps and searches, from their end"),
            ("revisions", kept.revisions_days, "earlier drafts without simulations, from their last change"),
            ("recordings", kept.recordings_days, "recordings that nothing uses, from their upload"),
        ):
            variable = f"CROSSOVER_{kind.upper()}_KEPT_DAYS"
            parser.add_argument(
                f"--{kind}-older-than",
                type=whole_days,
                default=days,
                metavar="DAYS",
                help=f"{words}: 90d for 90 days (default: {variable}, else none)",
            )
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        retention = Retention(
            options["runs_older_than"], options["revisions_older_than"], options["recordings_older_than"]
        )
        if not retention.deletes_something:
            raise CommandError("Say what to delete: --runs-older-than 90d, or set CROSSOVER_RUNS_KEPT_DAYS.")
        pruned = prune(retention, timezone.now(), only_count=options["dry_run"])
        words = listed(
            [
                count(pruned.runs, "simulation"),
                count(pruned.sweeps, "map or search", "maps and searches"),
                count(pruned.revisions, "draft"),
                count(pruned.recordings, "recording"),
            ]
        )
        self.stdout.write(f"{'Would delete' if options['dry_run'] else 'Deleted'} {words}.")
        if not options["dry_run"]:
            log.info("Pruned %s", words)
