"""Each step that a task of the event-driven design takes, on a real broker and without the processes: what holds between any two of them."""

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from rq import Queue

from simulator.live import broker
from simulator.live.run.fork_server import process_environment
from simulator.live.run.processes import end_all
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven import consuming, due
from simulator.live.system.event_driven.consuming import claim, use
from simulator.live.system.event_driven.desk import ALIVE, CALLING, EVENTS, HANDLE, RUNNING, WAITING, Desk, Task
from simulator.live.system.event_driven.due import DEATHS_ALLOWED, Scheduler
from simulator.live.system.event_driven.hands import Consumers
from simulator.live.system.event_driven.worker import ThreadWorker
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.provider_client import Reply
from tests.live.fakes_clients import a_plan, a_scenario

CLOCK = RunClock(0, 1.0)
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="x-desk-", dir="/tmp") as place:
        process = broker.start(Path(place), process_environment())
        try:
            broker.wait_for(process, Path(place), PATIENCE_S, lambda: None)
            yield broker.socket_url(Path(place) / "broker.sock")
        finally:
            end_all([process])


class House:
    """A plan with two subscribers beside the caller, its desk and its scheduler."""

    def __init__(self, folder: Path, server: str, **given: Any) -> None:
        scenario = a_scenario(**{"jobs": 3, "subscribers": {"count": 3, "handling_p95_s": 0.002}} | given)
        self.plan: ProcessConfig
        self.jobs: Jobs
        self.plan, self.jobs = a_plan(folder, scenario, broker=server)
        self.desk = Desk(self.plan, self.jobs)
        self.desk.connection.flushall()
        self.scheduler = Scheduler(self.plan, self.jobs, CLOCK)
        self._journal = Journal(folder / "consume-0.journal")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.close()

    def consumers(self, name: str, call: Callable[[int, int], Reply]) -> Consumers:
        """From now on the functions that rq calls are those of this process."""
        provider: Any = type("Fake", (), {"call": staticmethod(call)})
        made = Consumers(self.plan, self.jobs, CLOCK, self._journal, self.desk, provider, name)
        use(made)
        return made

    def take(self, queue: Queue) -> Any:
        """As a worker does it: to the list of what has been taken; the rq job."""
        _, name = ThreadWorker.queue_class.lmove(self.desk.connection, queue.key, None)
        return queue.fetch_job(name.decode())

    def queued(self, queue: Queue) -> list[str]:
        return [str(Task.named(name)) for name in queue.job_ids]

    def events(self) -> list[str]:
        return [fields[b"event"].decode() for _, fields in self.desk.connection.xrange(EVENTS)]

    def held(self) -> set[str]:
        return {member.decode() for member in self.desk.connection.smembers(RUNNING)}


