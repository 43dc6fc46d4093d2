"""Faults done to real sites, again and again: `python -m tests.faults.table [--seeds N] [--first SEED] [--only WORD ...]` prints a Markdown table.

A seed decides the victim and the moment; each seed goes through all faults, and Ctrl-C ends it with the table so far. After each fault
every run that was acknowledged must have ended once, as it should.
"""

import argparse
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from tests.faults.hosted import COMPILER, LONG, SHORT, FaultySite, pause, seconds_until, stopped
from tests.hosting.parts import scratch_folder
from tests.sites import END_S, START_S, descendants, eventually, own_environment

TOLD_WITHIN_S = 30.0
SAVED_WITHIN_S = 2.0
LOCK_ANSWERED_WITHIN_S = 5.0
LIMIT_S = 8
KILLED = "killed by signal 9"
AT_ONCE = 8
MANY = 1_000


@dataclass(frozen=True)
class Fault:
    name: str
    act: Callable[[FaultySite, random.Random], float]
    """Returns the seconds until the user was told, or had an answer."""
    within_s: float = TOLD_WITHIN_S
    is_seeded: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    """Of the workers."""
    needs: str = ""
    """What is missing on this machine, if something is."""


@dataclass
class Results:
    seconds: list[float] = field(default_factory=list)
    """Of each try that held."""
    broken: int = 0


def until_told_of_retry(site: FaultySite, run: str, attempt: int, since: float, *words: str) -> float:
    """Until the run's page says that its worker is gone, or another attempt is under way and the page shows that."""

    def is_told() -> bool:
        return site.attempt(run) > attempt or any(word in site.page(f"/runs/{run}") for word in (*words, ", retrying"))

    return seconds_until(is_told, since, lambda: f"{run} is {site.columns(run, 'state, attempt, progress_step')}")


def kill_the_process_of_a_job(site: FaultySite, rng: random.Random) -> float:
    run = site.begin_mix(rng)
    attempt, begun = site.attempt(run), time.monotonic()
    os.kill(site.holder(run), signal.SIGKILL)
    told_s = until_told_of_retry(site, run, attempt, begun, KILLED)
    site.until_all_ended()
    assert site.columns(run, "lost_leases") == ["1"]
    return told_s


def kill_it_twice(site: FaultySite, rng: random.Random) -> float:
    run = site.begin_mix(rng, end="failed")
    os.kill(site.holder(run), signal.SIGKILL)
    eventually(lambda: site.columns(run, "attempt, state") == ["2", "running"], START_S, lambda: "not retried")
    begun = time.monotonic()
    os.kill(site.holder(run), signal.SIGKILL)
    site.until_page_says(f"/runs/{run}", f"{KILLED} (SIGKILL) twice on this simulation")
    return time.monotonic() - begun


def kill_a_worker_and_its_parent(site: FaultySite, rng: random.Random) -> float:
    run = site.begin_mix(rng)
    holder, attempt, begun = site.holder(run), site.attempt(run), time.monotonic()
    number = next(n for n, worker in site.workers.items() if holder in descendants(worker.process.pid))
    site.workers[number].kill_all()
    told_s = until_told_of_retry(site, run, attempt, begun)
    site.start_worker(number)
    return told_s


def hang_the_process_of_a_job(site: FaultySite, rng: random.Random) -> float:
    run = site.begin_mix(rng)
    attempt, begun = site.attempt(run), time.monotonic()
    with stopped([site.holder(run)]):
        told_s = until_told_of_retry(site, run, attempt, begun)
        pause(rng.uniform(0, 5))  # the one that wakes up then has lost the run
    return told_s


def die_between_dequeue_and_start(site: FaultySite, rng: random.Random) -> float:
    """The broker hands jobs to workers that hang; they are killed with them."""
    waiting = site.worker_processes()
    with stopped(waiting):
        runs = [site.begin_run() for _ in range(rng.randint(1, 4))]
        pause(rng.uniform(0, 2))
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()

    def have_begun() -> bool:
        return all(site.attempt(run) > 0 for run in runs)

    return seconds_until(have_begun, begun, lambda: "A run was not queued again")


def kill_the_broker(site: FaultySite, rng: random.Random) -> float:
    return _without_broker(site, rng, is_emptied=False)


def kill_and_empty_the_broker(site: FaultySite, rng: random.Random) -> float:
    return _without_broker(site, rng, is_emptied=True)


