from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from advisor.reports.wording import listed
from advisor.server.backups import read_manifest, restore_backup, rows_in_the_way
from advisor.server.status import broker_status
from core.errors import CannotRun
from core.numbers import count


class Command(BaseCommand):
    help = "Restore the backup in FILE into an empty site that is not running, or with --replace into any."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="what `backup` wrote")
        parser.add_argument("--replace", action="store_true", help="delete what the site holds")

    def handle(self, *args: Any, **options: Any) -> None:
        place = Path(options["file"])
        broker = broker_status()
        if broker and broker.workers_alive:
            raise CommandError("The site is running: stop it before a restore.")
        try:
            manifest = read_manifest(place)
            call_command("migrate", verbosity=0)
            if (present := rows_in_the_way()) and not options["replace"]:
                raise CommandError(f"The site is not empty: it has {listed(present)}. --replace deletes all of it.")
            counts = restore_backup(place, manifest)
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason
        self.stdout.write(
            f"Restored {count(sum(counts.values()), 'row')} of {count(len(counts), 'table')}, of {manifest['made_at']}."
        )
        self.stdout.write("Everyone signs in anew. Runs that waited or were under way start when the site does.")
