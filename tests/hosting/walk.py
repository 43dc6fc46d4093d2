"""A walk through a hosted site: `python -m tests.hosting.walk [FOLDER]` prints what it showed."""

import json
import sys
from contextlib import ExitStack

from tests.hosting.parts import PASSWORD, HostedSite, scratch_folder
from tests.proxies import Visitor, free_port
from tests.sites import START_S, descendants, eventually

COUNTS = """select (select count(*) from decisions_run), (select count(*) from decisions_comment),
    (select count(*) from decisions_sweeppart)"""


class Walk(HostedSite):
    def run_one(self) -> str:
        self.create_decision()
        run = self.start_run()
        self.until_done("decisions_run", run)
        worker = self.database.ask(f"select worker from decisions_run where id = '{run}'")[0][0]  # noqa: S608
        assert self.ada.open(f"{self.proxy.url}/runs/{run}")[0] == 200
        return f"succeeded on {self.name_of(worker)}"

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
        with self.traffic() as traffic:
            for number in (1, 2):
                eventually(traffic.has_begun, START_S)
                self.restart_web(number)
        read, written = len(traffic.reads), len(traffic.writes)
        return f"{read} pages read and {written} comments written meanwhile, all answered, every comment there once"

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

    def end_parts(self) -> str:
        parts = [*self.web.values(), *self.workers.values(), self.reconciler]
        codes = {part.name: part.end() for part in parts}
        assert set(codes.values()) == {0}, codes
        lines = [line for part in parts for line in part.log.read_text().splitlines() if line.startswith("{")]
        assert lines and all(json.loads(line)["event"] for line in lines)
        return f"all end with 0; {len(lines)} lines of the logs are JSON"


def main(arguments: list[str]) -> None:
    """Raise AssertionError at the first thing that does not hold."""
    with scratch_folder(arguments[0] if arguments else None) as folder, ExitStack() as stack:
        walk = Walk(folder, stack)
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
        walk.print_table()


if __name__ == "__main__":
    main(sys.argv[1:])
