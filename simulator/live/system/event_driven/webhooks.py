"""Calls to the caller's webhook: signed as Standard Webhooks has it, again on the schedule while it fails."""

import asyncio
import json
import sys
from datetime import UTC, datetime

import aiohttp
from standardwebhooks.webhooks import Webhook

from simulator.deliveries import WebhookDelivery
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import client_session
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal, What

NO_ANSWER, GONE = 0, 410
TIMEOUT_S = 15.0


class Webhooks:
    def __init__(self, config: ProcessConfig, jobs: Jobs, clock: RunClock, journal: Journal) -> None:
        self._url, self._signer = f"{config.clients}/webhooks", Webhook(config.webhook_secret)
        self._jobs, self._clock, self._journal = jobs, clock, journal
        delivery = config.scenario.event_driven.delivery
        self._latency_s = delivery.latency_s if isinstance(delivery, WebhookDelivery) else 0.0
        self._session = client_session(config.token, TIMEOUT_S)

    async def deliver(self, job: int, text: str) -> None:
        """Call until the answer is 2xx; UNDELIVERED if the schedule is exhausted or the address has been removed (410)."""
        body = json.dumps({"type": "job.done", "data": {"job": job, "text": text}})
        for call, pause_s in enumerate(self._jobs.webhook_pauses_s.tolist()):
            await asyncio.sleep(self._clock.real_s(pause_s + (self._latency_s if call == 0 else 0.0)))
            status = await self._call(job, body)
            self._journal.write(What.DELIVERY_CALL, job, call, status)
            if 200 <= status < 300:
                return
            if status == GONE:
                break
        self._journal.write(What.UNDELIVERED, job)

    async def _call(self, job: int, body: str) -> int:
        identity, now = f"job-{job}", datetime.now(UTC)
        headers = {
            "webhook-id": identity,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(identity, now, body),
            "Content-Type": "application/json",
        }
        try:
            async with self._session.post(self._url, data=body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            print(f"webhook of job {job}: {error!r}", file=sys.stderr)
            return NO_ANSWER
