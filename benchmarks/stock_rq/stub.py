"""The model: an HTTP server that sleeps and answers. `python -m benchmarks.stock_rq.stub PORT SEED`"""

import asyncio
import sys
from collections import Counter

from aiohttp import web

from benchmarks.stock_rq.workloads import draw_call


def make_application(seed: int) -> web.Application:
    """GET /JOB sleeps as long as this call of the job takes, then answers 200 or 500."""
    calls: Counter[int] = Counter()

    async def answer(request: web.Request) -> web.Response:
        job = int(request.match_info["job"])
        call = draw_call(seed, job, calls[job])
        calls[job] += 1
        await asyncio.sleep(call.sleep_s)
        return web.Response(status=500 if call.fails else 200)

    application = web.Application()
    application.router.add_get(r"/{job:\d+}", answer)
    return application


if __name__ == "__main__":
    web.run_app(make_application(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=None)
