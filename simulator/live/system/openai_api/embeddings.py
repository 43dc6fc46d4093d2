import base64
import hashlib
from typing import Any

import numpy as np

from simulator.live.system.openai_api.call import Answer, Fault, ModelRequest, Protocol, read_body

DIMENSIONS = 256
MOST_INPUTS = 2048


class Embeddings(Protocol):
    """Vectors of length 1, the same for the same text; they mean nothing."""

    path = "/v1/embeddings"

    def read(self, body: bytes) -> ModelRequest:
        given, model = read_body(body)
        inputs = _inputs(given.get("input"))
        coding = given.get("encoding_format")
        if coding not in (None, "float", "base64"):
            raise Fault(400, "encoding_format must be float or base64.", param="encoding_format", code="invalid_value")
        return ModelRequest(model, "\n".join(inputs), inputs=inputs, as_base64=coding == "base64")

    def whole(self, answer: Answer) -> dict[str, Any]:
        vectors = [_vector(text) for text in answer.request.inputs]
        data = [
            {
                "object": "embedding",
                "index": place,
                "embedding": base64.b64encode(vector.tobytes()).decode()
                if answer.request.as_base64
                else vector.tolist(),
            }
            for place, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": answer.input_tokens, "total_tokens": answer.input_tokens}
        return {"object": "list", "data": data, "model": answer.request.model, "usage": usage}

    def events(self, answer: Answer) -> list[bytes]:
        raise NotImplementedError("embeddings are not streamed")


def _inputs(given: Any) -> tuple[str, ...]:
    """Texts, or lists of token numbers as text. Raises Fault."""
    if isinstance(given, str) and given:
        return (given,)
    if isinstance(given, list) and given and len(given) <= MOST_INPUTS:
        if all(type(token) is int for token in given):
            return (" ".join(map(str, given)),)
        if all(isinstance(one, str) and one for one in given):
            return tuple(given)
        if all(isinstance(one, list) and one and all(type(token) is int for token in one) for one in given):
            return tuple(" ".join(map(str, one)) for one in given)
    raise Fault(400, f"input must be a text or a list of 1 to {MOST_INPUTS:,} texts.", param="input")


def _vector(text: str) -> "np.ndarray[Any, np.dtype[np.float32]]":
    seed = int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:8], "big")
    drawn = np.random.default_rng(seed).normal(size=DIMENSIONS)
    return (drawn / np.linalg.norm(drawn)).astype("<f4")