def _without_broker(site: FaultySite, rng: random.Random, is_emptied: bool) -> float:
    site.begin_mix(rng)
    site.broker.kill_all()
    begun = time.monotonic()
    site.begin_run()
    answered_s = time.monotonic() - begun
    assert "The run is saved" in site.press_simulate()
    pause(rng.uniform(0, 10))
    if is_emptied:
        for file in site.folder.glob("appendonlydir/*"):
            file.unlink()
    site.start_broker()
    site.until_all_ended()
    return answered_s


def hang_the_broker(site: FaultySite, rng: random.Random) -> float:
    site.begin_mix(rng)
    with stopped([site.broker.process.pid]):
        begun = time.monotonic()
        site.begin_run()
        answered_s = time.monotonic() - begun
        assert "The run is saved" in site.press_simulate()
        pause(rng.uniform(0, 20))
    return answered_s


def fill_the_brokers_memory(site: FaultySite, rng: random.Random) -> float:
    site.begin_mix(rng)
    begun = time.monotonic()
    site.ask_broker("config", "set", "maxmemory", "1")
    try:
        page = site.press_simulate()
        assert "The run is saved" in page, page[:500]
        assert "its memory is full" in site.health()["broker"], site.health()
        assert "its memory is full" in site.page("/operations")
        told_s = time.monotonic() - begun
        pause(rng.uniform(0, 12))
    finally:
        site.ask_broker("config", "set", "maxmemory", "0")
    return told_s


def change_policies_while_running(site: FaultySite, rng: random.Random) -> float:
    """Quota, retention and eviction, in any order, while runs wait and are under way."""
    run = site.begin_mix(rng)
    shown_s: list[float] = []

    def lower_the_quota() -> None:
        values = f"('{site.workspace}', 1, 1, 1)"
        columns = "(workspace_id, share, most_at_once, most_queued)"
        change = "do update set most_at_once = 1, most_queued = 1"
        site.database.ask(
            f"insert into decisions_workspacequota {columns} values {values} on conflict (workspace_id) {change}"  # noqa: S608
        )
        statuses = [site.request_run()[0] for _ in range(4)]
        assert 429 in statuses, statuses

    def delete_the_old() -> None:
        site.manage(site.environment | {"CROSSOVER_RUNS_KEPT_DAYS": "1"}, "prune")

    def let_the_broker_evict() -> None:
        begun = time.monotonic()
        policy = rng.choice(["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl", "allkeys-random"])
        site.ask_broker("config", "set", "maxmemory-policy", policy)
        assert policy in site.health()["broker"]
        shown_s.append(time.monotonic() - begun)

    changes = [lower_the_quota, delete_the_old, let_the_broker_evict]
    rng.shuffle(changes)
    try:
        for change in changes:
            change()
        site.until_all_ended()
    finally:
        site.database.ask(f"delete from decisions_workspacequota where workspace_id = '{site.workspace}'")  # noqa: S608
        site.ask_broker("config", "set", "maxmemory-policy", "noeviction")
    assert site.columns(run, "attempt, state") == ["1", "succeeded"]
    return shown_s[0]


def kill_a_web_server(site: FaultySite, rng: random.Random) -> float:
    run = site.begin_mix(rng)
    number = rng.choice(sorted(site.web))
    (pid,) = site.processes_of(site.web[number], "run_pages")
    begun = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    site.until_page_says(f"/runs/{run}", "Simulat")
    told_s = time.monotonic() - begun
    site.begin_run()
    return told_s


def kill_reconciler_and_job(site: FaultySite, rng: random.Random) -> float:
    run = site.begin_mix(rng)
    attempt, begun = site.attempt(run), time.monotonic()
    for pid in (*site.processes_of(site.reconciler, "run_reconciler"), site.holder(run)):
        os.kill(pid, signal.SIGKILL)
    return until_told_of_retry(site, run, attempt, begun, KILLED)


def restart_the_database(site: FaultySite, rng: random.Random) -> float:
    """As a crash: it recovers from its log."""
    run = site.begin_mix(rng)
    site.database.stop("immediate")
    begun = time.monotonic()
    status = site.ada.open(f"{site.proxy.url}/runs/{run}")[0]
    assert status == 503, status
    told_s = time.monotonic() - begun
    pause(rng.uniform(0, 8))
    site.database.start()
    return told_s


