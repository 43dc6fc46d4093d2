"""The older protocol of completions, which load generators use by default."""

from typing import Any

from simulator.live.system.openai_api.call import (
    STREAM_END,
    Answer,
    Fault,
    ModelRequest,
    Protocol,
    read_body,
    read_limit,
    refuse_several,
    server_event,
    stream_of,
    wants_usage,
)


class Completions(Protocol):
    path = "/v1/completions"

    def read(self, body: bytes) -> ModelRequest:
        given, model = read_body(body)
        refuse_several(given)
        prompt = given.get("prompt")
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            raise Fault(400, "prompt must be one text.", param="prompt")
        most = read_limit(given, "max_tokens")
        return ModelRequest(model, prompt, given.get("stream") is True, wants_usage(given), most)

    def whole(self, answer: Answer) -> dict[str, Any]:
        head = answer.head("cmpl", "text_completion")
        return head | {"choices": [_choice(answer.text, answer.finish_reason)], "usage": answer.usage}

    def events(self, answer: Answer) -> list[bytes]:
        head = answer.head("cmpl", "text_completion")
        closing = [server_event(head | {"choices": [_choice("", answer.finish_reason)]})]
        if answer.request.usage_wanted:
            closing.append(server_event(head | {"choices": [], "usage": answer.usage}))
        return stream_of(
            [], [server_event(head | {"choices": [_choice(text)]}) for text in answer.tokens()], [*closing, STREAM_END]
        )


def _choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
