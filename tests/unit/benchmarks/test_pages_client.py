"""The client that measures pages, against a server of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from benchmarks.pages.client import Answers, LoadClient, Request

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def measured(serve: Serve, work: Callable[[LoadClient], Awaitable[dict[str, Answers]]]) -> dict[str, Answers]:
    async def run() -> dict[str, Answers]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = LoadClient("127.0.0.1", server.sockets[0].getsockname()[1])
        try:
            return await work(client)
        finally:
            client.close()
            server.close()

    return asyncio.run(run())


def page() -> Request:
    return Request("page", "/", {"Host": "localhost"})


async def at_rate(client: LoadClient) -> dict[str, Answers]:
    return await client.send_at_rate(page, 100, 0.4, Random(1))


def test_a_wait_counts_from_when_the_request_was_due() -> None:
    """A server that answers nothing for a while makes those wait that were due meanwhile, not only the one that it was asked."""
    opens = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asyncio.get_running_loop().call_later(0.4, opens.set)
        while await reader.readuntil(b"\r\n\r\n"):
            await opens.wait()
            writer.write(OK)

    answers = measured(serve, at_rate)["page"]
    assert answers.failed == 0 and len(answers.waits_s) >= 20
    late = [wait for wait in answers.waits_s if wait > 0.1]
    assert len(late) > len(answers.waits_s) / 2


@pytest.mark.parametrize("split", [1, 20, len(OK)])
def test_answers_in_pieces_and_refusals_are_told_apart(split: int) -> None:
    statuses = iter([b"200", b"503", b"200", b"302"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            answer = OK.replace(b"200", next(statuses))
            for start in range(0, len(answer), split):
                writer.write(answer[start : start + split])
                await writer.drain()

    async def four(client: LoadClient) -> dict[str, Answers]:
        return {"page": await client.ask_each([page()] * 4)}

    answers = measured(serve, four)["page"]
    assert answers.failures == {"503": 1, "302": 1} and len(answers.waits_s) == 4


def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await reader.read(1)  # the next request
        writer.transport.abort()

    async def three(client: LoadClient) -> dict[str, Answers]:
        return {"page": await client.ask_each([page()] * 3)}

    assert measured(serve, three)["page"].failures == {}


def test_percentiles_are_of_all_waits() -> None:
    answers = Answers([each / 1000 for each in range(100, 0, -1)])
    assert [round(answers.percentile_ms(percent)) for percent in (50, 95, 99)] == [51, 96, 100]
    assert Answers().percentile_ms(95) == 0
