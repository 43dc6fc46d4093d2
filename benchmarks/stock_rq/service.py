"""The synchronous service, for gunicorn: it calls the model and answers. MODEL_PORT and RECORD are in the environment."""

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchmarks.stock_rq.model_client import call_model
from benchmarks.stock_rq.records import append

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """GET /JOB answers 200, or 502 if the model failed; nothing is tried again."""
    started_at = time.time()
    job = int(environ["PATH_INFO"].removeprefix("/"))
    succeeded = call_model(int(os.environ["MODEL_PORT"]), job)
    append(os.environ["RECORD"], job=job, started_at=started_at, ended_at=time.time())
    start_response("200 OK" if succeeded else "502 Bad Gateway", [("Content-Length", "0")])
    return []
