"""A hosted site part by part on one machine, without containers: `python -m tests.hosting.walk [FOLDER]` prints what it showed.

PostgreSQL, Redis with an append-only file, nginx that ends TLS, two web servers, two workers and a reconciler, each a process of its own
with a data folder of its own; on loopback alone, on free ports. It ends the processes that it started, by their ids.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.proxies import TRUSTED, TlsProxy, Visitor, free_port, listens
from tests.sites import END_S, ROOT, START_S, descendants, eventually, own_environment

PASSWORD = "correct-horse-battery-9"
LINK = re.compile(r"This link makes the first administrator, once: (https://\S+)")
ANSWERS = "template: document_extraction\nname: A hosted decision\nvolume: {mean_rate_per_s: 2}\n"
MAP = {"x": "processing.p95_s", "y": "", "jobs": "3000"}
COUNTS = """select (select count(*) from decisions_run), (select count(*) from decisions_comment),
    (select count(*) from decisions_sweeppart)"""
MIGRATING = "Bringing the database up to date"


class Server:
    """A process with a log of its own, which ends by its process id."""

    def __init__(self, name: str, folder: Path, command: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name.replace(' ', '-')}-{uuid.uuid4().hex[:6]}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )

    def has_printed(self, text: str) -> bool:
        """Whether its log contains the text; fails if it has ended without."""
        written = self.log.read_text()
        assert text in written or self.process.poll() is None, f"The {self.name} ended:\n{written[-3000:]}"
        return text in written

    def until_printed(self, text: str) -> None:
        eventually(lambda: self.has_printed(text), START_S, lambda: f"{self.name}:\n{self.log.read_text()[-3000:]}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(END_S)

    def kill_all(self) -> None:
        """With SIGKILL, it and everything that it has started."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(END_S)


