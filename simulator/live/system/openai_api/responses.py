import time
from itertools import count
from typing import Any

from simulator.live.system.openai_api.call import (
    Answer,
    Fault,
    ModelRequest,
    Protocol,
    read_body,
    read_limit,
    read_parts,
    server_event,
    stream_of,
)


class Responses(Protocol):
    path = "/v1/responses"

    def read(self, body: bytes) -> ModelRequest:
        given, model = read_body(body)
        texts = [given["instructions"]] if isinstance(given.get("instructions"), str) else []
        texts += _texts(given.get("input"))
        most = read_limit(given, "max_output_tokens")
        return ModelRequest(model, "\n".join(texts), given.get("stream") is True, max_tokens=most)

    def whole(self, answer: Answer) -> dict[str, Any]:
        cut = {"reason": "max_output_tokens"} if answer.cut else None
        item = _item(answer, [_part(answer.text)], "incomplete" if answer.cut else "completed")
        return _response(answer, item["status"], [item], _usage(answer)) | {"incomplete_details": cut}

    def events(self, answer: Answer) -> list[bytes]:
        numbers = count()

        def named(kind: str, **data: Any) -> bytes:
            return server_event({"type": kind, "sequence_number": next(numbers)} | data, kind)

        place = {"item_id": f"msg_{answer.number}", "output_index": 0, "content_index": 0}
        begun = _response(answer, "in_progress", [], None)
        opening = [
            named("response.created", response=begun),
            named("response.in_progress", response=begun),
            named("response.output_item.added", output_index=0, item=_item(answer, [], "in_progress")),
            named("response.content_part.added", **place, part=_part("")),
        ]
        tokens = [named("response.output_text.delta", **place, delta=text, logprobs=[]) for text in answer.tokens()]
        whole = self.whole(answer)
        closing = [
            named("response.output_text.done", **place, text=answer.text, logprobs=[]),
            named("response.content_part.done", **place, part=_part(answer.text)),
            named("response.output_item.done", output_index=0, item=whole["output"][0]),
            named(f"response.{whole['status']}", response=whole),
        ]
        return stream_of(opening, tokens, closing)


def _texts(given: Any) -> list[str]:
    if isinstance(given, str) and given:
        return [given]
    if not isinstance(given, list) or not given:
        raise Fault(400, "input must be text or a list of at least one item.", param="input")
    texts: list[str] = []
    for place, item in enumerate(given):
        if not isinstance(item, dict):
            raise Fault(400, f"input.{place} must be an object.", param=f"input.{place}")
        texts += read_parts(item.get("content"), f"input.{place}.content")
    return texts


def _response(
    answer: Answer, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": f"resp_{answer.number}",
        "object": "response",
        "created_at": int(time.time()),
        "model": answer.request.model,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": output,
        "parallel_tool_calls": False,
        "temperature": None,
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
        "usage": usage,
    }


def _item(answer: Answer, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    return {
        "id": f"msg_{answer.number}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
