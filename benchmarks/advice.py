"""Milliseconds for one recommendation, and from a keystroke in the questionnaire to the advice with its evidence, as the server takes them.

Run as a module it measures keystrokes on a database of its own, in the folder that CROSSOVER_DATA names, and prints the figures as JSON.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import TYPE_CHECKING, NamedTuple

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise
from advisor.advice.templates import TEMPLATES
from core.paths import nested
from core.processes.child_process import MEMORY_SETTINGS
from core.processes.shared_work import copies_allowed
from simulator.replications import warm

if TYPE_CHECKING:
    from advisor.decisions.models import Decision

ROUNDS, ROUNDS_WITH_FLIPS = 5, 1
"""Each with answers of its own, as what was simulated before is kept."""
DONT_KNOW = {"unknown": True}
UNKNOWN = ("volume.mean_rate_per_s", "processing.p95_s", "caller.deadline_s", "failures.transient_percent")
KEYSTROKES = 5
"""On each template."""
PEOPLE, STROKES_TOGETHER, PAUSE_S = 20, 3, 0.5
"""Who type at once, each in a decision of their own."""
KB_A_MB = 1024 if sys.platform == "linux" else 1024**2
PATIENCE_S = 120
SETTLED = re.compile(r'/decisions/[0-9a-f-]+/advice/settled\?version=\d+(?:&amp;shows=\w+)?(?=")')
"""Where a page asks for the advice with its evidence, if the answer to the keystroke has only that of the forces."""


def advice_figures(templates: Sequence[str] = tuple(TEMPLATES), rounds: int = ROUNDS) -> dict[str, float]:
    warm()
    return {
        "ms": _median_ms(templates, rounds, flips=False),
        "ms_with_flips": _median_ms(templates, ROUNDS_WITH_FLIPS, flips=True),
        "ms_with_flips_and_samples": _median_ms(templates, ROUNDS_WITH_FLIPS, flips=True, unknown=UNKNOWN),
    }


def _median_ms(templates: Sequence[str], rounds: int, *, flips: bool, unknown: Sequence[str] = ()) -> float:
    times = []
    for round_number in range(rounds):
        for name in templates:
            given = dict.fromkeys(unknown, DONT_KNOW) | {"failures.backoff_cap_s": 61 + round_number + 10 * flips}
            answers = answers_from({"template": name, **nested(given)})
            begun = perf_counter()
            with copies_allowed():  # as the command does
                advise(answers, flips=flips)
            times.append(1000 * (perf_counter() - begun))
    return round(median(times), 3)


def typing_figures(keystrokes: int = KEYSTROKES, people: int = PEOPLE) -> dict[str, float]:
    """Of one person and of many who type at once; and the memory of the process that answers them, with the simulator loaded."""
    with tempfile.TemporaryDirectory(prefix="crossover-bench-") as folder:
        environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        environment = MEMORY_SETTINGS | environment
        environment |= {
            "CROSSOVER_DATA": folder,
            "CROSSOVER_MODE": "local",
            "DJANGO_SETTINGS_MODULE": "advisor.settings",
        }
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "benchmarks.advice", str(keystrokes), str(people)],
            cwd=Path(__file__).resolve().parents[1],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measured(keystrokes: int, people: int) -> dict[str, float]:
    from django.core.management import call_command

    from advisor.decisions.services.decisions import create_decision
    from advisor.teams.services.accounts import local_user_and_workspace

    call_command("migrate", verbosity=0)
    user, workspace = local_user_and_workspace()
    warm()
    decisions = [create_decision(workspace, user, {"template": name}) for name in TEMPLATES]
    alone = [wait for decision in decisions for wait in _type(decision, keystrokes)]
    many = [create_decision(workspace, user, {"template": name}) for name in islice(cycle(TEMPLATES), people)]
    with ThreadPoolExecutor(people) as pool:
        together = [
            wait for waits in pool.map(lambda one: _type(one, STROKES_TOGETHER, PAUSE_S), many) for wait in waits
        ]
    settled_ms = sorted(wait.settled_ms for wait in alone)
    return {
        "keystroke_ms": median(settled_ms),
        "keystroke_p95_ms": settled_ms[int(0.95 * len(settled_ms))],
        "together_answer_ms": max(wait.answer_ms for wait in together),
        "together_settled_ms": max(wait.settled_ms for wait in together),
        "memory_mb": _peak_memory_mb(),
    }


def _peak_memory_mb() -> float:
    """Of this program: on Linux, what `resource` reports includes the peak of the process that started it."""
    if sys.platform == "linux":
        (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return int(peak_kb) / KB_A_MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_A_MB


class _Wait(NamedTuple):
    answer_ms: float
    """Until the page shows the advice, of the forces at least."""
    settled_ms: float
    """Until it shows the evidence as well."""


def _type(decision: "Decision", strokes: int, pause_s: float = 0.0) -> list[_Wait]:
    """What one person waits for who types."""
    from django.db import connection
    from django.http import HttpResponse
    from django.test import Client
    from django.urls import reverse

    from advisor.teams.middleware import admit

    client = Client(SERVER_NAME="localhost", headers={"HX-Request": "true"})
    admitted = HttpResponse()
    admit(admitted)
    client.cookies = admitted.cookies
    client.handler.load_middleware()  # which a site does once, and not for each person
    waits = []
    address, p95_s = reverse("save-answers", args=[decision.pk]), decision.latest().answers.processing.p95_s
    for stroke in range(1, strokes + 1):
        typed = {"version": decision.draft_version, "processing.p95_s": f"{p95_s * (1 + stroke / 100):.6g}"}
        begun = perf_counter()
        answer = client.post(address, typed)
        answered = perf_counter()
        while rest := SETTLED.search(answer.content.decode()):
            answer = client.get(unescape(rest[0]))
        waits.append(_Wait(1000 * (answered - begun), 1000 * (perf_counter() - begun)))
        if answer.status_code != 200 or not answer.content:  # a browser that is not admitted gets an empty answer
            raise RuntimeError(f"the server answered {answer.status_code}, {len(answer.content)} bytes")
        decision.refresh_from_db()
        sleep(pause_s)
    connection.close()
    return waits


if __name__ == "__main__":
    import django

    django.setup()
    figures = _measured(*map(int, sys.argv[1:] or (KEYSTROKES, PEOPLE)))
    sys.stdout.write(json.dumps({name: round(value, 2) for name, value in figures.items()}) + "\n")
