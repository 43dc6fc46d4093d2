"""A hosted site under steady work while its processes are killed at random: `python -m tests.faults.soak [--minutes N]` prints Markdown tables.

Runs, maps and comments are made all the time. Every 20 s a process is killed with SIGKILL: a web server, a worker with all its processes,
the process of a job, the reconciler or the broker. It fails at the first thing that does not hold.
"""

import argparse
import os
import random
import signal
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from tests.faults.hosted import SHORT, FaultySite, pause
from tests.hosting.parts import Server, scratch_folder
from tests.sites import START_S, descendants, eventually, is_alive

KILL_EVERY_S = 20.0
RUN_EVERY_S, COMMENT_EVERY_S, MAP_EVERY_S = 2.0, 3.0, 90.0
LONGER, ONE_IN = 10, 15
"""Replications of one run in ONE_IN."""
MOST_UNFINISHED = 40
LOOK_EVERY_S = 1.0
WEIGHED_EVERY_S = 10.0
WARM_S, LAST_S = 180.0, 120.0
"""A process is weighed from this age on, over this long, and over as long before the end."""
TOLD_WITHIN_S = 30.0
GROWTH_ALLOWED = 0.10
HELD = """select id || ' ' || attempt, worker from decisions_run where state = 'running'
    union all select id || ' ' || attempt, worker from decisions_sweeppart where state = 'running'"""
TWICE = " twice on "
"""In the reason of a run or map that failed because its worker was killed under it for the second time."""
COMMANDS = {"run_pages": "web process", "run_worker": "worker process", "run_reconciler": "reconciler process"}


@dataclass
class Weights:
    """Resident memory of one process, by its age."""

    name: str
    begun: float
    samples: list[tuple[float, float]] = field(default_factory=list)
    """Seconds, MB."""

    @property
    def age_s(self) -> float:
        return self.samples[-1][0]

    def growth(self) -> tuple[float, float] | None:
        """MB after the warm-up and at the end; None for one that was killed before."""
        if self.age_s < WARM_S + 2 * LAST_S:
            return None
        warm = [mb for age_s, mb in self.samples if WARM_S <= age_s < WARM_S + LAST_S]
        last = [mb for age_s, mb in self.samples if age_s > self.age_s - LAST_S]
        return statistics.median(warm), statistics.median(last)


