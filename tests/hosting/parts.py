"""A hosted site as processes of one machine, without containers: PostgreSQL, Redis with an append-only file, nginx that ends TLS, web servers,
workers and a reconciler, each with a data folder of its own; on loopback alone, on free ports. They end by their process ids.
"""

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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.proxies import TRUSTED, TlsProxy, Visitor, free_port, listens
from tests.sites import END_S, ROOT, START_S, descendants, eventually, own_environment

PASSWORD = "correct-horse-battery-9"
LINK = re.compile(r"This link makes the first administrator, once: (https://\S+)")
ANSWERS = "template: document_extraction\nname: A hosted decision\nvolume: {mean_rate_per_s: 2}\n"
MAP = {"x": "processing.p95_s", "y": "", "jobs": "3000"}
SIGNED_OUT = 302
"""In place of the status of a page that led to the sign-in page."""
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
            with suppress(ProcessLookupError):
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
        self.start()
        self.run("createdb", "crossover")

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=200"
        self._run(
            "pg_ctl", "-D", f"{self.folder}/data", "-w", "-t", "60", "-l", f"{self.folder}/log", "-o", options, "start"
        )

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "stop")

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


class HostedSite:
    """Its parts, and what its first administrator does."""

    decision: str
    """The address of the decision that is simulated."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.web: dict[int, Server] = {}
        self.workers: dict[int, Server] = {}
        self.ada = Visitor()
        self.tree = ROOT
        """Whose code the parts run that are started from now on."""
        self.rows: list[tuple[str, float, str]] = []

    def step(self, title: str, act: Callable[[], str]) -> None:
        """Add a row to the table of what was done, with its seconds."""
        begun = time.monotonic()
        outcome = act()
        self.rows.append((title, time.monotonic() - begun, outcome))
        print(f"{title} ({self.rows[-1][1]:.1f} s): {outcome}", flush=True)

    def print_table(self) -> None:
        total_s = sum(seconds for _, seconds, _ in self.rows)
        print(f"\nAll of it in {total_s:.0f} s:\n\n| step | seconds | what it showed |\n| --- | --- | --- |")
        for title, seconds, outcome in self.rows:
            print(f"| {title} | {seconds:.1f} | {outcome} |")

    def part(self, name: str, role: str, *options: str, **environment: str) -> Server:
        """One part of the site, with its own data folder."""
        command = [sys.executable, str(self.tree / "manage.py"), "up", "--role", role, *options]
        command += ["--data", str(self.folder / name.replace(" ", "-"))]
        server = Server(name, self.folder, command, self.environment | environment)
        self.stack.callback(server.end)
        return server

    def start_servers(self) -> str:
        self.database = Database(self.folder)
        self.stack.callback(self.database.stop)
        self.redis_port = free_port()
        self.start_broker()
        self.proxy = self.tls_proxy("nginx")
        self.ports = {1: free_port(), 2: free_port()}
        self.proxy.start([f"127.0.0.1:{port}" for port in self.ports.values()])
        self.environment = own_environment() | {
            "DATABASE_URL": self.database.url(),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "CROSSOVER_SECRET_KEY": uuid.uuid4().hex * 2,
            "CROSSOVER_PUBLIC_URL": self.proxy.url,
            "CROSSOVER_TRUSTED_PROXIES": TRUSTED,
            "CROSSOVER_LOG_FORMAT": "json",
        }
        return "PostgreSQL, Redis with an append-only file, nginx with TLS"

    def start_broker(self) -> None:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.redis_port), "--appendonly", "yes"]
        self.broker = Server("redis", self.folder, [*command, "--save", "", "--dir", str(self.folder)], os.environ)
        self.stack.callback(self.broker.end)
        eventually(lambda: listens(self.redis_port), START_S)

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

    def restart_web(self, number: int) -> None:
        """End a web server well, and start it again; return once it answers pages."""
        code = self.web[number].end()
        assert code == 0, f"web {number} ended with {code}:\n{self.web[number].log.read_text()[-2000:]}"
        self.start_web(number)
        self.web[number].until_printed("Crossover is at")
        eventually(lambda: self.is_ready(number, "serving"), START_S)

    @contextmanager
    def traffic(self) -> Iterator["Traffic"]:
        """People read and write meanwhile; at the end every request has been answered, and every comment is there once."""
        before = self.count_notes()
        with Traffic(self) as traffic:
            yield traffic
        failed = [status for status in (*traffic.reads, *traffic.writes) if status != 200]
        asked = len(traffic.reads) + len(traffic.writes)
        assert not failed, f"{len(failed)} of {asked} failed: {sorted(set(failed))}"
        kept = self.count_notes() - before
        assert kept == len(traffic.writes), f"{kept} comments of {len(traffic.writes)} that were answered"

    def count_notes(self) -> int:
        return int(self.database.ask("select count(*) from decisions_comment where text like 'note %'")[0][0])

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

    def create_decision(self) -> None:
        self.decision = self.post("/decisions/new/answers", "/decisions/new", text=ANSWERS)

    def start_run(self, **fields: str) -> str:
        fields = {"version": "1", "idempotency_key": uuid.uuid4().hex} | fields
        address = self.post(f"{self.decision}/simulate", self.decision, **fields)
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

    def manage(self, environment: Mapping[str, str], *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        ran = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr


class Traffic:
    """Two people who read and one who writes, until the context ends. Statuses, one for each answer."""

    def __init__(self, site: HostedSite) -> None:
        self.site = site
        self.reads: list[int] = []
        self.writes: list[int] = []
        self._asked_to_stop = threading.Event()
        self._clients = [threading.Thread(target=client) for client in (self._read, self._read, self._write)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._asked_to_stop.set()
        for client in self._clients:
            client.join()

    def has_begun(self) -> bool:
        return bool(self.reads and self.writes)

    def _read(self) -> None:
        reader = Visitor(self.site.proxy.certificate, self.site.ada.cookies)
        while not self._asked_to_stop.is_set():
            for path in ("/", self.site.decision, "/handbook"):
                asked = f"{self.site.proxy.url}{path}"
                status, address, _ = reader.open(asked)
                self.reads.append(status if address == asked else SIGNED_OUT)

    def _write(self) -> None:
        writer = Visitor(self.site.proxy.certificate, self.site.ada.cookies)
        page = f"{self.site.proxy.url}{self.site.decision}"
        while not self._asked_to_stop.is_set():
            self.writes.append(writer.open(f"{page}/comments/add", page, text=f"note {uuid.uuid4()}")[0])


@contextmanager
def scratch_folder(given: str | None) -> Iterator[Path]:
    """The given folder, kept; or one that is removed afterwards. SIGTERM ends the program as Ctrl-C does, so that nothing is left over."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if given:
        Path(given).mkdir(parents=True)
        yield Path(given).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="crossover-walk-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