def set_clocks(site: FaultySite, rng: random.Random) -> float:
    """Of some machines, by an hour, forth or back, while runs are under way; and back again."""
    run = site.begin_mix(rng)
    names = [part.name for part in (*site.web.values(), *site.workers.values(), site.reconciler)]
    chosen = rng.sample(names, rng.randint(1, len(names)))
    for name in chosen:
        site.set_clock(name, rng.choice([3600, -3600]))
    begun = time.monotonic()
    late = site.begin_run()
    answered_s = time.monotonic() - begun
    pause(rng.uniform(2, 8))
    assert set(site.health().values()) == {"ok"}, (chosen, site.health())
    site.until_all_ended()
    for name in names:
        site.set_clock(name, 0)
    for each in (run, late):
        assert site.columns(each, "lost_leases") == ["0"], (chosen, site.columns(each, "attempt, state, lost_leases"))
    return answered_s


def run_away(site: FaultySite, rng: random.Random) -> float:
    """A run that is never done: the seconds past its limit until its page says so."""
    run = site.begin_run(1_000, end="timed_out")
    site.begin_run()
    site.until_begun(run)
    begun = time.monotonic()
    site.until_page_says(f"/runs/{run}", f"stopped at its limit of {LIMIT_S} s")
    return time.monotonic() - begun - LIMIT_S


def cancel(site: FaultySite, rng: random.Random) -> float:
    """Whatever state it is in, with a worker that hangs or not."""
    run = site.begin_run(LONG, end="cancelled")
    if rng.random() < 0.7:
        site.until_begun(run, rng.uniform(0, 0.5))
    hung = [site.holder(run)] if site.columns(run, "state") == ["running"] and rng.random() < 0.5 else []
    begun = time.monotonic()
    with stopped(hung):
        site.post(f"/runs/{run}/cancel", f"/runs/{run}", sure="yes")
        site.until_page_says(f"/runs/{run}", "ancelled")
        return time.monotonic() - begun


def press_twice(site: FaultySite, rng: random.Random) -> float:
    """The same key many times at once, by the form and through the API."""
    begun = time.monotonic()
    key = uuid.uuid4().hex
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: site.request_run(rng.choice([SHORT, LONG]), key), range(AT_ONCE)))
    assert {status for status, _ in answers} == {202} and len({run for _, run in answers}) == 1, answers
    key = uuid.uuid4().hex
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = set(pool.map(lambda _: site.start_run(idempotency_key=key), range(AT_ONCE)))
    assert len(runs) == 1, runs
    site.acknowledged[runs.pop()] = "succeeded"
    return time.monotonic() - begun


def queue_a_thousand(site: FaultySite, rng: random.Random) -> float:
    """Until the workspace may queue no more; then all of them. Seconds until the last one is done."""
    under_way = "select count(*) from decisions_run where state in ('queued', 'running')"
    eventually(lambda: site.database.ask(under_way) == [["0"]], START_S)  # those of the examples, too
    with stopped(site.worker_processes()), ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(lambda _: site.request_run()[0], range(MANY + AT_ONCE)))
        assert Counter(statuses) == {202: MANY, 429: AT_ONCE}, Counter(statuses)
        last = next(reversed(site.acknowledged))
        assert re.search(r"\d+ in the queue, counting this one", site.page(f"/runs/{last}"))
    begun = time.monotonic()
    eventually(lambda: site.look() == 0, 20 * 60, lambda: f"{site.look()} do not end")
    return time.monotonic() - begun


def lock_sqlite(site: FaultySite, rng: random.Random) -> float:
    """On a site of one process: another process holds the lock of its database. The longest answer."""
    local, visitor = site.local_site()
    form, answers = f"{local.url}/decisions/new", "template: document_extraction\nname: Another decision\n"
    token = visitor.token_at(form)

    def create(within_s: float) -> tuple[int, float]:
        begun = time.monotonic()
        status = visitor.open(f"{form}/answers", csrfmiddlewaretoken=token, text=answers)[0]
        assert time.monotonic() - begun < within_s, f"{status} after {time.monotonic() - begun:.1f} s"
        return status, time.monotonic() - begun

    with closing(sqlite3.connect(local.data / "crossover.sqlite3", timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, answered_s = create(LOCK_ANSWERED_WITHIN_S)
        assert status == 503, status
        other.execute("ROLLBACK")
    assert create(START_S)[0] == 200
    return answered_s


def start_without_a_writable_folder(site: FaultySite, rng: random.Random) -> float:
    folder = site.folder / "read-only"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "manage.py", "up", "--port", "0", "--data", str(folder)]
    if os.geteuid() == 0:  # whom modes do not hold back
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), *command]
    else:
        folder.chmod(0o500)
    begun = time.monotonic()
    ran = subprocess.run(command, env=own_environment(), capture_output=True, text=True, check=False, timeout=END_S)
    assert ran.returncode == 1 and "cannot be used as the data folder" in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    return time.monotonic() - begun


