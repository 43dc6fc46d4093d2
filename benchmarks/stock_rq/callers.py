"""Calls the service when a job is due and gives up after a while. `python -m benchmarks.stock_rq.callers PORT SCHEDULE RECORD`"""

import asyncio
import errno
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.stock_rq.records import append
from benchmarks.stock_rq.workloads import CLIENT_TIMEOUT_S


async def call_all(port: int, due_at: list[float], record: str) -> None:
    """One new connection a job, whatever became of the others."""

    async def note_connection(
        _: aiohttp.ClientSession, context: Any, __: aiohttp.TraceConnectionCreateEndParams
    ) -> None:
        context.trace_request_ctx["connected_at"] = time.time()

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(note_connection)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    patience = aiohttp.ClientTimeout(total=CLIENT_TIMEOUT_S, ceil_threshold=2 * CLIENT_TIMEOUT_S)  # not rounded up
    async with (
        aiohttp.ClientSession(connector=connector, timeout=patience, trace_configs=[tracing]) as session,
        asyncio.TaskGroup() as calls,
    ):
        for job, at in enumerate(due_at):
            await asyncio.sleep(max(0.0, at - time.time()))
            calls.create_task(_call(session, port, job, at, record))


async def _call(session: aiohttp.ClientSession, port: int, job: int, due_at: float, record: str) -> None:
    arrived_at, noted = time.time(), {"connected_at": None}
    outcome = "completed"
    try:
        async with session.get(f"http://127.0.0.1:{port}/{job}", trace_request_ctx=noted) as answer:
            await answer.read()
            outcome = "completed" if answer.status == 200 else "failed"
    except TimeoutError:
        outcome = "timed_out"
    except aiohttp.ClientConnectorError as error:
        outcome = "rejected" if error.os_error.errno == errno.ECONNREFUSED else "connection_error"
    except aiohttp.ClientError:
        outcome = "connection_error"
    append(record, job=job, due_at=due_at, arrived_at=arrived_at, **noted, ended_at=time.time(), outcome=outcome)


if __name__ == "__main__":
    asyncio.run(call_all(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), sys.argv[3]))
