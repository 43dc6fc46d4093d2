"""The dead letters of a run under way, by the command that people use: looked into, taken up again, thrown away; and what is kept of them."""

import json
import socket
import time
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from advisor.decisions.jobs import dead_letters
from advisor.decisions.models import Decision, EngineName, Run
from advisor.decisions.services.runs import RunRequest, request_run
from advisor.teams.models import User
from core.processes.message_broker import socket_url
from simulator.live.run import folders
from simulator.live.run.design_run import DesignRun, DesignSetup, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.engine import remaining_dead_letters
from simulator.live.system.clock import RunClock
from simulator.live.system.journal import EventType, Journal, Reader
from simulator.scenario import Scenario
from simulator.traces import Trace
from tests.live.fakes_clients import a_plan, a_scenario

SPEED = 5.0
HALF_POISON = Scenario.model_validate(
    {
        "seed": 2,
        "arrivals": {"process": "trace", "trace": "steady"},
        "service": {"distribution": "deterministic", "mean_s": 2},
        "failures": {"poison_percent": 50},
        "event_driven": {"consumers": 8, "queues": {"urgent": 50, "standard": 50}, "delivery": {"method": "sse"}},
    }
)
ARRIVALS_S = np.linspace(0, 20, 24)


pytestmark = pytest.mark.usefixtures("place")


class Keeper:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.taken_up: dict[str, Any] = {}
        self.came_back: dict[str, Any] = {}
        self.thrown_away = 0

    def says(self, *arguments: str) -> dict[str, Any]:
        output = StringIO()
        call_command("dead_letters", str(self.run.pk), *arguments, "--format", "json", stdout=output)
        return dict(json.loads(output.getvalue()))

    def __call__(self, design_run: DesignRun | None) -> None:
        if design_run is None or self.thrown_away:
            return
        letters = self.says()["dead_letters"]
        if letters and not self.taken_up:
            self.taken_up = letters[0]
            assert self.says("--requeue", str(letters[0]["job"])) == {"requeued": 1}
            assert self.says("--requeue", str(letters[0]["job"])) == {"requeued": 0}
        again = [letter for letter in letters if letter["job"] == self.taken_up.get("job") and letter["attempts"] == 2]
        if again:
            self.came_back = again[0]
            self.thrown_away = self.says("--empty")["thrown_away"]
            left = {(letter["job"], letter["attempts"]) for letter in self.says()["dead_letters"]}
            assert not left & {(letter["job"], letter["attempts"]) for letter in letters}, "others may have died since"


@pytest.mark.django_db
def test_a_dead_letter_is_taken_up_again_by_command_and_others_are_thrown_away(decision: Decision, user: User) -> None:
    run = request_run(decision.latest(), user, "one", RunRequest(engine=EngineName.LIVE))
    jobs = draw_jobs(HALF_POISON, "event_driven", trace=Trace(ARRIVALS_S))
    keeper = Keeper(run)
    with folders.run_folder(str(run.pk)) as folder:
        design_run = run_design(
            DesignSetup(HALF_POISON, "event_driven", jobs, SPEED, 20.0, "document_extraction"), folder, keeper
        )
    assert keeper.came_back["at_s"] > keeper.taken_up["at_s"] > 2
    assert keeper.came_back["queue"] in HALF_POISON.event_driven.queues
    assert "500" in keeper.came_back["reason"]
    assert keeper.thrown_away >= 1
    tally = design_run.tally()
    assert tally.counts["dead_lettered"] == int(jobs.poison.sum()), "what is thrown away stays given up"
    kept = {letter.job: letter for letter in remaining_dead_letters(design_run)}
    assert set(kept) == set(np.flatnonzero(jobs.poison))
    assert kept[keeper.taken_up["job"]].attempts == 2
    assert kept[keeper.taken_up["job"]].at_s == pytest.approx(keeper.came_back["at_s"], abs=0.05 * SPEED)


@pytest.mark.django_db
def test_of_a_run_that_has_ended_nothing_can_be_taken_up(decision: Decision, user: User) -> None:
    run = request_run(decision.latest(), user, "one", RunRequest(engine=EngineName.LIVE))
    assert dead_letters.list_dead_letters(run) == ((), False)
    with pytest.raises(CommandError, match="not under way"):
        call_command("dead_letters", str(run.pk), "--empty")


@pytest.mark.django_db
def test_a_broker_that_does_not_answer_counts_as_none(decision: Decision, user: User) -> None:
    run = request_run(decision.latest(), user, "one", RunRequest(engine=EngineName.LIVE))
    with folders.run_folder(str(run.pk)) as folder, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(folder / "broker.sock"))
        silent.listen()
        (folder / "event_driven").mkdir()
        url = f"{socket_url(folder / 'broker.sock')}&socket_timeout=0.1"
        config, _ = a_plan(folder / "event_driven", a_scenario(), broker=url)
        config.write()
        config.begin(time.monotonic_ns())
        assert dead_letters.list_dead_letters(run) == ((), False)


def test_a_dead_letter_that_was_delivered_too_often_says_so(tmp_path: Path) -> None:
    """The answer came after the last lease: the model is not at fault."""
    scenario = a_scenario(jobs=2, event_driven={"lease_s": 0.001, "max_deliveries": 1})
    history = [(EventType.STARTED, 0.0), (EventType.GAVE_UP, 1.0), (EventType.ANSWERED, 200.0), (EventType.UNUSED, 1.0)]
    with Journal(tmp_path / "consumers-0.journal") as journal:
        for what, value in history:
            journal.write(what, 0, value=value)
        for what, value in ((EventType.ANSWERED, 500.0), (EventType.GAVE_UP, 1.0)):
            journal.write(what, 1, value=value)
    setup = DesignSetup(scenario, "event_driven", draw_jobs(scenario, "event_driven"), 1.0, 1.0, "document_extraction")
    run = DesignRun(setup, RunClock(0, 1.0), "", Reader(tmp_path).more())
    reasons = [letter.reason for letter in remaining_dead_letters(run)]
    assert reasons == [
        "delivered too often: its lease or its consumer ended before the work did",
        "the model answered 500",
    ]
