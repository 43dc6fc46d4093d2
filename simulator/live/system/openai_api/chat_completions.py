from typing import Any

from simulator.live.system.openai_api.call import (
    STREAM_END,
    Answer,
    Fault,
    ModelRequest,
    Protocol,
    read_body,
    read_limit,
    read_parts,
    refuse_several,
    server_event,
    stream_of,
    wants_usage,
)


class ChatCompletions(Protocol):
    path = "/v1/chat/completions"

    def read(self, body: bytes) -> ModelRequest:
        given, model = read_body(body)
        most = read_limit(given, "max_completion_tokens", "max_tokens")
        refuse_several(given)
        prompt = "\n".join(_texts(given.get("messages")))
        return ModelRequest(model, prompt, given.get("stream") is True, wants_usage(given), most)

    def whole(self, answer: Answer) -> dict[str, Any]:
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
        return answer.head("chatcmpl", "chat.completion") | {"choices": [choice], "usage": answer.usage}

    def events(self, answer: Answer) -> list[bytes]:
        head = answer.head("chatcmpl", "chat.completion.chunk")
        if answer.request.usage_wanted:
            head["usage"] = None

        def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
            return server_event(
                head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            )

        closing = [chunk({}, answer.finish_reason)]
        if answer.request.usage_wanted:
            closing.append(server_event(head | {"choices": [], "usage": answer.usage}))
        opening = [chunk({"role": "assistant", "content": ""})]
        return stream_of(opening, [chunk({"content": text}) for text in answer.tokens()], [*closing, STREAM_END])


def _texts(messages: Any) -> list[str]:
    if not isinstance(messages, list) or not messages:
        raise Fault(400, "messages must be a list of at least one message.", param="messages")
    texts: list[str] = []
    for place, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Fault(400, f"messages.{place} must be an object with a role.", param=f"messages.{place}")
        texts += read_parts(message.get("content"), f"messages.{place}.content")
    return texts
