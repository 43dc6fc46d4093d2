"""OpenAI's protocols, as the sample endpoint speaks them: one module each, listed in `PROTOCOLS`."""

from simulator.live.system.openai_api.call import (
    ATTEMPT,
    JOB,
    MODEL,
    PROBES,
    RETRY_AFTER_MS,
    Answer,
    Fault,
    ModelRequest,
    Protocol,
    missing_model,
    model_object,
    tokens_in,
)
from simulator.live.system.openai_api.chat_completions import ChatCompletions
from simulator.live.system.openai_api.completions import Completions
from simulator.live.system.openai_api.embeddings import Embeddings
from simulator.live.system.openai_api.responses import Responses

PROTOCOLS: tuple[Protocol, ...] = (ChatCompletions(), Responses(), Completions(), Embeddings())

__all__ = [
    "ATTEMPT",
    "JOB",
    "MODEL",
    "PROBES",
    "PROTOCOLS",
    "RETRY_AFTER_MS",
    "Answer",
    "Fault",
    "ModelRequest",
    "Protocol",
    "missing_model",
    "model_object",
    "tokens_in",
]
