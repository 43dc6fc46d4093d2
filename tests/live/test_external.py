"""An external endpoint in the sample endpoint's place: called with its key, within its caps, by both designs; and the key is nowhere."""

from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from core.errors import CannotRun, InvalidInput
from simulator.live.run import engine
from simulator.live.run.run_plan import plan_live_run
from simulator.live.system.config import ExternalEndpoint
from simulator.replications import Progress
from simulator.result import Result
from simulator.scenario import Scenario
from tests.live.fakes_kills import KnownProcesses, kill
from tests.live.fakes_outside import StandIn

KEY = "sk-nobody-may-see-this-4711"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr("simulator.live.run.calibrate.SECONDS", 0.5)


def scenario(**given: object) -> Scenario:
    return Scenario.model_validate(
        {
            "seed": 3,
            "arrivals": {"process": "poisson", "rate_per_s": 12},
            "service": {"distribution": "deterministic", "mean_s": 0.5},
            "deadline_s": 5,
            "failures": {"transient_percent": 50, "poison_percent": 20},
            "retries": {"max": 1, "base_s": 0.05},
            "synchronous": {"workers": 8, "client_timeout_s": 5},
            "event_driven": {"consumers": 8, "delivery": {"method": "sse"}},
        }
        | given
    )


def allowed(url: str, **given: Any) -> ExternalEndpoint:
    values = {"url": url, "model": "some-model", "max_calls": 60, "max_tokens_a_call": 50, "max_seconds": 8.0}
    return ExternalEndpoint.model_validate(values | given)


class Onlooker:
    def __init__(self, place: Path) -> None:
        self.place, self.seen, self.looks = place, b"", 0

    def __call__(self, progress: Progress) -> None:
        self.looks += 1
        self.seen += repr(progress).encode()
        for path in self.place.rglob("*"):
            if path.is_file():
                self.seen += path.read_bytes()
            elif path.name == "broker.sock":
                self.ask(path)
        for given in (each for name in ("cmdline", "environ") for each in Path("/proc").glob(f"[0-9]*/{name}")):
            try:
                self.seen += given.read_bytes()
            except OSError:
                continue  # it has ended

    def ask(self, socket: Path) -> None:
        try:
            with redis.Redis(unix_socket_path=str(socket)) as broker:
                for key in broker.scan_iter(count=1000):
                    self.seen += key + b" " + (broker.dump(key) or b"")
        except redis.RedisError:
            return  # it starts, or has ended


def run(stand_in: StandIn, watch: Any = None, **caps: Any) -> Result:
    return engine.simulate_live(
        scenario(), external=allowed(stand_in.url, **caps), key=SecretStr(KEY), on_progress=watch or (lambda _: None)
    )


def test_it_answers_both_designs_in_real_time_and_the_report_says_so(place: Path) -> None:
    with StandIn().serving() as stand_in:
        result = run(stand_in)
    live = result.live
    assert live is not None and live.endpoint is not None
    use = live.endpoint
    assert set(stand_in.keys) == {f"Bearer {KEY}"}
    assert {(body["model"], body["max_tokens"]) for body in stand_in.bodies} == {("some-model", 50)}
    assert use.calls == len(stand_in.keys) == 2 * live.jobs
    assert (use.failed_calls, use.input_tokens, use.output_tokens) == (0, 300 * use.calls, 7 * use.calls)
    assert (live.speed, use.model, use.cut) == (1.0, "some-model", {})
    assert f"http://{use.host}/v1" == stand_in.url
    for design in (result.synchronous, result.event_driven):
        assert design.completed == design.offered == live.jobs
    assert use.call_s.mean is not None and use.call_s.mean < use.scenario_mean_s == 0.5
    for predicted in (live.predicted_synchronous, live.predicted_event_driven):
        assert predicted.latency_s.p50 is not None
        assert predicted.latency_s.p50 < 0.25, "made of the calls' own times, not of the half second of the Scenario"
    assert live.predicted_synchronous.failed == live.predicted_event_driven.dead_lettered == 0