FAULTS = [
    Fault("the process that runs a job is killed", kill_the_process_of_a_job),
    Fault("it is killed twice on the same run, as when memory runs out", kill_it_twice),
    Fault("a worker and all its processes are killed", kill_a_worker_and_its_parent),
    Fault("the process that runs a job hangs", hang_the_process_of_a_job),
    Fault("a worker dies between dequeue and start", die_between_dequeue_and_start),
    Fault("the broker is killed (append-only file)", kill_the_broker, SAVED_WITHIN_S),
    Fault("the broker is killed and comes back empty", kill_and_empty_the_broker, SAVED_WITHIN_S),
    Fault("the broker hangs", hang_the_broker, SAVED_WITHIN_S),
    Fault("the broker's memory is full", fill_the_brokers_memory),
    Fault("quota, retention and eviction change meanwhile", change_policies_while_running),
    Fault("a web server is killed", kill_a_web_server),
    Fault("reconciler and job are killed", kill_reconciler_and_job),
    Fault("the database crashes and recovers", restart_the_database),
    Fault(
        "clocks of some machines jump by an hour",
        set_clocks,
        needs="" if COMPILER else "a C compiler: apt-get install gcc libc6-dev",
    ),
    Fault("a run is cancelled in any state, its worker hung or not", cancel, SAVED_WITHIN_S),
    Fault("the same key many times at once, form and API", press_twice),
    Fault("SQLite is locked by another process", lock_sqlite, LOCK_ANSWERED_WITHIN_S),
    Fault("the data folder is read-only", start_without_a_writable_folder, is_seeded=False),
    Fault("a runaway job", run_away, 5.0, environment={"CROSSOVER_RUN_TIME_LIMIT_S": str(LIMIT_S)}),
    Fault(f"{MANY:,} queued runs, and more are refused", queue_a_thousand, 20 * 60, is_seeded=False),
]


def try_fault(site: FaultySite, fault: Fault, seed: int) -> float:
    """Raise AssertionError if the invariant or the time does not hold."""
    site.restart_workers(**fault.environment)
    site.until_healthy()
    told_s = fault.act(site, random.Random(f"{fault.name} {seed}"))
    site.until_all_ended()
    assert told_s <= fault.within_s, f"told after {told_s:.1f} s, later than {fault.within_s:g} s"
    return told_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how often each fault is tried (default 20)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0), to try further ones")
    parser.add_argument("--only", nargs="+", default=[""], help="the faults whose names contain one of these")
    parser.add_argument("--folder", help="kept afterwards, with all logs")
    given = parser.parse_args()
    chosen = [fault for fault in FAULTS if any(words in fault.name for words in given.only)]
    results = {fault.name: Results() for fault in chosen}
    with scratch_folder(given.folder) as folder, ExitStack() as stack:
        site = FaultySite(folder, stack)
        site.start()
        try:
            for seed in range(given.first, given.first + given.seeds):
                for fault in chosen:
                    if not fault.needs and (fault.is_seeded or seed == 0):
                        try_and_record(site, fault, seed, results[fault.name])
        finally:
            print_table(chosen, results)
    sys.exit(any(each.broken for each in results.values()))


def try_and_record(site: FaultySite, fault: Fault, seed: int, results: Results) -> None:
    try:
        results.seconds.append(try_fault(site, fault, seed))
        print(f"{fault.name}, seed {seed}: {results.seconds[-1]:.1f} s", flush=True)
    except AssertionError:
        results.broken += 1
        print(f"{fault.name}, seed {seed}: BROKEN\n{traceback.format_exc()}", flush=True)


def print_table(faults: Iterable[Fault], results: Mapping[str, Results]) -> None:
    print("\n| fault | tried | held | longest until told | limit |\n| --- | --- | --- | --- | --- |")
    for fault in faults:
        of = results[fault.name]
        held, longest = len(of.seconds), f"{max(of.seconds):.1f} s" if of.seconds else ""
        limit = f"needs {fault.needs}" if fault.needs else f"{fault.within_s:g} s"
        print(f"| {fault.name} | {held + of.broken} | {held} | {longest} | {limit} |")


if __name__ == "__main__":
    main()
