"""What pages and decisions load: never the processes of a live run, which start where a run does."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LIVE = "simulator.live"
MAY_BE_LOADED = {
    "errors",
    "run",
    "run.compare",
    "run.draw_jobs",
    "run.folders",
    "run.machine_capacity",
    "run.run_plan",
    "run.support",
    "run.window",
    "system",
    "system.clock",
    "system.config",
    "system.jobs",
    "system.key_order",
    "system.queues",
    "system.redeliveries",
}
"""What plans a run, and reads the dead letters of one under way."""
LOAD = """
import pkgutil, sys
import django
django.setup()
import advisor.decisions, advisor.web, advisor.web.urls
for package in (advisor.decisions, advisor.web):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if ".migrations" not in module.name and ".management." not in module.name:
            __import__(module.name)
print(*sys.modules)
"""


def test_pages_and_decisions_load_no_process_of_a_live_run() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    ran = subprocess.run([sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "advisor.decisions.engines" in loaded
    live = {name.removeprefix(f"{LIVE}.") for name in loaded if name.startswith(f"{LIVE}.")}
    assert live <= MAY_BE_LOADED, "import it where a live run starts, as `_simulate_live` does"
    assert not loaded & {"aiohttp", "openai"}
