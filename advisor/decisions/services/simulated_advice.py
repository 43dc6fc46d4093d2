"""Advice with its evidence, simulated in threads of this process: the kernel releases the GIL, and what is saved waits for none of it.

A save stores the advice of the forces and formulas. The whole advice follows in the background; the next request for
it stores it, if the answers are still the same.
"""

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal, NamedTuple
from uuid import UUID

import structlog

from advisor import advice
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import recommend, recommend_simulated
from advisor.advice.templates import TEMPLATES
from advisor.decisions import stored
from advisor.decisions.models import Revision
from advisor.decisions.services.page_slots import PAGE_SLOTS
from advisor.decisions.services.recordings import read_trace_if_any, recording_of
from advisor.reports.wording import shown_style
from core.processes.priority import lower_thread_priority
from simulator.kernel.compiled import is_cached
from simulator.replications import is_warm, warm
from simulator.stopping import Stopped, require_wanted, stops_unless
from simulator.traces import Trace

log = structlog.get_logger("advice")

ADVICE_THREADS = 2
LONGEST_STAND_BACK_S = 2.0
"""How long a simulation leaves the interpreter to pages that wait."""
SWITCH_S = 0.0005
"""Between threads of Python, a tenth of the usual interval."""
COMPILED_ELSEWHERE_S = 180.0
"""How long the simulator is looked for in the cache, before this process compiles it."""
MOST_ASKED = 64
"""Of the advice that is kept until a request stores it."""
Awaited = Literal["", "simulating", "loading"]


class Advised(NamedTuple):
    recommendation: Recommendation
    awaited: Awaited = ""
    """What the whole advice waits for; empty if this is it."""


@dataclass
class Asked:
    revision: Revision
    future: Future[Recommendation]
    unwanted: threading.Event
    waiting: int = 0
    """Requests that wait for it now."""
    needed: int = 0
    """Those of them that wait for as long as it takes."""

    def is_replaced_by(self, revision: Revision) -> bool:
        """By other answers of the same revision, or of a later one of the same decision; not if a request cannot do without it."""
        mine = self.revision
        if mine.pk == revision.pk:
            return not self.needed and mine.answers_json != revision.answers_json
        is_earlier = mine.decision_id == revision.decision_id and _place(mine) < _place(revision)
        return is_earlier and not self.waiting and not self.future.done()

    def stop(self) -> None:
        self.unwanted.set()
        self.future.cancel()


def _place(revision: Revision) -> int:
    """Among the revisions of its decision; that of a template, of which no decision is made yet, is before all of them."""
    return 0 if revision.decision._state.adding else revision.number


class AdviceThreads:
    """At most one simulation for each revision, with flips and without: that of answers that have changed meanwhile is given up.

    Advice that someone waits for at a keystroke has threads of its own, ahead of the search for flips, which takes seconds.
    """

    def __init__(self, threads: int = ADVICE_THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="advice", initializer=_begin_advice)
        self._searches = ThreadPoolExecutor(threads, thread_name_prefix="flips", initializer=_begin_search)
        self._lock = threading.Lock()
        self._asked: OrderedDict[tuple[UUID, bool, str], Asked] = OrderedDict()
        self._warming: threading.Thread | None = None

    def result(self, revision: Revision, patience_s: float | None, *, with_flips: bool) -> Recommendation:
        """Raises TimeoutError, and CancelledError if the answers have changed meanwhile; without a limit to the patience they may change."""
        asked = self.ask(revision, with_flips=with_flips)
        with self._waiting(asked, is_needed=patience_s is None):
            return asked.future.result(patience_s)

    @contextmanager
    def _waiting(self, asked: Asked, *, is_needed: bool) -> Iterator[None]:
        with self._lock:
            asked.waiting, asked.needed = asked.waiting + 1, asked.needed + is_needed
        try:
            yield
        finally:
            with self._lock:
                asked.waiting, asked.needed = asked.waiting - 1, asked.needed - is_needed

    def ask(self, revision: Revision, *, with_flips: bool) -> Asked:
        key = (revision.pk, with_flips, revision.answers_json)
        with self._lock:
            known = self._asked.get(key)
            if known is not None and not known.future.cancelled():
                return known
        recorded, unwanted = read_trace_if_any(recording_of(revision)), threading.Event()
        pool = self._searches if with_flips else self._pool
        asked = Asked(
            revision, pool.submit(_simulated, revision.answers_json, recorded, with_flips, unwanted), unwanted
        )
        with self._lock:
            dropped = [self._asked.pop(key) for key, one in [*self._asked.items()] if one.is_replaced_by(revision)]
            self._asked[key] = asked
            while len(self._asked) > MOST_ASKED:
                dropped.append(self._asked.popitem(last=False)[1])
        for one in dropped:
            one.stop()
        return asked

    @property
    def is_busy(self) -> bool:
        """Whether advice that is asked for now waits for other advice before it starts."""
        with self._lock:
            waiting = sum(not flips and not asked.future.done() for (_, flips, _), asked in self._asked.items())
        return PAGE_SLOTS.is_awaited or waiting > ADVICE_THREADS

    def submit(self, work: Callable[[], Recommendation]) -> Future[Recommendation]:
        return self._pool.submit(work)

    def forget(self, revision: Revision, *, with_flips: bool) -> None:
        """Its result, once it is stored."""
        with self._lock:
            self._asked.pop((revision.pk, with_flips, revision.answers_json), None)

    def begin_warming(self) -> None:
        """Load or compile the simulator in the background, once."""
        with self._lock:
            if self._warming is None:
                self._warming = threading.Thread(target=_warm_up, name="load simulator", daemon=True)
                self._warming.start()


