"""The broker of a running rq, as a command is told of it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.management.console import FAILURE, BadInput
from core.errors import CannotRun
from simulator.live.measure_rq import BadAddress, connected


def add_redis(parser: CommandParser) -> None:
    parser.add_argument(
        "--redis",
        metavar="URL",
        default=os.environ.get("RQ_REDIS_URL"),
        help="redis://HOST:PORT/DB, rediss:// or unix://; left out: the variable RQ_REDIS_URL, which keeps a password off the command line",
    )


@contextmanager
def broker_in(options: Mapping[str, Any], command: str) -> Iterator[Any]:
    """A connection to the broker that is named.

    Raises:
        BadInput: there is none, or the URL is wrong.
        CommandError: it does not answer, or what is done with it cannot be done.
    """
    if not options["redis"]:
        raise BadInput("--redis: give the broker's URL, or set RQ_REDIS_URL")
    try:
        with connected(options["redis"]) as broker:
            yield broker
    except BadAddress as error:
        raise BadInput(f"--redis: {error}") from error
    except CannotRun as error:
        raise CommandError(f"{command}: {error}", returncode=FAILURE) from error
