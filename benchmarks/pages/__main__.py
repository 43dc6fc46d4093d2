"""`python -m benchmarks.pages`: a table in about two minutes. With DATABASE_URL (an empty database) and REDIS_URL it uses those."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from benchmarks.pages.client import Answers, LoadClient, Request
from benchmarks.pages.site import HOST, BenchSite, Sample, begin_runs, make_sample, running_site

PAGES_PER_S, API_PER_S, RUNS_PER_S = 150.0, 300.0, 50.0
VIEWERS, POLL_EVERY_S = 200, 2.0
RENEW_EVERY_S = 5.0
ROUNDS = 3
"""How often each page is asked for again, one after the other, to say what it costs."""
PAGE_KINDS = ("list", "decision", "run")


@dataclass(frozen=True)
class Row:
    part: str
    kind: str
    sent: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failed: int
    web_cpu_ms: float | None
    """Processor time of the web processes for each request of the part."""


class Measurement:
    def __init__(self, site: BenchSite, sample: Sample, seed: int) -> None:
        self.site, self.sample = site, sample
        self.client = LoadClient("127.0.0.1", site.port)
        self.random = Random(seed)  # noqa: S311
        self.rows: list[Row] = []

    def page(self, kind: str, path: str) -> Request:
        return Request(kind, path, _headers() | {"Cookie": self.random.choice(self.sample.cookies)})

    def api(self, kind: str, path: str, method: str = "GET") -> Request:
        key = {"Authorization": f"Bearer {self.sample.key}", "Idempotency-Key": uuid4().hex}
        return Request(kind, f"/api/v1/{path}", _headers() | key, method)

    def every_page(self, kind: str) -> list[str]:
        return {
            "list": ["/", "/?page=2", "/?status=draft", "/?style=event_driven"],
            "decision": [f"/decisions/{key}" for key in self.sample.decisions],
            "run": [f"/runs/{key}" for key in self.sample.runs],
            "charts of a run": [f"/runs/{key}/charts" for key in self.sample.runs],
            "progress of a run": [f"/runs/{key}/progress" for key in self.sample.under_way],
        }[kind]

    def any_page(self) -> Request:
        kind = self.random.choice(PAGE_KINDS)
        return self.page(kind, self.random.choice(self.every_page(kind)))

    def any_api_read(self) -> Request:
        decision, run = self.random.choice(self.sample.decisions), self.random.choice(self.sample.runs)
        return self.random.choice(
            [
                self.api("API: list", "decisions"),
                self.api("API: decision", f"decisions/{decision}"),
                self.api("API: run", f"runs/{run}"),
            ]
        )

    def new_run(self) -> Request:
        return self.api("new run", f"decisions/{self.random.choice(self.sample.quick)}/runs?replications=1", "POST")

    async def measure_costs(self) -> None:
        """One request at a time: the first ones, which nothing was kept for, and later ones."""
        for kind in (*PAGE_KINDS, "charts of a run", "progress of a run"):
            requests = [self.page(kind, path) for path in self.every_page(kind)]
            await self._record("first time", partial(self._in_turn, kind, requests))
            many = [request for request, _ in zip(cycle(requests), range(ROUNDS * 40), strict=False)]
            await self._record("one at a time", partial(self._in_turn, kind, many))

    async def _in_turn(self, kind: str, requests: list[Request]) -> dict[str, Answers]:
        return {kind: await self.client.ask_each(requests)}

    async def measure_load(self, rates_per_s: Sequence[float], seconds: float) -> None:
        client, random = self.client, self.random
        for rate_per_s in rates_per_s:
            name = f"{rate_per_s:g} pages a second"
            await self._record(name, partial(client.send_at_rate, self.any_page, rate_per_s, seconds, random))
        name = f"{API_PER_S:g} API reads a second"
        await self._record(name, lambda: client.send_at_rate(self.any_api_read, API_PER_S, seconds / 3, random))
        paths = cycle(self.every_page("progress of a run"))
        polls = [self.page("poll", next(paths)) for _ in range(VIEWERS)]

        async def watch() -> dict[str, Answers]:
            return {"poll": await client.poll(polls, POLL_EVERY_S, seconds / 3, random)}

        await self._record(f"{VIEWERS} viewers, every {POLL_EVERY_S:g} s", watch)
        name = f"{RUNS_PER_S:g} new runs a second"
        await self._record(name, lambda: client.send_at_rate(self.new_run, RUNS_PER_S, seconds / 6, random))

    async def _record(self, part: str, measure: Callable[[], Any]) -> None:
        cpu_s, begun = self.site.web_cpu_s(), time.perf_counter()
        by_kind: dict[str, Answers] = await measure()
        took_s = time.perf_counter() - begun
        total = sum(len(answers.waits_s) for answers in by_kind.values())
        cost_ms = 1000 * (self.site.web_cpu_s() - cpu_s) / max(1, total)
        for kind, answers in sorted(by_kind.items()):
            p50, p95, p99 = (round(answers.percentile_ms(percent), 1) for percent in (50, 95, 99))
            sent = len(answers.waits_s)
            row = Row(part, kind, sent, round(sent / took_s, 1), p50, p95, p99, answers.failed, round(cost_ms, 1))
            self.rows.append(row)
            print(_line(row, answers.failures), flush=True)


def _headers() -> dict[str, str]:
    """As a proxy that ends TLS passes a browser's request on."""
    return {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1", "Accept-Encoding": "gzip, br"}


def _line(row: Row, failures: dict[str, int]) -> str:
    waits = f"{row.p50_ms:g} | {row.p95_ms:g} | {row.p99_ms:g}"
    why = f" ({', '.join(f'{count} {what}' for what, count in failures.items())})" if failures else ""
    return (
        f"| {row.part} | {row.kind} | {row.sent} | {row.per_s:g} | {waits} | {row.failed}{why} | {row.web_cpu_ms:g} |"
    )


HEAD = """| part | request | sent | a second | p50 ms | p95 ms | p99 ms | failed | web CPU ms each |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def _renew(runs: Iterable[Any], ended: threading.Event) -> None:
    from django.db import connection
    from django.utils import timezone

    from advisor.decisions.models import Run

    while not ended.wait(RENEW_EVERY_S):
        for run in runs:
            Run.objects.renew_lease(run.pk, run.attempt, timezone.now(), progress_fraction=0.2)
    connection.close()


def _measure(site: BenchSite, options: argparse.Namespace) -> list[Row]:
    import django

    os.environ.update(site.environment)
    django.setup()
    sample = make_sample()
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=[begin_runs(sample), ended])
    renewing.start()
    try:
        measurement = Measurement(site, sample, options.seed)
        print(HEAD)

        async def measure() -> None:
            await measurement.measure_costs()
            await measurement.measure_load(options.rate, options.seconds)
            measurement.client.close()

        own_s = time.process_time()
        asyncio.run(measure())
        own_s = time.process_time() - own_s
        requests = sum(row.sent for row in measurement.rows)
        print(f"\nThe client took {1000 * own_s / requests:.2f} ms of processor time for each request;")
        print(f"a web process had {site.web_memory_mb():.0f} MB at the most.")
        return measurement.rows
    finally:
        ended.set()
        renewing.join()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--web", type=int, default=2, help="web processes (default 2)")
    parser.add_argument("--workers", type=int, default=2, help="workers (default 2)")
    parser.add_argument(
        "--rate", type=float, nargs="+", default=[PAGES_PER_S], help="pages a second, one after the other (default 150)"
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="of pages; the other parts take less (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of the order and the instants of requests (default 1)")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="crossover-pages-") as folder,
        running_site(Path(folder), options.web, options.workers) as site,
    ):
        rows = _measure(site, options)
    if options.json:
        options.json.write_text(json.dumps([vars(row) for row in rows], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
