"""The configuration of every process of a live run: one file, written by the controller before it starts them."""

from pathlib import Path
from typing import Annotated, Literal, Self, assert_never
from urllib.parse import urlsplit

from pydantic import Field

from core.values import Positive, Value
from simulator.live.system.clock import RunClock
from simulator.result import WorkerKind
from simulator.scenario import Scenario

Address = Annotated[str, Field(pattern=r"^http://127\.0\.0\.1:\d{1,5}$")]


MOST_HANDLERS = 200
"""Workers that handle results for subscribers, of all of them together."""


class ExternalEndpoint(Value):
    """An OpenAI-compatible server that replaces the sample endpoint. Its key is sent to the processes that call it, and is in no file.

    The caps are of a whole run. Each design gets half of the calls and of the time, so that the first cannot spend what the second needs.
    """

    url: Annotated[str, Field(min_length=8, max_length=2048)]
    """As the official client takes it: `https://host/v1`."""
    model: Annotated[str, Field(min_length=1, max_length=200)]
    max_calls: Annotated[int, Field(ge=2, le=1_000_000)]
    max_tokens_a_call: Annotated[int, Field(ge=1, le=100_000)]
    """Output tokens; each call asks the server for at most these, and what it reports is counted."""
    max_seconds: Positive
    """Real seconds in which calls may be under way, both designs together."""
    tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit on a call's tokens."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def calls_a_design(self) -> int:
        return self.max_calls // 2

    @property
    def seconds_a_design(self) -> float:
        return self.max_seconds / 2


class ProcessConfig(Value):
    scenario: Scenario
    design: Literal["synchronous", "event_driven"]
    speed: Positive
    jobs: int
    workload: str
    folder: str
    """Of the run: `plan.json`, `jobs.npz`, journals, logs, the broker's socket and data."""
    broker: str
    """The URL of the run's own broker: unix://…, database 0. It has no other keys."""
    endpoint: Address
    """The sample AI endpoint; the OpenAI base URL is this + /v1."""
    service: Address
    clients: Address
    """The clients' own server, for webhooks and calls to subscribers."""
    external: ExternalEndpoint | None = None
    token: str
    """Of this run alone: every service of the run requires it, every client of the run sends it (`http.make_application`)."""
    webhook_secret: str
    """Of this run alone, in the form of Standard Webhooks (whsec_ and base64)."""
    drain_limit_s: Positive = 60.0
    """Real seconds that the clients wait for results after the last arrival, at most."""
    workers: WorkerKind = "threads"

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def limits_socket(self) -> Path:
        return self.path / "limits.sock"

    @property
    def limits_calls(self) -> bool:
        provider = self.scenario.provider
        paces = provider.is_limited and not provider.is_unpaced
        return paces or self.scenario.event_driven.breaker is not None

    def priority_of(self, place: int) -> int:
        match self.scenario.event_driven.discipline:
            case "strict":
                return place
            case "dedicated" | "weighted":
                return 0
            case _:
                assert_never(self.scenario.event_driven.discipline)

    def begin(self, started_ns: int) -> None:
        """Write the Scenario's zero (`time.monotonic_ns`) to a file, which `clock` reads."""
        self._write("begun", str(started_ns))

    def clock(self) -> RunClock:
        """The run's clock. Raises FileNotFoundError before it has begun."""
        return RunClock(int((self.path / "begun").read_text()), self.speed)

    def journal(self, process: str) -> Path:
        return self.path / f"{process}.journal"

    def log(self, process: str) -> Path:
        return self.path / f"{process}.log"

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.model_validate_json(path.read_text())

    def write(self) -> None:
        self._write("plan.json", self.model_dump_json(by_alias=True))

    def _write(self, name: str, text: str) -> None:
        written = self.path / f"{name}.new"
        written.write_text(text)
        written.replace(self.path / name)  # at once: pages read the files of a run under way