class Soak:
    def __init__(self, site: FaultySite, seed: int, length_s: float) -> None:
        self.site = site
        self.rng = random.Random(seed)
        self.length_s = length_s
        self.begun = time.monotonic()
        self.stopped = threading.Event()
        self.kills: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        """Requests that had no answer, or a 5xx, by what was asked."""
        self.comments_sent = self.comments_saved = 0
        self.maps: list[str] = []
        self.dead_since: dict[str, float] = {}
        self.longest_untold_s = 0.0
        self.weights: dict[int, Weights] = {}

    # What people do

    def start_runs(self) -> None:
        """A program that asks again with the same key until it has an answer."""
        number, key = 0, uuid.uuid4().hex
        while not self.stopped.wait(RUN_EVERY_S):
            if len(set(self.site.acknowledged) - set(self.site.ended)) > MOST_UNFINISHED:
                continue
            with self._counted("runs"):
                status, _ = self.site.request_run(SHORT if number % ONE_IN else LONGER, key, end="succeeded|failed")
                assert status in (202, 502, 503, 504), status
                if status == 202:
                    number, key = number + 1, uuid.uuid4().hex
                else:
                    self.refused["runs"] += 1

    def write_comments(self) -> None:
        page = f"{self.site.proxy.url}{self.site.decision}"
        while not self.stopped.wait(COMMENT_EVERY_S):
            with self._counted("comments"):
                self.comments_sent += 1
                status = self.site.ada.open(f"{page}/comments/add", page, text=f"soak {uuid.uuid4()}")[0]
                self.comments_saved += status == 200
                self.refused["comments"] += status != 200

    def draw_maps(self) -> None:
        """One at a time: on a slow machine maps would wait for one another to the end."""
        while not self.stopped.wait(MAP_EVERY_S):
            if self._unfinished_maps():
                continue
            with self._counted("maps"):
                self.maps.append(self.site.start_map())

    @contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        """A connection that is cut, or a page that is a refusal, is no answer."""
        try:
            yield
        except (OSError, HTTPException):
            self.refused[what] += 1
        except AssertionError as refusal:
            if not any(f"{status}" in str(refusal) for status in (429, 502, 503, 504)):
                raise
            self.refused[what] += 1

    # What happens to them

    def kill_at_random(self) -> None:
        victims: dict[str, Callable[[], None]] = {
            "a web server": self._kill_web,
            "a worker with all its processes": self._kill_worker,
            "the process of a job": self._kill_job,
            "the reconciler": self._kill_reconciler,
            "the broker": self._kill_broker,
        }
        while not self.stopped.wait(KILL_EVERY_S):
            name = self.rng.choice(sorted(victims))
            victims[name]()
            self.kills[name] += 1

    def _number(self) -> int:
        """In the second half, one web server and one worker are left alone, so that they grow old enough to be weighed."""
        is_second_half = time.monotonic() - self.begun > self.length_s / 2
        return 1 if is_second_half else self.rng.choice([1, 2])

    def _kill_web(self) -> None:
        self._kill_processes(self.site.web[self._number()], "run_pages")

    def _kill_reconciler(self) -> None:
        self._kill_processes(self.site.reconciler, "run_reconciler")

    def _kill_processes(self, part: Server, command: str) -> None:
        for pid in self.site.processes_of(part, command):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _kill_worker(self) -> None:
        number = self._number()
        self.site.workers[number].kill_all()
        pause(self.rng.uniform(0, 5))
        self.site.start_worker(number)

    def _kill_job(self) -> None:
        self._kill_processes(self.site.workers[self._number()], "run_worker")

    def _kill_broker(self) -> None:
        self.site.broker.kill_all()
        pause(self.rng.uniform(0, 5))
        self.site.start_broker()

    # What must hold

    def watch(self) -> None:
        weighed_at = 0.0
        while not self.stopped.wait(LOOK_EVERY_S):
            self.site.look()
            self._look_for_the_untold()
            if time.monotonic() - weighed_at > WEIGHED_EVERY_S:
                weighed_at = time.monotonic()
                self._weigh()

    def _look_for_the_untold(self) -> None:
        """A task whose process is gone, and whose row does not say so."""
        now = time.monotonic()
        dead = {held for held, worker in self.site.database.ask(HELD) if not is_alive(int(worker.rpartition(":")[2]))}
        self.dead_since = {held: self.dead_since.get(held, now) for held in dead}
        for held, since in self.dead_since.items():
            self.longest_untold_s = max(self.longest_untold_s, now - since)
            assert now - since <= TOLD_WITHIN_S, (
                f"{held} is running, and its worker has been dead for {now - since:.0f} s"
            )

    def _weigh(self) -> None:
        now = time.monotonic()
        parts = [*self.site.web.values(), *self.site.workers.values(), self.site.reconciler]
        named = {part.process.pid: f"{part.name}: its parent process" for part in parts}
        for part in parts:
            for pid, words in descendants(part.process.pid).items():
                kind = next((kind for command, kind in COMMANDS.items() if command in words), None)
                if kind:
                    named[pid] = f"{part.name}: {kind}"
        for pid, name in named.items():
            with suppress(FileNotFoundError, ProcessLookupError):
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                weights = self.weights.setdefault(pid, Weights(name, now))
                weights.samples.append((now - weights.begun, pages * os.sysconf("SC_PAGE_SIZE") / 1e6))

    # The whole

    def run(self) -> None:
        """Raise what the first of its threads raises."""
        loops = (self.start_runs, self.write_comments, self.draw_maps, self.kill_at_random, self.watch)
        with ThreadPoolExecutor(len(loops)) as pool:
            try:
                running: list[Future[None]] = [pool.submit(loop) for loop in loops]
                end = self.begun + self.length_s
                while time.monotonic() < end and not any(each.done() for each in running):
                    pause(LOOK_EVERY_S)
            finally:
                self.stopped.set()
        for each in running:
            each.result()
        self.site.until_healthy()
        self.site.until_all_ended()
        self._until_maps_are_drawn()
        assert all(TWICE in row[-1] for row in self._failed_runs()), self._failed_runs()
        query = "select count(*) from decisions_comment where text like 'soak %'"
        saved = int(self.site.database.ask(query)[0][0])
        assert self.comments_saved <= saved <= self.comments_sent, (self.comments_saved, saved, self.comments_sent)

    def _failed_runs(self) -> list[list[str]]:
        return self.site.database.ask("select id, error_text from decisions_run where state = 'failed'")

    def _until_maps_are_drawn(self) -> None:
        eventually(lambda: not self._unfinished_maps(), START_S, lambda: f"maps: {self._unfinished_maps()}")

    def _unfinished_maps(self) -> list[list[str]]:
        states = self.site.database.ask("select id, state, error_text from decisions_sweep")
        return [row for row in states if row[1] != "succeeded" and TWICE not in row[2]]

    def print_tables(self) -> None:
        minutes = self.length_s / 60
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        refused = ", ".join(f"{count} {what}" for what, count in sorted(self.refused.items()) if count) or "none"
        retried = self.site.database.ask("select count(*) from decisions_run where attempt > 1")[0][0]
        parts = self.site.database.ask("select count(*), sum(lost_leases) from decisions_sweeppart")[0]
        failed_maps = self.site.database.ask("select count(*) from decisions_sweep where state = 'failed'")[0][0]
        rows = [
            ("length", f"{minutes:g} min"),
            ("killed", f"{self.kills.total()}: {kills}"),
            (
                "runs acknowledged",
                f"{len(self.site.acknowledged)}; each ended once, {retried} at a later attempt; "
                f"{len(self._failed_runs())} failed, killed for the second time",
            ),
            (
                "maps",
                f"{len(self.maps)} of {parts[0]} parts, {parts[1]} leases lost; {failed_maps} failed, killed for the second time",
            ),
            ("comments", f"{self.comments_saved} answered, every one kept"),
            ("requests without an answer, asked again", refused),
            ("longest that a run showed a dead worker as at work", f"{self.longest_untold_s:.1f} s"),
        ]
        print("\n| | |\n| --- | --- |")
        for row in rows:
            print(f"| {' | '.join(row)} |")
        print("\n| process | lived | after warm-up | at the end | growth |\n| --- | --- | --- | --- | --- |")
        for weights in sorted(self.weights.values(), key=lambda each: each.name):
            if growth := weights.growth():
                warm, last = growth
                change = f"{(last - warm) / warm:+.1%}"
                print(f"| {weights.name} | {weights.age_s / 60:.0f} min | {warm:.0f} MB | {last:.0f} MB | {change} |")

    def check_memory(self) -> None:
        grown = {each.name: each.growth() for each in self.weights.values()}
        too_much = {name: pair for name, pair in grown.items() if pair and pair[1] > pair[0] * (1 + GROWTH_ALLOWED)}
        assert not too_much, f"grown by more than {GROWTH_ALLOWED:.0%}: {too_much}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of victims and moments (default 1)")
    parser.add_argument("--folder", help="kept afterwards, with all logs")
    given = parser.parse_args()
    with scratch_folder(given.folder) as folder, ExitStack() as stack:
        site = FaultySite(folder, stack)
        site.start()
        soak = Soak(site, given.seed, 60 * given.minutes)
        try:
            soak.run()
        finally:
            soak.print_tables()
        soak.check_memory()


if __name__ == "__main__":
    main()
