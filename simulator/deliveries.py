"""Ways of delivering an event-driven result: of each its fields, their encoding, and the sentence on what it costs the caller.

To add one, write its class here, name it in `Delivery`, and add its course to `kernel/deliver.py`;
imports and tests/unit/test_every_case.py say what it lacks.
"""

from abc import ABC, abstractmethod
from math import inf
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from core.closed_sets import cases_of
from core.values import NonNegative, Percent, Positive, Value


class DeliveryMethod(Value, ABC):
    caller_waits: ClassVar[bool]
    """Whether a client waits for the result."""
    learns_of_failure: ClassVar[bool]
    """Whether the client's calls go on until it learns that there will be no result."""

    @abstractmethod
    def encode(self, m: Any) -> None:
        """Write the parameters of `deliver` into the machine."""

    @property
    @abstractmethod
    def inequality(self) -> str:
        """What the callers of the synchronous design do not have; empty if they have the same."""


class PollingDelivery(DeliveryMethod):
    """The client asks every `interval_s`, at a phase of its own. A result that it asks for later than `retention_s` is gone: undelivered."""

    caller_waits: ClassVar[bool] = True
    learns_of_failure: ClassVar[bool] = True
    method: Literal["polling"]
    interval_s: NonNegative = 0
    retention_s: Positive | None = None

    def encode(self, m: Any) -> None:
        m["delivery_a"], m["delivery_b"] = self.interval_s, self.retention_s or inf

    @property
    def inequality(self) -> str:
        if self.interval_s == 0:
            return ""
        return f"Event-driven results are polled for every {self.interval_s:g} s; synchronous answers come at once."


class WebhookDelivery(DeliveryMethod):
    """We call the client at once; a failed call is tried again after each delay of `schedule` in turn (a leading 0 is the first call)."""

    caller_waits: ClassVar[bool] = True
    learns_of_failure: ClassVar[bool] = False
    method: Literal["webhook"]
    failure_percent: Percent = 0
    schedule: Annotated[tuple[NonNegative, ...], Field(strict=False, max_length=50)] = ()
    latency_s: NonNegative = 0

    @property
    def pauses_s(self) -> tuple[float, ...]:
        """Pauses before each call. A schedule that begins with 0 names the first call, any other only the later ones."""
        return self.schedule if self.schedule[:1] == (0,) else (0.0, *self.schedule)

    def encode(self, m: Any) -> None:
        m["delivery_a"], m["delivery_b"] = self.latency_s, self.failure_percent / 100
        m["schedule_count"] = len(self.pauses_s)
        m["schedule"][: len(self.pauses_s)] = self.pauses_s

    @property
    def inequality(self) -> str:
        return f"Event-driven results take a delivery ({self.method}); synchronous answers come in line."


class PushDelivery(DeliveryMethod):
    """We push over an open connection, after `latency_s`; `reconnect_percent` of results find it closed and wait `reconnect_s`."""

    caller_waits: ClassVar[bool] = True
    learns_of_failure: ClassVar[bool] = True
    method: Literal["sse", "websocket"]
    latency_s: NonNegative = 0
    reconnect_percent: Percent = 0
    reconnect_s: NonNegative = 3

    def encode(self, m: Any) -> None:
        m["delivery_a"], m["delivery_b"], m["delivery_c"] = (
            self.latency_s,
            self.reconnect_percent / 100,
            self.reconnect_s,
        )

    @property
    def inequality(self) -> str:
        return f"Event-driven results take a delivery ({self.method}); synchronous answers come in line."


class NoDelivery(DeliveryMethod):
    """No caller waits: a job is complete when its work is done."""

    caller_waits: ClassVar[bool] = False
    learns_of_failure: ClassVar[bool] = False
    method: Literal["none"]

    def encode(self, m: Any) -> None:
        """There are no parameters."""

    @property
    def inequality(self) -> str:
        return ""


Delivery = Annotated[PollingDelivery | WebhookDelivery | PushDelivery | NoDelivery, Field(discriminator="method")]
cases_of(Delivery, "caller_waits", "learns_of_failure", "encode", "inequality")
