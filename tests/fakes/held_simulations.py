"""Simulations of answers that begin when a test says so."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from advisor.advice.contract import DesignPlan, Evidence, Style, StyleEvidence
from advisor.advice.design_plan import plan_by_formulas
from advisor.advice.evaluation import Evaluation
from advisor.advice.flips import find_flips
from advisor.decisions.services import simulated_advice
from simulator.result import Conclusion


def an_evidence(synchronous: float, event_driven: float) -> Evidence:
    """Of styles whose shares in time are these; 99 % are wanted."""
    shares: dict[Style, float] = {"synchronous": synchronous, "event_driven": event_driven}
    return Evidence(
        jobs=1000,
        replications=3,
        deadline_s=30.0,
        wanted_share=0.99,
        styles={
            style: StyleEvidence(
                conclusion=_conclusion(share), good_share=share, low=share, high=share, queue_depth_max=40.0
            )
            for style, share in shares.items()
        },
    )


def _conclusion(share: float) -> Conclusion:
    return "meets" if share >= 0.99 else "misses"


class HeldSimulations:
    """In place of the pools of threads and of the simulator behind it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.simulated: list[float] = []
        """The rate of each workload that was simulated."""
        self.finding: Evidence | Exception = an_evidence(0.9, 0.999)
        self.consumers: int | None = None
        """Of the plan."""
        threads = simulated_advice.AdviceThreads()
        monkeypatch.setattr(threads, "_pool", self)
        monkeypatch.setattr(threads, "_searches", self)
        monkeypatch.setattr(simulated_advice, "THREADS", threads)
        monkeypatch.setattr(simulated_advice, "is_warm", lambda: True)
        monkeypatch.setattr("advisor.advice.recommendation.planned_evidence", self._simulate)
        monkeypatch.setattr(
            "advisor.advice.recommendation.simulated_flips", lambda evaluation, *_, **__: find_flips(evaluation)
        )

    def submit(self, work: Callable[..., Any], *given: object) -> Future[Any]:
        future: Future[Any] = Future()
        self.held.append((future, partial(work, *given)))
        return future

    def run_at_once(self, work: Callable[..., Any], *given: object) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*given))
        return future

    def _simulate(self, evaluation: Evaluation, trace: object) -> tuple[DesignPlan, Evidence]:
        self.simulated.append(evaluation.answers.volume.mean_rate_per_s)
        if isinstance(self.finding, Exception):
            raise self.finding
        return plan_by_formulas(evaluation).model_copy(update={"consumers": self.consumers}), self.finding

    def release(self) -> None:
        for future, work in self.held:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except Exception as error:
                    future.set_exception(error)
        self.held.clear()
