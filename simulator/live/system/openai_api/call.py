"""A call to the model, whatever its protocol: what is asked, what is answered, and the errors."""

import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from simulator.live.system.workloads import CHARACTERS_A_TOKEN

MODEL = "sample"
JOB, ATTEMPT, PROBES = "X-Crossover-Job", "X-Crossover-Attempt", "X-Crossover-Probes"
"""Headers of the run's own calls: whose call it is, so that it gets that job's draws. Failed probes of a circuit breaker are no attempts."""
RETRY_AFTER_MS = "retry-after-ms"


def model_object(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_750_000_000, "owned_by": "crossover"}


@dataclass(frozen=True)
class ModelRequest:
    model: str
    prompt: str
    streams: bool = False
    usage_wanted: bool = False
    max_tokens: int | None = None
    inputs: tuple[str, ...] = ()
    """Of a call for several embeddings."""
    as_base64: bool = False


@dataclass(eq=False)
class Fault(Exception):
    status: int
    message: str
    kind: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None

    def body(self) -> dict[str, Any]:
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


def missing_model(model: str) -> Fault:
    return Fault(404, f"The model '{model[:100]}' does not exist.", param="model", code="model_not_found")


def tokens_in(text: str) -> int:
    return max(1, round(len(text) / CHARACTERS_A_TOKEN))


@dataclass(frozen=True)
class Answer:
    number: str
    text: str
    input_tokens: int
    output_tokens: int
    cut: bool
    """By the request's limit on tokens."""
    request: ModelRequest

    @property
    def finish_reason(self) -> str:
        return "length" if self.cut else "stop"

    @property
    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }

    def tokens(self) -> list[str]:
        """The text in as many parts as it has tokens, one at least."""
        count = max(1, self.output_tokens)
        edges = [len(self.text) * place // count for place in range(count + 1)]
        return [self.text[start:end] for start, end in pairwise(edges)]

    def head(self, prefix: str, what: str) -> dict[str, Any]:
        created = int(time.time())
        return {"id": f"{prefix}-{self.number}", "object": what, "created": created, "model": self.request.model}


class Protocol(ABC):
    path: str

    @abstractmethod
    def read(self, body: bytes) -> ModelRequest:
        """Raises Fault, in the protocol's words."""

    @abstractmethod
    def whole(self, answer: Answer) -> dict[str, Any]:
        """The body of an answer that is not streamed."""

    @abstractmethod
    def events(self, answer: Answer) -> list[bytes]:
        """What is sent with each token of an answer that is streamed; the first and the last also begin and end the stream."""


def read_body(body: bytes) -> tuple[dict[str, Any], str]:
    """A request's object, and the model that it names. Raises Fault."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(given, dict):
        raise Fault(400, "The body of your request must be a JSON object.")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise Fault(400, "you must provide a model parameter", param="model")
    return given, model


def read_limit(given: dict[str, Any], *names: str) -> int | None:
    """The most output tokens, by the first of the names that is given. Raises Fault."""
    name = next((name for name in names if given.get(name) is not None), names[-1])
    most = given.get(name)
    if most is not None and (type(most) is not int or most < 1):
        raise Fault(400, f"{name} must be a whole number of at least 1.", param=name, code="invalid_value")
    return most


def read_parts(content: Any, where: str) -> list[str]:
    """The texts of a message's content. Raises Fault."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, list):
        return [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
    if content is None:
        return []
    raise Fault(400, f"{where} must be text or a list of parts.", param=where)


def refuse_several(given: dict[str, Any]) -> None:
    if given.get("n") not in (None, 1):
        raise Fault(400, "This endpoint gives one choice a request.", param="n", code="invalid_value")


def wants_usage(given: dict[str, Any]) -> bool:
    options = given.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def server_event(data: Any, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + f"data: {json.dumps(data)}\n\n".encode()


STREAM_END = b"data: [DONE]\n\n"


def stream_of(opening: list[bytes], tokens: list[bytes], closing: list[bytes]) -> list[bytes]:
    """One part for each token, with what begins and ends the stream."""
    parts = list(tokens)
    parts[0] = b"".join([*opening, parts[0]])
    parts[-1] = b"".join([parts[-1], *closing])
    return parts