@pytest.fixture
def house(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(due, "UNCLAIMED_S", 0.0)
    with House(tmp_path, server) as house:
        yield house


def done(job: int, attempt: int) -> Reply:
    return Reply(200, "text \u2028 \0 ☃")


def broken(job: int, attempt: int) -> Reply:
    raise RuntimeError("the consumer's own fault")


def test_a_step_is_taken_whole_or_not_at_all(house: House) -> None:
    for there in (False, True):
        if there:
            house.desk.connection.sadd("from", "it")
        step = house.desk.step()
        step.srem("from", "it")
        step.sadd("to", "it")
        assert house.desk.move(step) is there
        assert house.desk.connection.scard("to") == there


def test_a_result_and_all_that_goes_with_it_come_in_one_step(house: House) -> None:
    house.desk.enqueue(0, 0)
    queue = house.desk.queue_of(0)
    house.consumers("a", done)
    claim(house.take(queue))
    assert house.held() == {"attempt-0-0 a"}
    consuming.attempt(0, 0)
    assert house.held() == set()
    assert house.events() == ["queued", "started", "done"]
    assert [house.queued(each) for each in house.desk.queues] == [[], ["handle-0-0"], ["handle-0-1"]]
    assert house.desk.connection.xrange(EVENTS)[-1][1][b"text"].decode() == "text \u2028 \0 ☃"


def test_what_another_has_taken_up_is_not_begun(house: House) -> None:
    """A worker that is slow between taking and beginning: its task stands at the head of its queue again, and it leaves it alone."""
    for job in (0, 1):
        house.desk.enqueue(job, 0)
    queue = house.desk.queue_of(0)
    taken = house.take(queue)
    house.scheduler.look()
    assert house.queued(queue) == ["attempt-0-0", "attempt-1-0"]
    house.consumers("a", broken)
    claim(taken)
    consuming.attempt(0, 0)
    assert house.held() == set()
    house.consumers("b", done)
    claim(house.take(queue))
    consuming.attempt(0, 0)
    assert house.events().count("done") == 1


def test_a_subscribers_task_that_was_taken_and_not_begun_is_put_back(house: House) -> None:
    step = house.desk.step()
    house.desk.fan_out(step, 0)
    step.execute()
    queue = house.desk.queue_named("subscriber-1")
    assert house.take(queue).func_name == HANDLE
    assert house.queued(queue) == []
    house.scheduler.look()
    assert house.queued(queue) == ["handle-0-1"]


@pytest.mark.parametrize("reply", [Reply(200, "late"), Reply(500)])
def test_who_is_only_thought_dead_ends_nothing_any_more(house: House, reply: Reply) -> None:
    """Its call comes back after the attempt was taken up: neither its result nor its failure counts beside those of the second."""
    house.desk.enqueue(0, 0)
    queue = house.desk.queue_of(0)

    def call(job: int, attempt: int) -> Reply:
        house.scheduler.look()
        return reply

    house.consumers("slow", call)
    claim(house.take(queue))
    consuming.attempt(0, 0)
    assert house.queued(queue) == ["attempt-0-0"]
    assert house.events() == ["queued", "started", "queued"]
    assert not list(house.desk.dead_letters())


def test_who_is_alive_keeps_what_it_has(house: House) -> None:
    house.desk.enqueue(0, 0)
    queue = house.desk.queue_of(0)
    house.desk.connection.set(ALIVE + "a", 1)
    house.consumers("a", done)
    claim(house.take(queue))
    house.scheduler.look()
    assert house.held() == {"attempt-0-0 a"}
    assert house.queued(queue) == []


def test_a_task_that_breaks_its_consumer_each_time_is_given_up(house: House) -> None:
    house.desk.enqueue(0, 0)
    queue = house.desk.queue_of(0)
    house.desk.connection.set(ALIVE + "a", 1)
    house.consumers("a", broken)
    for _ in range(1 + DEATHS_ALLOWED):
        claim(house.take(queue))
        with pytest.raises(RuntimeError):
            consuming.attempt(0, 0)
        house.scheduler.look()
    assert house.held() == set()
    assert house.queued(queue) == []
    assert [(letter.job, letter.reason) for letter in house.desk.dead_letters()] == [(0, "its consumer died each time")]
    assert house.events()[-1] == "dead_lettered"


def test_what_a_dead_process_had_at_the_provider_or_in_line_is_free_again(house: House) -> None:
    """Its calls, its place in the line, and a subscriber's handling."""
    connection = house.desk.connection
    connection.hset(CALLING, "ticket", json.dumps(["dead", [0.0, 0.0, False, False]]))
    connection.zadd(WAITING, {json.dumps(["enter", "other", 0.0, 0.0, "dead"]): 1})
    connection.sadd(RUNNING, "handle-2-0 dead")
    house.scheduler.look()
    assert not connection.exists(CALLING, WAITING)
    assert house.queued(house.desk.queue_named("subscriber-0")) == ["handle-2-0"]


def test_what_has_expired_is_dropped_when_it_is_taken(tmp_path: Path, server: str) -> None:
    with House(tmp_path, server, event_driven={"expires_s": 1.0}) as house:
        house.desk.enqueue(0, 0)
        house.consumers("a", broken)
        claim(house.take(house.desk.queue_of(0)))
        consuming.attempt(0, 0)
        assert house.events() == ["queued", "expired"]
        assert house.held() == set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_that_cannot_say_that_it_is_alive_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others take up what it has; it must not go on taking more."""
    ended = threading.Event()

    class Deaf:
        beats = 0

        def set(self, *_: object, **__: object) -> None:
            self.beats += 1
            if self.beats > 1:
                raise ConnectionError

    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    house.desk.connection = Deaf()
    house.consumers("a", done).show_alive()
    assert ended.wait(PATIENCE_S)
