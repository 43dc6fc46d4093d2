import asyncio
import signal
import socket
from collections.abc import Iterator
from math import inf
from typing import Any

from django.core.management.base import CommandError, CommandParser

from advisor.decisions.management.console import FAILURE, Console, add_format, number_that, whole_number
from advisor.decisions.management.workload import add_library, read, workload_in
from core.numbers import count, duration
from core.values import rounded
from simulator.live.sample_endpoint import EndpointSummary, SampleEndpoint

_DESCRIPTION = """
Answers OpenAI's protocols (chat completions, responses, completions, embeddings) as the workload says: with its limits, its times, its outages
and its failures, so that a service or a load generator can be tried against them. Any model name and any key will do. Time begins at the first
call. Ctrl-C ends it, and prints what was called.
"""
MEANINGS = {"0": "given up by the caller", "200": "answered", "429": "refused", "500": "failed", "503": "in an outage"}


class Command(Console):
    help = _DESCRIPTION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scenario",
            metavar="FILE",
            required=True,
            help="a Scenario or Answers, YAML or JSON; - for standard input",
        )
        parser.add_argument(
            "--port", type=whole_number(0, 65535), default=8080, help="8080 unless given; 0: any that is free"
        )
        parser.add_argument(
            "--host", default="127.0.0.1", help="the address to listen on; this machine alone unless given"
        )
        parser.add_argument(
            "--speed",
            type=number_that(lambda value: 0 < value < inf, "a number above 0"),
            default=1.0,
            metavar="X",
            help="seconds of the workload in one real second; 1 unless given",
        )
        add_library(parser)
        add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = read(options["scenario"], options["library"])
        workload = workload_in(source)
        with self.simulating(source.name):
            endpoint = SampleEndpoint(
                workload.scenario, workload.template, workload.trace, workload.durations_s, speed=options["speed"]
            )
        try:
            listener = socket.create_server((options["host"], options["port"]))
        except OSError as error:
            message = f"sample_endpoint: cannot listen on {options['host']}, port {options['port']}: {error.strerror}"
            raise CommandError(message, returncode=FAILURE) from error
        with listener:
            asyncio.run(self._serve(endpoint, listener))
        summary = endpoint.log.summary()
        if options["format"] == "json":
            self.print_json(rounded(summary.model_dump(mode="json"), 6))
        else:
            self.stdout.write("\n".join(_lines(summary)))

    async def _serve(self, endpoint: SampleEndpoint, listener: socket.socket) -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
        await endpoint.serve(
            listener,
            stopped,
            lambda: self.stderr.write(f"The endpoint is at {address}. Ctrl-C ends it.", style_func=str),
        )


def _lines(summary: EndpointSummary) -> Iterator[str]:
    if not summary.calls:
        yield "No calls."
        return
    yield f"{count(summary.calls, 'call')} in {duration(summary.seconds)}, at most {count(summary.most_at_once)} at once"
    for status, number in summary.statuses.items():
        yield f"  {status} {MEANINGS.get(status, '')}: {count(number)}"
    yield f"answers: p50 {duration(summary.latency.p50_s)}, p95 {duration(summary.latency.p95_s)}"
    if summary.first_token is not None:
        yield f"first token of streams: p50 {duration(summary.first_token.p50_s)}, p95 {duration(summary.first_token.p95_s)}"
    yield f"tokens: {count(summary.input_tokens)} in, {count(summary.output_tokens)} out"