def test_the_key_is_nowhere_though_the_server_repeats_it(
    place: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    onlooker = Onlooker(place)
    with StandIn(fails=2).serving() as stand_in:
        result = run(stand_in, onlooker)
    assert result.live is not None and result.live.endpoint is not None
    assert result.live.endpoint.failed_calls > 5
    assert onlooker.looks > 20
    printed = capfd.readouterr()
    everything = onlooker.seen.decode(errors="replace") + result.model_dump_json() + repr(result)
    everything += caplog.text + printed.out + printed.err
    assert "[key]" in everything, "its words were kept"
    for start in range(len(KEY) - 8):
        assert KEY[start : start + 8] not in everything


@pytest.mark.parametrize(
    ("caps", "fails", "why"),
    [({"max_calls": 10}, 2, "calls"), pytest.param({"max_tokens_a_call": 2}, 2, "tokens", marks=pytest.mark.full)],
)
def test_no_cap_is_passed_and_the_report_says_which_has_cut_the_run_short(
    caps: dict[str, Any], fails: int, why: str
) -> None:
    """Each design has half; a server that uses more tokens than it was asked to is stopped by the total."""
    with StandIn(lasts_s=0.0, fails=fails).serving() as stand_in:
        result = run(stand_in, **caps)
    assert result.live is not None and result.live.endpoint is not None
    use = result.live.endpoint
    most_calls = caps.get("max_calls", 60)
    assert len(stand_in.keys) == use.calls <= most_calls
    assert set(use.cut.values()) == {why}
    if why == "tokens":
        assert use.calls < most_calls
        assert use.output_tokens <= 60 * 2 + 2 * 8 * 7  # what was under way in either design when its share was used
    for design in (result.synchronous, result.event_driven):
        assert design.offered == result.live.jobs


@pytest.mark.full
def test_a_consumer_process_that_is_killed_in_its_calls_passes_no_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that takes its place uses the same budget; what the killed one had booked stays booked."""
    monkeypatch.setattr("simulator.live.run.design_run.ProcessGroup", KnownProcesses)
    before, killed = 0, False

    def watch(progress: Progress) -> None:
        nonlocal before, killed
        if progress.step != "Running the event-driven design live":
            before = len(stand_in.keys)
        elif not killed and len(stand_in.keys) - before >= 5:  # in two processes of four threads
            kill("consumers-0")
            killed = True

    with StandIn(lasts_s=0.8).serving() as stand_in:
        result = run(stand_in, watch, max_calls=30, max_seconds=12.0)
    assert killed and result.live is not None and result.live.endpoint is not None
    assert result.live.restarts == 1
    use, design = result.live.endpoint, result.event_driven
    assert len(stand_in.keys) <= use.calls <= 30
    assert set(stand_in.keys) == {f"Bearer {KEY}"}, "the one that takes its place has the key"
    assert design.offered == design.completed + design.in_system + design.undecided, (
        "rq keeps the jobs that it had in hand"
    )
    assert use.calls > result.synchronous.provider_calls + design.completed


def test_a_run_whose_calls_are_all_refused_is_no_result_and_says_what_it_was_told() -> None:
    """A wrong key must not look like a design that fails; nor need the other design, or the rest of the calls, be spent on it."""
    with StandIn(lasts_s=0.0, fails=1, refuses_with=401).serving() as stand_in, pytest.raises(CannotRun) as stopped:
        run(stand_in)
    text = str(stopped.value)
    assert "some-model at 127.0.0.1" in text and "401" in text and "has failed us" in text
    assert KEY not in text and KEY[:12] not in text
    assert len(stand_in.keys) < 60


def test_a_window_is_cut_to_what_the_calls_and_the_time_allow() -> None:
    plenty = plan_live_run(scenario(), external=allowed("http://127.0.0.1:1/v1", max_calls=10_000, max_seconds=100.0))
    assert plenty.window.length_s == pytest.approx(25, rel=0.05)
    few = plan_live_run(scenario(), external=allowed("http://127.0.0.1:1/v1", max_calls=20, max_seconds=100.0))
    assert few.window.jobs == pytest.approx(8, abs=1)
    assert few.window.jobs <= 8
    assert few.most_calls == 20
    assert few.most_output_tokens == 1000
    burst = scenario(arrivals={"process": "bursts", "rate_per_s": 1, "peak_to_mean": 20, "peak_s": 60, "every_s": 3600})
    assert plan_live_run(burst, external=allowed("http://127.0.0.1:1/v1", max_calls=40)).window.jobs <= 16


def test_an_outside_endpoint_has_no_speed_and_no_workload_that_this_machine_cannot_bear() -> None:
    external = allowed("http://127.0.0.1:1/v1")
    with pytest.raises(InvalidInput, match=r"speed.*real time"):
        plan_live_run(scenario(), speed=2.0, external=external)
    with pytest.raises(InvalidInput, match=r"endpoint.*real time, and"):
        plan_live_run(scenario(service={"distribution": "exponential", "mean_s": 0.01}), external=external)
