"""The HTTP server of the clients: for webhooks with a Standard Webhooks signature, and the subscribers that the synchronous design calls in line."""

import asyncio
import re
import sys
from collections import Counter

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from simulator.deliveries import WebhookDelivery
from simulator.live.system.clients.outcomes import Outcomes
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import application, error_response, read_job, read_number, read_object
from simulator.live.system.jobs import SUBSCRIBER_ATTEMPTS, Jobs
from simulator.live.system.journal import What

LARGEST_BODY = 2**20
MESSAGE = re.compile(r"job-(\d{1,9})")


class Receiver:
    def __init__(self, config: ProcessConfig, jobs: Jobs, outcomes: Outcomes) -> None:
        self._jobs, self._outcomes, self._speed, self._token = jobs, outcomes, config.speed, config.token
        self._webhook = Webhook(config.webhook_secret)
        delivery = config.scenario.event_driven.delivery
        self._failing = delivery.failure_percent / 100 if isinstance(delivery, WebhookDelivery) else 0.0
        self._calls: Counter[int] = Counter()

    def app(self) -> web.Application:
        app = application(self._token, client_max_size=LARGEST_BODY)
        app.router.add_post("/webhooks", self._receive)
        app.router.add_post("/subscribers/{subscriber:\\d{1,3}}", self._handle)
        return app

    async def _receive(self, request: web.Request) -> web.Response:
        """401 for an invalid signature, 500 if the job's draw says so, else the result is in hand."""
        body = await request.read()
        try:
            self._webhook.verify(body, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            print(f"webhook refused: {error!r}", file=sys.stderr)
            return error_response(401, "the signature does not hold")
        named = MESSAGE.fullmatch(request.headers["webhook-id"])
        if named is None or not 0 <= (job := int(named[1])) < len(self._jobs):
            raise web.HTTPNotFound(text="the run has no such job")
        call = self._calls[job]
        self._calls[job] += 1
        if call < self._jobs.webhook_u.shape[1] and self._jobs.webhook_u[job, call] < self._failing:
            return web.Response(status=500)
        self._outcomes.settle(job, What.IN_HAND, call)
        return web.Response(status=204)

    async def _handle(self, request: web.Request) -> web.Response:
        given = await read_object(request)
        job, subscriber = read_job(given, len(self._jobs)), int(request.match_info["subscriber"])
        attempt = read_number(given, "attempt", SUBSCRIBER_ATTEMPTS)
        if subscriber >= self._jobs.subscribers:
            raise web.HTTPNotFound(text="the run has no such subscriber")
        await asyncio.sleep(float(self._jobs.handling_s[job, subscriber]) / self._speed)
        refuses = self._jobs.refuses(job, subscriber, attempt)
        return web.Response(status=500 if refuses else 200)
