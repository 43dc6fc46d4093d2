"""What rq calls. rq finds these functions in `advisor.decisions.jobs`."""

import logging
import os
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.db.models import Q
from django.utils import timezone
from rq import get_current_job
from structlog.contextvars import bound_contextvars

from advisor.advice.consumer_search import advised_scenario
from advisor.advice.proposed_answers import propose_from_queues
from advisor.decisions import stored
from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.external_endpoint import OUTSIDE, endpoint_for
from advisor.decisions.jobs.counters import count_ended_run
from advisor.decisions.jobs.leased_work import LeasedWork, persist
from advisor.decisions.jobs.queue_notifier import BULK, MAPS, REQUEST_ID, RUNS, notify_on_commit, worker_hosts
from advisor.decisions.jobs.shared_run import SharedRun
from advisor.decisions.limits import SHARED_RUN_JOBS
from advisor.decisions.models import QueueLook, Run, SharedReplication, SweepKind, SweepPart
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import Lease, PartLease, ReplicationLease, RunLease, this_host, worker_name
from advisor.decisions.services.queue_looks import claim_look, observable_brokers
from advisor.decisions.services.recordings import read_trace_if_any
from advisor.decisions.services.sweeps import CELLS, simulate_part
from advisor.decisions.services.turns import Claimed, Level, TaskKind, claim_next
from advisor.reports.queue_words import queue_facts
from advisor.sweeps.capacity_search import search_capacity
from core.errors import CannotRun, InvalidInput, Problem
from simulator.experiment import simulate_replication
from simulator.live.errors import RunBroken
from simulator.replications import OnProgress, Progress
from simulator.result import Result
from simulator.stored_tallies import dump_tallies
from simulator.traces import Trace

log = logging.getLogger(__name__)

LEASES: Mapping[TaskKind, type[Lease[Any]]] = {
    TaskKind.RUN: RunLease,
    TaskKind.PART: PartLease,
    TaskKind.REPLICATION: ReplicationLease,
}


def run_simulation(run_id: str, engines: Mapping[str, Engine] = ENGINES) -> None:
    """Claim the run, search or shared replication whose turn it is, simulate, and write how it ended.

    `run_id`, which may be that of a replication, only says at which level something waits. If the database refuses the claim, it raises, and
    the reconciler queues the run again. From then on, every end is in the row.
    """
    close_old_connections()
    is_bulk = Run.objects.filter(Q(pk=run_id) | Q(shared_replications=run_id), is_bulk=True).exists()
    _work_next(Level.BULK if is_bulk else Level.INTERACTIVE, engines)


def run_part(part_id: str) -> None:
    """Claim the search, or the part of a map, whose turn it is, simulate on this thread, and write what was found."""
    close_old_connections()
    is_search = SweepPart.objects.filter(pk=part_id, sweep__kind=SweepKind.FEWEST).exists()
    _work_next(Level.INTERACTIVE if is_search else Level.MAPS, ENGINES)


def look_at_queues(look_id: str) -> None:
    """Look at running queues, and write what was seen. A look that was begun before is left alone; one that is cut short is over."""
    from simulator.live.measure_rq import connected, shown_address
    from simulator.live.observe_rq import observe, workers_for_wait

    close_old_connections()
    look = claim_look(look_id)
    if look is None:
        log.info("Look %s is under way or over", look_id)
        return
    url = observable_brokers().get(look.broker)
    try:
        if url is None:
            raise CannotRun("Its address is no longer allowed.")
        with connected(url) as broker:
            report = partial(_report_look, look)
            observed = observe(broker, look.queue_names, look.seconds, report)
        needed = [workers_for_wait(one, look.wait_s) for one in observed]
        proposed = propose_from_queues(observed)
        facts = [
            (one.name, list(queue_facts(one, workers, look.wait_s)))
            for one, workers in zip(observed, needed, strict=True)
        ]
        result = {"queues": facts, "source": proposed.source, "values": dict(proposed.values)}
        look.record(result=result, progress_fraction=1.0, finished_at=timezone.now())
    except CannotRun as error:
        text = str(error).replace(f"at {shown_address(url or '')}", f"of {look.broker}")
        look.record(error_text=text.replace("at this address", f"at {look.broker}"), finished_at=timezone.now())
    except Exception:
        log.exception("The look at %s failed", look.broker)
        look.record(error_text="It stopped with an error, which is in the worker's log.", finished_at=timezone.now())
    close_old_connections()


def _report_look(look: QueueLook, progress: Progress) -> None:
    look.record(progress_fraction=progress.fraction)


def _work_next(level: Level, engines: Mapping[str, Engine]) -> None:
    """A job of a level that took a task of a lower one has left that one's job for what waits here: so higher levels are tried first."""
    claims = (claim_next(each, database_now(), worker_name(os.getpid())) for each in level.and_higher)
    claimed = next(filter(None, claims), None)
    if claimed is None:
        log.info("Nothing waits at the level %s that may start", level)
    else:
        with bound_contextvars(task=str(claimed.id), **_request_id(claimed.id)):
            log.info("Attempt %d begins", claimed.attempt)
            _work_on(claimed, engines)
    close_old_connections()


