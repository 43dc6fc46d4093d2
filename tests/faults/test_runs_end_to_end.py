"""The demo decisions through the real kernel: computed figures, progress, cancellation."""

import pytest
from pytest_django import Settings

from advisor.decisions.engines import ENGINES, Engine
from advisor.decisions.jobs import run_simulation
from advisor.decisions.models import Decision, EngineName, Run, State
from advisor.decisions.services.decisions import ensure_demo
from advisor.decisions.services.revisions import save_answers
from advisor.decisions.services.runs import RunRequest, cancel_run, request_run
from advisor.teams.models import User, Workspace
from simulator.experiment import simulate
from simulator.replications import Progress
from simulator.result import Result
from tests.fakes.engines import Report
from tests.rows import upload_trace

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_demo_runs_succeed_and_their_figures_are_computed(workspace: Workspace) -> None:
    for run in ensure_demo(workspace):
        run_simulation(str(run.id))
        done = Run.objects.get(pk=run.pk)
        assert done.state == State.SUCCEEDED, done.error
        assert done.result is not None
        assert done.result == simulate(done.scenario)
        assert done.result.synchronous.offered == done.result.event_driven.offered > 1000


def test_a_cancelled_kernel_stops_at_its_next_word(decision: Decision, user: User) -> None:
    run = request_run(decision.latest(), user, "k")
    words: list[Progress] = []

    def cancelled_at_once(scenario: object, *, on_progress: Report, **options: object) -> Result:
        def listen(progress: Progress) -> None:
            words.append(progress)
            cancel_run(run, user)
            on_progress(progress)

        return simulate(scenario, on_progress=listen, **options)

    kernel = ENGINES[EngineName.KERNEL]
    run_simulation(str(run.id), {EngineName.KERNEL: Engine(cancelled_at_once, kernel.estimate, kernel.unsupported)})
    assert Run.objects.get().state == State.CANCELLED
    assert len(words) == 1


def test_an_uploaded_trace_is_what_is_replayed(decision: Decision, workspace: Workspace, user: User) -> None:
    seconds = [0, 1, 2, 30, 31, 300]
    csv = "time_s\n" + "".join(f"{second}\n" for second in seconds)
    trace = upload_trace(workspace, user, "six.csv", [csv.encode()])
    save_answers(decision, {"volume": {"trace": str(trace.id)}}, user, version=1)
    run = request_run(decision.latest(), user, "k", RunRequest(replications=2))
    run_simulation(str(run.id))
    done = Run.objects.get()
    assert done.result is not None, done.error
    assert done.result.synchronous.offered == 2 * len(seconds)


def test_it_times_out_in_the_kernel(decision: Decision, user: User, settings: Settings) -> None:
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"run_time_limit_s": 0})
    run = request_run(decision.latest(), user, "k")
    run_simulation(str(run.id))
    assert Run.objects.get().state == State.TIMED_OUT
