"""What a page writes to the database, by the statements that it sends."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

from advisor.teams.models import AuditEvent

READS = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT", "PRAGMA")
WRITES = re.compile(r'(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) "(\w+)"')


@contextmanager
def written_tables() -> Iterator[set[str]]:
    """The tables that are written to meanwhile, other than that of who read what; they are known at the end."""
    tables = set[str]()
    with CaptureQueriesContext(connection) as queries:
        yield tables
    for query in queries:
        if not query["sql"].startswith(READS):
            write = WRITES.match(query["sql"])
            assert write is not None, f"does this read or write? {query['sql']}"
            tables.add(write[1])
    tables.discard(AuditEvent._meta.db_table)