def _work_on(claimed: Claimed, engines: Mapping[str, Engine]) -> None:
    lease = LEASES[claimed.kind](claimed.id, claimed.attempt)
    work: LeasedWork[Any] = LeasedWork(lease)
    try:
        if isinstance(lease, RunLease):
            work.run(lambda: _simulate(lease, engines, work.report))
        elif isinstance(lease, ReplicationLease):
            work.run(lambda: _simulate_replication(lease, work.report))
        elif isinstance(lease, PartLease):
            work.run(lambda: _simulate_part(lease, work.report))
            _notify_of_refining_parts(lease.task_id)
    finally:
        if claimed.kind == TaskKind.RUN:
            count_ended_run(claimed.id, claimed.attempt)
        log.info("Attempt %d is over after %.1f s", claimed.attempt, work.elapsed_s)


def _notify_of_refining_parts(part_id: UUID) -> None:
    """Workers are notified of the parts that follow the last one of a map's coarse grid."""
    part = SweepPart.objects.select_related("sweep").filter(pk=part_id).first()
    if part is not None and not part.is_refining:
        following = part.sweep.parts.queued().filter(first__gte=part.sweep.size)
        notify_on_commit(MAPS, list(following.values_list("id", "attempt")))


def _request_id(task_id: UUID) -> dict[str, str]:
    """Return the id of the request that asked for the task, if this job came of it."""
    job = get_current_job()
    request_id = job.meta.get(REQUEST_ID) if job and [*job.args] == [str(task_id)] else None
    return {REQUEST_ID: request_id} if request_id else {}


def _simulate(lease: RunLease, engines: Mapping[str, Engine], on_progress: OnProgress) -> Result:
    run = Run.objects.get(pk=lease.task_id)
    trace = read_trace_if_any(run.trace)
    engine = engines[run.engine]
    if run.awaits_plan:
        advised = advised_scenario(run.revision.evaluation, trace)
        run.scenario_json = stored.dump(advised.with_servers(run.servers) if run.servers else advised)
        persist(lambda: lease.record_scenario(run.scenario_json))
    try:
        return engine.simulate(
            run.scenario,
            trace=trace,
            replications=run.replications,
            on_progress=on_progress,
            **(_live_options(run) if engine.is_live else _shared(run, engine, trace)),
        )
    except RunBroken as error:
        so_far = error.so_far
        persist(lambda: lease.record_so_far(so_far))
        raise


def _shared(run: Run, engine: Engine, trace: Trace | None) -> dict[str, Any]:
    """What a large run is given if there are workers on other hosts, who may take a part of its replications."""
    if engine.estimate(run.scenario, trace, run.replications).jobs < SHARED_RUN_JOBS or worker_hosts() <= {this_host()}:
        return {}
    return {"share": SharedRun(run, BULK if run.is_bulk else RUNS)}


def _simulate_replication(lease: ReplicationLease, on_progress: OnProgress) -> bytes:
    shared = SharedReplication.objects.select_related("run__trace").get(pk=lease.task_id)
    trace = read_trace_if_any(shared.run.trace)
    return dump_tallies(simulate_replication(shared.run.scenario, shared.number, trace=trace, on_progress=on_progress))


def _simulate_part(lease: PartLease, on_progress: OnProgress) -> str:
    part = SweepPart.objects.select_related("sweep__revision", "sweep__trace").get(pk=lease.task_id)
    sweep = part.sweep
    recorded = read_trace_if_any(sweep.trace)
    lease.is_search = sweep.kind == SweepKind.FEWEST
    if lease.is_search:
        answers = sweep.revision.answers
        return stored.dump(
            search_capacity(answers, jobs=sweep.jobs, seed=sweep.seed, trace=recorded, on_progress=on_progress)
        )
    return CELLS.dump_json(simulate_part(part, recorded, on_progress), by_alias=True).decode()


def _live_options(run: Run) -> dict[str, Any]:
    options = {
        "speed": run.speed,
        "seconds": run.seconds,
        "workers": run.workers,
        "time_limit_s": float(settings.CONFIGURATION.run_time_limit_s),
        "label": str(run.pk),
        "workload": run.revision.answers.template,
    }
    return options | (_external_options(run) if run.endpoint_host else {})


def _external_options(run: Run) -> dict[str, Any]:
    """Return the endpoint as it is allowed now. The key comes from this process's own configuration only.

    Raises:
        InvalidInput: it is no longer allowed, or differs from the one shown when the run was requested.
        CannotRun: an earlier attempt may have spent the run's budget.
    """
    endpoint = endpoint_for(OUTSIDE)
    assert endpoint is not None  # noqa: S101  endpoint_for raises instead
    if (endpoint.host, endpoint.model) != (run.endpoint_host, run.endpoint_model):
        asked, now = f"{run.endpoint_model} at {run.endpoint_host}", f"{endpoint.model} at {endpoint.host}"
        raise InvalidInput([Problem("endpoint", f"{asked} was to answer, and now {now} would; start the run again")])
    if run.attempt > 1:
        raise CannotRun(
            "its worker ended while it may have called the outside endpoint. So that its caps hold, it does not begin again by itself."
        )
    return {"external": endpoint.endpoint, "key": endpoint.key}
