"""What the callers of both designs share."""

import sys

import aiohttp

from simulator.live.system.clients.outcomes import Outcomes
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs

OK, ACCEPTED, REFUSED, NO_ANSWER = 200, 202, 503, 0
JSON = {"Content-Type": "application/json"}


class Caller:
    def __init__(
        self, config: ProcessConfig, jobs: Jobs, clock: RunClock, session: aiohttp.ClientSession, outcomes: Outcomes
    ) -> None:
        self._url = f"{config.service}/jobs"
        self._jobs, self._clock, self._session = jobs, clock, session
        self._outcomes, self._journal = outcomes, outcomes.journal

    async def __call__(self, job: int) -> None:
        raise NotImplementedError

    async def _post(self, job: int, call: int = 0) -> int:
        try:
            body = b'{"job": %d, "call": %d}' % (job, call)
            async with self._session.post(self._url, data=body, headers=JSON) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError as error:
            print(f"job {job}, call {call}: {error!r}", file=sys.stderr)
            return NO_ANSWER