class Database:
    """A PostgreSQL of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "postgres"
        self.folder.mkdir(mode=0o711)
        self.port = free_port()
        candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        initdb = shutil.which("initdb") or (str(candidates[-1]) if candidates else None)
        assert initdb, "PostgreSQL is not installed: apt-get install postgresql"
        self.programs = Path(initdb).resolve().parent
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", "crossover", "--no-sync")
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder}"
        self._run(
            "pg_ctl", "-D", f"{self.folder}/data", "-w", "-t", "60", "-l", f"{self.folder}/log", "-o", options, "start"
        )
        self.run("createdb", "crossover")

    def _run(self, program: str, *arguments: str) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*prefix, str(self.programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def run(self, program: str, *arguments: str) -> str:
        connection = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "crossover"]
        command = [str(self.programs / program), *connection, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout

    def ask(self, query: str, database: str = "crossover") -> list[list[str]]:
        """The rows, each value as text."""
        printed = self.run("psql", "-At", "-F", "\t", "-d", database, "-c", query)
        return [line.split("\t") for line in printed.splitlines()]

    def url(self, database: str = "crossover") -> str:
        return f"postgres://crossover@127.0.0.1:{self.port}/{database}"

    def end(self) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "fast", "stop")


class Walk:
    """The site, and a table of what was done: a row a step with its seconds."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.rows: list[tuple[str, float, str]] = []
        self.web: dict[int, Server] = {}
        self.workers: dict[int, Server] = {}
        self.ada = Visitor()

    def step(self, title: str, act: Callable[[], str]) -> None:
        begun = time.monotonic()
        outcome = act()
        self.rows.append((title, time.monotonic() - begun, outcome))
        print(f"{title} ({self.rows[-1][1]:.1f} s): {outcome}", flush=True)

    def part(self, name: str, role: str, *options: str, **environment: str) -> Server:
        """One part of the site, with its own data folder."""
        command = [sys.executable, str(ROOT / "manage.py"), "up", "--role", role, *options]
        command += ["--data", str(self.folder / name.replace(" ", "-"))]
        server = Server(name, self.folder, command, self.environment | environment)
        self.stack.callback(server.end)
        return server

    def start_servers(self) -> str:
        self.database = Database(self.folder)
        self.stack.callback(self.database.end)
        redis_port = free_port()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(redis_port), "--appendonly", "yes"]
        broker = Server("redis", self.folder, [*command, "--save", "", "--dir", str(self.folder)], os.environ)
        self.stack.callback(broker.end)
        eventually(lambda: listens(redis_port), START_S)
        self.proxy = self.tls_proxy("nginx")
        self.ports = {1: free_port(), 2: free_port()}
        self.proxy.start([f"127.0.0.1:{port}" for port in self.ports.values()])
        self.environment = own_environment() | {
            "DATABASE_URL": self.database.url(),
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "CROSSOVER_SECRET_KEY": uuid.uuid4().hex * 2,
            "CROSSOVER_PUBLIC_URL": self.proxy.url,
            "CROSSOVER_TRUSTED_PROXIES": TRUSTED,
            "CROSSOVER_LOG_FORMAT": "json",
        }
        return "PostgreSQL, Redis with an append-only file, nginx with TLS"

    def tls_proxy(self, name: str) -> TlsProxy:
        folder = self.folder / name
        folder.mkdir()
        proxy = TlsProxy(folder)
        self.stack.callback(proxy.end)
        return proxy

    def start_web(self, number: int) -> None:
        self.web[number] = self.part(f"web {number}", "web", "--port", str(self.ports[number]), "--web", "1")

    def start_worker(self, number: int) -> None:
        self.workers[number] = self.part(f"worker {number}", "worker", "--workers", "1")

    def start_parts(self) -> str:
        """All at once, on an empty database."""
        for number in (1, 2):
            self.start_web(number)
            self.start_worker(number)
        self.reconciler = self.part("reconciler", "reconciler")
        for part in self.web.values():
            part.until_printed("Crossover is at")
        for part in (*self.workers.values(), self.reconciler):
            part.until_printed("has started")
        eventually(lambda: self.is_ready(1) and self.is_ready(2), START_S, lambda: "The site is not ready")
        migrated = [part.name for part in self.web.values() if part.has_printed(MIGRATING)]
        assert len(migrated) == 1, f"The database was migrated by {migrated}"
        return f"2 web servers, 2 workers, a reconciler; {migrated[0]} alone migrated the empty database"

    def is_ready(self, number: int, page: str = "ready") -> bool:
        return (
            listens(self.ports[number])
            and Visitor().open(f"http://127.0.0.1:{self.ports[number]}/health/{page}")[0] == 200
        )

    def sign_in(self) -> str:
        links = {match[1] for part in self.web.values() if (match := LINK.search(part.log.read_text()))}
        assert len(links) == 1, links
        maker = Visitor(self.proxy.certificate)
        given = {"username": "ada", "password": PASSWORD, "again": PASSWORD, "name": "Platform"}
        assert maker.open(links.pop(), **given)[0] == 200
        self.ada = Visitor(self.proxy.certificate)
        signed_in = self.ada.open(f"{self.proxy.url}/accounts/login/", username="ada", password=PASSWORD)
        assert signed_in[:2] == (200, f"{self.proxy.url}/"), signed_in[:2]
        stranger = Visitor(self.proxy.certificate).open(f"{self.proxy.url}/decisions/new")
        assert stranger[1].startswith(f"{self.proxy.url}/accounts/login/"), stranger[1]
        return "first administrator by the link that both printed, then by password over TLS; strangers are sent to sign in"

    def post(self, path: str, form_at: str, **fields: str) -> str:
        """Where it led."""
        status, address, page = self.ada.open(f"{self.proxy.url}{path}", f"{self.proxy.url}{form_at}", **fields)
        assert status == 200, f"{path}: {status}\n{re.sub(r'<[^>]*>', ' ', page)[-3000:]}"
        return urlsplit(address).path

    def run_one(self) -> str:
        self.decision = self.post("/decisions/new/answers", "/decisions/new", text=ANSWERS)
        run = self.start_run()
        self.until_done("decisions_run", run)
        worker = self.database.ask(f"select worker from decisions_run where id = '{run}'")[0][0]  # noqa: S608
        assert self.ada.open(f"{self.proxy.url}/runs/{run}")[0] == 200
        return f"succeeded on {self.name_of(worker)}"

    def start_run(self, **fields: str) -> str:
        key = uuid.uuid4().hex
        address = self.post(f"{self.decision}/simulate", self.decision, version="1", idempotency_key=key, **fields)
        assert address.startswith("/runs/"), address
        return address.removeprefix("/runs/")

    def until_done(self, table: str, row: str) -> None:
        def state() -> str:
            return self.database.ask(f"select state from {table} where id = '{row}'")[0][0]  # noqa: S608

        eventually(lambda: state() not in ("queued", "running"), START_S, lambda: f"{table} {row} is {state()}")
        assert state() == "succeeded", f"{table} {row} is {state()}"

    def name_of(self, worker: str) -> str:
        """The worker's name here, from HOST:PID of a row."""
        pid = int(worker.rpartition(":")[2])
        named = [part.name for part in self.workers.values() if pid in descendants(part.process.pid)]
        return named[0] if named else worker

    def start_map(self) -> str:
        address = self.post(
            f"{self.decision}/map/start", f"{self.decision}/map", idempotency_key=uuid.uuid4().hex, **MAP
        )
        return address.removeprefix("/maps/")

    def parts_of(self, sweep: str) -> list[list[str]]:
        """Worker, state and number of parts."""
        query = "select worker, state, count(*), sum(lost_leases) from decisions_sweeppart where sweep_id = '{}' group by 1, 2"
        return self.database.ask(query.format(sweep))

    def map_over_both(self) -> str:
        sweep = self.start_map()
        self.until_done("decisions_sweep", sweep)
        done = {self.name_of(worker): int(count) for worker, _, count, _ in self.parts_of(sweep)}
        assert set(done) == {"worker 1", "worker 2"}, done
        return ", ".join(f"{name} {count} parts" for name, count in sorted(done.items()))

    def kill_a_worker(self) -> str:
        sweep = self.start_map()
        victim = self.workers[1]
        pids = {str(pid) for pid in descendants(victim.process.pid)}

        def is_at_work() -> bool:
            held = [worker for worker, state, *_ in self.parts_of(sweep) if state == "running"]
            return any(worker.rpartition(":")[2] in pids for worker in held)

        eventually(is_at_work, START_S, lambda: f"worker 1 holds no part: {self.parts_of(sweep)}")
        victim.kill_all()
        self.until_done("decisions_sweep", sweep)
        parts = self.parts_of(sweep)
        lost = sum(int(lost) for *_, lost in parts)
        assert {state for _, state, *_ in parts} == {"done"} and lost >= 1, parts
        self.start_worker(1)
        self.workers[1].until_printed("has started")
        return f"killed with a part in hand: {sum(int(row[2]) for row in parts)} of them done, {lost} of them again by another"

    def roll_web(self) -> str:
        """One web server after the other is ended and started again, while people read and write."""
        asked_to_stop = threading.Event()
        reads: list[int] = []
        writes: list[int] = []

        def read() -> None:
            reader = Visitor(self.proxy.certificate, self.ada.cookies)
            while not asked_to_stop.is_set():
                reads.extend(reader.open(f"{self.proxy.url}{path}")[0] for path in ("/", self.decision, "/handbook"))

        def write() -> None:
            writer = Visitor(self.proxy.certificate, self.ada.cookies)
            page = f"{self.proxy.url}{self.decision}"
            while not asked_to_stop.is_set():
                writes.append(writer.open(f"{page}/comments/add", page, text=f"note {uuid.uuid4()}")[0])

        clients = [threading.Thread(target=client) for client in (read, read, write)]
        for client in clients:
            client.start()
        try:
            for number in (1, 2):
                eventually(lambda: len(reads) > 0 and len(writes) > 0, START_S)
                code = self.web[number].end()
                assert code == 0, f"web {number} ended with {code}:\n{self.web[number].log.read_text()[-2000:]}"
                self.start_web(number)
                self.web[number].until_printed("Crossover is at")
                eventually(lambda number=number: self.is_ready(number, "serving"), START_S)  # type: ignore[misc]
        finally:
            asked_to_stop.set()
            for client in clients:
                client.join()
        failed = [status for status in (*reads, *writes) if status != 200]
        assert not failed, f"{len(failed)} of {len(reads) + len(writes)} failed: {sorted(set(failed))}"
        kept = int(self.database.ask("select count(*) from decisions_comment where text like 'note %'")[0][0])
        assert kept == len(writes), f"{kept} comments of {len(writes)} that were answered"
        return f"{len(reads)} pages read and {len(writes)} comments written meanwhile, all answered, every comment there once"

    def roll_worker(self) -> str:
        run = self.start_run(jobs="2000000", replications="20")

        def holder() -> str:
            return self.database.ask(f"select worker from decisions_run where id = '{run}' and state = 'running'")  # type: ignore[return-value]  # noqa: S608

        eventually(lambda: bool(holder()), START_S, lambda: "The run does not start")
        name = self.name_of(holder()[0][0])
        number = int(name.split()[-1])
        code = self.workers[number].end()
        assert code == 0, code
        self.start_worker(number)
        self.until_done("decisions_run", run)
        attempt, lost = self.database.ask(f"select attempt, lost_leases from decisions_run where id = '{run}'")[0]  # noqa: S608
        assert lost == "0", f"attempt {attempt}, {lost} leases lost"
        return f"{name} ended with a run in hand, gave it back, and it succeeded at attempt {attempt}"

    def restore_backup(self) -> str:
        """Into a second, empty database, which a web server of its own then serves under an address of its own."""
        backup = str(self.folder / "backup.zip")
        self.manage(self.environment, "backup", backup)
        self.database.run("createdb", "restored")
        proxy = self.tls_proxy("nginx-restored")
        port = free_port()
        proxy.start([f"127.0.0.1:{port}"])
        apart = {
            "DATABASE_URL": self.database.url("restored"),
            "REDIS_URL": self.environment["REDIS_URL"].removesuffix("0") + "1",
            "CROSSOVER_PUBLIC_URL": proxy.url,
        }
        self.manage(self.environment | apart, "restore", backup)
        before, after = self.database.ask(COUNTS), self.database.ask(COUNTS, "restored")
        assert before == after, (before, after)
        restored = self.part("web of the backup", "web", "--port", str(port), **apart)
        restored.until_printed("Crossover is at")
        ada = Visitor(proxy.certificate)
        signed_in = ada.open(f"{proxy.url}/accounts/login/", username="ada", password=PASSWORD)
        assert signed_in[:2] == (200, f"{proxy.url}/"), signed_in[:2]
        status, _, page = ada.open(f"{proxy.url}{self.decision}")
        assert status == 200 and "A hosted decision" in page, status
        restored.end()
        runs, comments, parts = after[0]
        return (
            f"{runs} runs, {comments} comments, {parts} parts of maps; "
            "a web server on the restored database lets the administrator in and shows the decision"
        )

    def manage(self, environment: Mapping[str, str], *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        ran = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr

    def end_parts(self) -> str:
        parts = [*self.web.values(), *self.workers.values(), self.reconciler]
        codes = {part.name: part.end() for part in parts}
        assert set(codes.values()) == {0}, codes
        lines = [line for part in parts for line in part.log.read_text().splitlines() if line.startswith("{")]
        assert lines and all(json.loads(line)["event"] for line in lines)
        return f"all end with 0; {len(lines)} lines of the logs are JSON"


@contextmanager
def scratch_folder(given: str | None) -> Iterator[Path]:
    """The given folder, kept; or one that is removed afterwards."""
    if given:
        Path(given).mkdir(parents=True)
        yield Path(given).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="crossover-walk-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def main(arguments: list[str]) -> None:
    """Raise AssertionError at the first thing that does not hold."""
    with scratch_folder(arguments[0] if arguments else None) as folder, ExitStack() as stack:
        walk = Walk(folder, stack)
        begun = time.monotonic()
        walk.step("Servers", walk.start_servers)
        walk.step("Parts", walk.start_parts)
        walk.step("Sign-in", walk.sign_in)
        walk.step("A run", walk.run_one)
        walk.step("A map", walk.map_over_both)
        walk.step("A worker killed", walk.kill_a_worker)
        walk.step("Web rolled", walk.roll_web)
        walk.step("A worker rolled", walk.roll_worker)
        walk.step("Backup restored", walk.restore_backup)
        walk.step("End", walk.end_parts)
        print(
            f"\nAll of it in {time.monotonic() - begun:.0f} s:\n\n| step | seconds | what it showed |\n| --- | --- | --- |"
        )
        for title, seconds, outcome in walk.rows:
            print(f"| {title} | {seconds:.1f} | {outcome} |")


if __name__ == "__main__":
    main(sys.argv[1:])