def _begin_advice() -> None:
    """A page gives up the interpreter at each of its queries, and may wait for an interval per thread that simulates to have it back."""
    sys.setswitchinterval(SWITCH_S)


def _begin_search() -> None:
    _begin_advice()
    lower_thread_priority()


def _warm_up() -> None:
    """A worker on this machine compiles the simulator as it starts: to compile it here as well would slow down every page meanwhile."""
    end = time.monotonic() + COMPILED_ELSEWHERE_S
    while not is_cached() and time.monotonic() < end:
        time.sleep(1.0)
    try:
        warm()
    except Exception:
        log.exception("The simulator cannot be loaded")


def _simulated(
    answers_json: str, trace: Trace | None, with_flips: bool, unwanted: threading.Event | None = None
) -> Recommendation:
    """Raises CancelledError if the answers have changed meanwhile."""

    def is_wanted() -> bool:
        return unwanted is None or not unwanted.is_set()

    PAGE_SLOTS.let_pages_go_first(LONGEST_STAND_BACK_S)
    try:
        with stops_unless(is_wanted):
            require_wanted()
            return recommend_simulated(stored.evaluation_of(answers_json), trace, flips=with_flips)
    except Stopped:
        raise CancelledError from None


THREADS = AdviceThreads()


@cache
def _typical(template: str) -> Future[Recommendation]:
    return THREADS.submit(
        partial(recommend_simulated, Evaluation.from_answers(TEMPLATES[template].answers), flips=False)
    )


def find_typical(template: str) -> Recommendation | None:
    """The advice on a template's own answers; None until they have been simulated."""
    future = _typical(template) if is_warm() else None
    return future.result() if future is not None and future.done() and future.exception() is None else None


def first_recommendation(evaluation: Evaluation) -> Recommendation:
    """The advice of the forces and formulas; without flips if they are about to be simulated, as formulas may find others."""
    return recommend(evaluation, flips=not is_warm())


def is_incomplete(revision: Revision) -> bool:
    """Without what a simulation shows. A frozen revision keeps what other rules than today's have said."""
    recommendation = revision.recommendation
    if recommendation.evidence is not None or recommendation.unsimulated:
        return False
    return not revision.frozen or advice.versions().items() <= revision.versions.items()


def advise_revision(revision: Revision, patience_s: float = 0.0) -> Advised:
    """The advice with its evidence if it is there within that time, which is 0 while the simulator is loaded; else that of the forces and formulas.

    Flips may follow later (`find_flips_of`).
    """
    if not is_incomplete(revision):
        return Advised(revision.recommendation)
    if not is_warm():
        THREADS.begin_warming()
        return Advised(revision.recommendation, "loading")
    try:
        return Advised(_settled(revision, patience_s, with_flips=False))
    except (TimeoutError, CancelledError):
        return Advised(revision.recommendation, "simulating")


def find_flips_of(revision: Revision, patience_s: float) -> bool:
    """Whether the advice has its flips, after waiting that long for them at the most."""
    if not revision.recommendation.flips_awaited:
        return True
    try:
        _settled(revision, patience_s, with_flips=True)
    except (TimeoutError, CancelledError):
        return False
    return True


def complete_recommendation(revision: Revision) -> Recommendation:
    """The whole advice, however long it takes: for files, which cannot be completed later."""
    if not is_incomplete(revision) and not revision.recommendation.flips_awaited:
        return revision.recommendation
    try:
        return _settled(revision, None, with_flips=True)
    except CancelledError:  # its answers had been changed before it asked
        return _simulated(revision.answers_json, read_trace_if_any(recording_of(revision)), with_flips=True)


def _settled(revision: Revision, patience_s: float | None, *, with_flips: bool) -> Recommendation:
    """Raises TimeoutError, and CancelledError if the answers have changed meanwhile."""
    try:
        recommendation = THREADS.result(revision, patience_s, with_flips=with_flips)
    except (TimeoutError, CancelledError):
        raise
    except Exception:
        log.exception("The simulation of answers failed")
        return revision.recommendation.model_copy(update={"unsimulated": FAILED, "flips_awaited": False})
    _store(revision, recommendation)
    THREADS.forget(revision, with_flips=with_flips)
    return recommendation


FAILED = "Not simulated: the simulation stopped with an error, which is in the log."


def _store(revision: Revision, recommendation: Recommendation) -> None:
    """Nothing, if the revision's answers are others by now."""
    text, versions = stored.dump(recommendation), revision.versions | advice.versions()
    same = Revision.objects.filter(pk=revision.pk, answers_json=revision.answers_json)
    same.update(recommendation_json=text, shown_style=shown_style(recommendation), versions=versions)
    revision.recommendation_json, revision.versions = text, versions
