"""OpenAI's chat-completions protocol: what a request must be, and the shapes of answers, chunks and errors."""

import json
import time
from dataclasses import dataclass
from typing import Any

from simulator.live.system.workloads import CHARACTERS_A_TOKEN

MODEL = "sample"
JOB, ATTEMPT, PROBES = "X-Crossover-Job", "X-Crossover-Attempt", "X-Crossover-Probes"
"""Headers of the run's own calls: whose call it is, so that it gets that job's draws. Failed probes of a circuit breaker are no attempts."""
RETRY_AFTER_MS = "retry-after-ms"
MODEL_OBJECT = {"id": MODEL, "object": "model", "created": 1_750_000_000, "owned_by": "crossover"}


@dataclass(frozen=True)
class ChatRequest:
    prompt: str
    streams: bool = False
    usage_wanted: bool = False
    max_tokens: int | None = None


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


def read_request(body: bytes) -> ChatRequest:
    """Raises Fault, in the protocol's words."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Fault(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(given, dict):
        raise Fault(400, "The body of your request must be a JSON object.")
    model = given.get("model")
    if not isinstance(model, str) or not model:
        raise Fault(400, "you must provide a model parameter", param="model")
    if model != MODEL:
        raise missing_model(model)
    most = given.get("max_completion_tokens", given.get("max_tokens"))
    if most is not None and (type(most) is not int or most < 1):
        raise Fault(400, "max_tokens must be a whole number of at least 1.", param="max_tokens", code="invalid_value")
    if given.get("n") not in (None, 1):
        raise Fault(400, "This endpoint gives one choice a request.", param="n", code="invalid_value")
    options = given.get("stream_options")
    return ChatRequest(
        prompt="\n".join(_texts(given.get("messages"))),
        streams=given.get("stream") is True,
        usage_wanted=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=most,
    )


def missing_model(model: str) -> Fault:
    return Fault(404, f"The model '{model[:100]}' does not exist.", param="model", code="model_not_found")


def _texts(messages: Any) -> list[str]:
    if not isinstance(messages, list) or not messages:
        raise Fault(400, "messages must be a list of at least one message.", param="messages")
    texts: list[str] = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Fault(400, f"messages.{place} must be an object with a role.", param=f"messages.{place}")
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            texts += [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        elif content is not None:
            raise Fault(400, f"messages.{place}.content must be text or a list of parts.", param=f"messages.{place}")
    return texts


def tokens_in(text: str) -> int:
    return max(1, round(len(text) / CHARACTERS_A_TOKEN))


@dataclass(frozen=True)
class Completion:
    number: str
    text: str
    input_tokens: int
    output_tokens: int
    cut: bool

    @property
    def _finish(self) -> str:
        return "length" if self.cut else "stop"

    @property
    def _usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }

    def body(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish}
        return self._head("chat.completion") | {"choices": [choice], "usage": self._usage}

    def chunks(self, pieces: int, *, usage: bool) -> list[bytes]:
        step = max(1, -(-len(self.text) // pieces))
        texts = [self.text[start : start + step] for start in range(0, len(self.text), step)]
        deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
        deltas += [({"content": text}, None) for text in texts]
        deltas.append(({}, self._finish))
        head = self._head("chat.completion.chunk") | ({"usage": None} if usage else {})
        events = [
            head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            for delta, finish in deltas
        ]
        if usage:
            events.append(head | {"choices": [], "usage": self._usage})
        return [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]

    def _head(self, what: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self.number}", "object": what, "created": int(time.time()), "model": MODEL}
