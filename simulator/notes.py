"""What limits the conclusions of a run, in sentences."""

from collections.abc import Mapping

from core.numbers import count, duration
from simulator.plan import DESIGN_WORDS, jobs_of
from simulator.replications import Runner
from simulator.resampling import block_s
from simulator.result import DesignResult
from simulator.scenario import Scenario
from simulator.sequential import FULL_LOOKS, REPLICATION_LOOKS, is_resolved


def notes_of(
    scenario: Scenario, runner: Runner, results: Mapping[str, DesignResult], *, automatic: bool
) -> tuple[str, ...]:
    return (*_of_cut(results), *_of_recording(runner), *(_of_budget(scenario, runner) if automatic else ()))


def _of_cut(results: Mapping[str, DesignResult]) -> list[str]:
    """How many jobs the end of the run left undecided, of each design."""
    notes = []
    for design, result in results.items():
        if not result.undecided:
            continue
        of = f"{count(result.undecided)} of {count(result.offered, 'job')} of {DESIGN_WORDS[design]}"
        were = "was" if result.undecided == 1 else "were"
        rests = (
            f"its good share is of the {count(result.decided or 0, 'job')} whose deadline had passed by then"
            if result.decided
            else "no job's deadline had passed by then, so there is no good share: the run has to last longer than the deadline"
        )
        notes.append(f"{of} {were} under way, before the deadline, when the run was cut; {rests}.")
    return notes


def _of_recording(runner: Runner) -> list[str]:
    resamples = len(next(iter(runner.resampled.values())))
    notes = []
    if runner.trace is not None and resamples:
        length_s = block_s(runner.trace.arrivals_s) / getattr(runner.scenario.arrivals, "speed", 1.0)
        blocks = f", put together from parts of it that are about {duration(length_s)} long" if length_s else ""
        notes.append(
            "The figures are those of the recording as it is, which is one sample of its workload. "
            f"The intervals also include by how much {count(resamples, 'resample')} of it differ{blocks}."
        )
    if runner.drawn is not None and resamples:
        notes.append(
            "The measured durations are one sample of the service times. "
            f"The intervals also include by how much {count(resamples, 'resample')} of them differ."
        )
    return notes


def _of_budget(scenario: Scenario, runner: Runner) -> list[str]:
    looks = FULL_LOOKS.within_budget(jobs_of(scenario, runner.trace))
    if runner.finished < looks[-1] or is_resolved(scenario, runner.tallies, runner.drains):
        return []
    jobs = "" if looks[-1] == REPLICATION_LOOKS[-1] else ", which is bounded by the number of jobs"
    return [
        f"The whole budget of automatic replications ({looks[-1]}) is used up{jobs}; more can be asked for, or more jobs in each."
    ]
