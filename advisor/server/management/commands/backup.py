from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from advisor.server.backups import write_backup
from core.numbers import count


class Command(BaseCommand):
    help = "Write a backup of the database to FILE, while the site works; `restore` reads it, on SQLite or PostgreSQL."
    requires_system_checks = ()
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="such as crossover.zip; an existing one is replaced")

    def handle(self, *args: Any, **options: Any) -> None:
        place = Path(options["file"])
        if not place.parent.is_dir():
            raise CommandError(f"{place}: there is no folder {place.parent}")
        try:
            counts = write_backup(place)
        except OSError as error:
            raise CommandError(f"{place}: cannot be written: {error.strerror}") from error
        size_mb = place.stat().st_size / 1e6
        self.stdout.write(
            f"{place}: {count(sum(counts.values()), 'row')} of {count(len(counts), 'table')}, {size_mb:.1f} MB"
        )
