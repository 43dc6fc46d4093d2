"""A site is rolled from the code of an earlier commit to today's: `python -m tests.hosting.rolling --from COMMIT [FOLDER]`.

Today's code migrates the database while that of the earlier commit serves and simulates. It needs the history: a shallow clone has none.
"""

import argparse
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.hosting.parts import HostedSite, Server, scratch_folder
from tests.proxies import Visitor
from tests.sites import ROOT, START_S, eventually

LONG = {"jobs": "2000000", "replications": "20"}
"""Seconds of work, so that workers are rolled meanwhile."""
MIGRATIONS = "select app || '.' || name from django_migrations order by id"


def check_out(commit: str, folder: Path, stack: ExitStack) -> Path:
    """A working tree of the commit, which goes with the stack."""
    tree = folder / "earlier"

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True)

    git("worktree", "add", "--detach", str(tree), commit)
    stack.callback(git, "worktree", "remove", "--force", str(tree))
    return tree


class Rolling(HostedSite):
    def __init__(self, folder: Path, stack: ExitStack, commit: str) -> None:
        super().__init__(folder, stack)
        self.earlier = self.tree = check_out(commit, folder, stack)
        self.runs: list[str] = []

    def serve_earlier(self) -> str:
        self.start_servers()
        self.start_parts()
        self.sign_in()
        self.create_decision()
        self.runs.append(self.start_run())
        self.until_done("decisions_run", self.runs[0])
        self.before = self.migrations()
        return f"2 web servers, 2 workers and a reconciler on {len(self.before)} migrations; a run has succeeded"

    def migrations(self) -> list[str]:
        return [name for (name,) in self.database.ask(MIGRATIONS)]

    def migrate_while_it_serves(self) -> str:
        """Web 1 is today's, all else is of the earlier commit: it reads, writes, and simulates what either web server is asked for."""
        self.tree = ROOT
        self.runs.append(self.start_run(**LONG))
        with self.traffic() as traffic:
            eventually(traffic.has_begun, START_S)
            self.restart_web(1)
            read = len(traffic.reads)
            eventually(lambda: len(traffic.reads) > read + 12, START_S)
            self.runs += [self.start_run(), self.start_run()]
            for run in self.runs[-2:]:
                self.until_done("decisions_run", run)
            sweep = self.start_map()
            self.until_done("decisions_sweep", sweep)
        self.open_pages_of_each_web_server(sweep)
        new = [name for name in self.migrations() if name not in self.before]
        assert new, "nothing was migrated: choose an earlier commit"
        return (
            f"{', '.join(new)}; {len(traffic.reads)} pages read and {len(traffic.writes)} comments written meanwhile, "
            "2 runs and a map done by the earlier workers"
        )

    def open_pages_of_each_web_server(self, sweep: str) -> None:
        """By a proxy of its own for each."""
        paths = [
            "/",
            self.decision,
            f"{self.decision}/revisions",
            f"{self.decision}/comments",
            "/workspaces",
            "/account",
        ]
        paths += ["/operations", "/library", f"/maps/{sweep}", *(f"/runs/{run}" for run in self.runs)]
        for number, port in self.ports.items():
            proxy = self.tls_proxy(f"nginx-{number}")
            proxy.start([f"127.0.0.1:{port}"])
            visitor = Visitor(proxy.certificate, self.ada.cookies)
            for path in paths:
                status, address, page = visitor.open(f"{proxy.url}{path}")
                assert (status, address) == (200, f"{proxy.url}{path}"), (
                    f"web {number}: {path}: {status}\n{page[-2000:]}"
                )

    def roll_the_rest(self) -> str:
        with self.traffic() as traffic:
            self.restart_web(2)
            held = self.start_run(**LONG)
            self.runs.append(held)
            running = f"select 1 from decisions_run where id = '{held}' and state = 'running'"  # noqa: S608
            eventually(lambda: bool(self.database.ask(running)), START_S, lambda: "The run does not start")
            for number in (1, 2):
                assert self.workers[number].end() == 0
                self.start_worker(number)
                self.workers[number].until_printed("has started")
            assert self.reconciler.end() == 0
            self.reconciler = self.part("reconciler", "reconciler")
            self.reconciler.until_printed("has started")
        for run in self.runs:
            self.until_done("decisions_run", run)
        lost = int(self.database.ask("select sum(lost_leases) from decisions_run")[0][0])
        assert lost == 0, f"{lost} leases lost"
        attempts = self.database.ask(f"select attempt from decisions_run where id = '{held}'")[0][0]  # noqa: S608
        return (
            f"{len(traffic.reads)} pages read and {len(traffic.writes)} comments written meanwhile; {len(self.runs)} runs, "
            f"none lost; the one that the workers had in hand succeeded at attempt {attempts}"
        )

    def go_back(self) -> str:
        """A web server of the earlier commit starts on today's tables."""
        self.tree = self.earlier
        self.restart_web(1)
        self.tree = ROOT
        assert self.ada.open(f"http://127.0.0.1:{self.ports[1]}/health/serving")[0] == 200
        return "a web server of the earlier commit starts on the migrated database and serves"

    def end_parts(self) -> str:
        parts: list[Server] = [*self.web.values(), *self.workers.values(), self.reconciler]
        assert {part.end() for part in parts} == {0}
        return "all end with 0"


def main(arguments: list[str]) -> None:
    """Raise AssertionError at the first thing that does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosting.rolling")
    parser.add_argument("--from", dest="commit", required=True, help="an earlier commit, whose code serves first")
    parser.add_argument("folder", nargs="?", help="is kept; without it, one is made and removed")
    given = parser.parse_args(arguments)
    with scratch_folder(given.folder) as folder, ExitStack() as stack:
        site = Rolling(folder, stack, given.commit)
        site.step("The earlier version serves", site.serve_earlier)
        site.step("One web server is today's", site.migrate_while_it_serves)
        site.step("The rest is rolled", site.roll_the_rest)
        site.step("One web server back", site.go_back)
        site.step("End", site.end_parts)
        site.print_table()


if __name__ == "__main__":
    main(sys.argv[1:])
