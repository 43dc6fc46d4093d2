"""A decision that goes by a recording: its volume becomes the answers, and they are always ones the questionnaire takes."""

import pytest

from advisor.decisions.models import Decision
from advisor.decisions.services.upload_trace import upload_trace
from advisor.decisions.services.use_trace import drop_trace, use_trace
from advisor.teams.models import User, Workspace


def test_the_rate_and_the_peak_are_those_of_the_recording(decision: Decision, workspace: Workspace, user: User) -> None:
    burst_and_calm = [*range(100), *range(100, 1000, 10)]
    csv = "time_s\n" + "".join(f"{second}\n" for second in burst_and_calm)
    trace = upload_trace(workspace, user, "burst.csv", [csv.encode()])
    before = decision.latest().answers
    volume = use_trace(decision, trace, user, version=1).answers.volume
    assert volume.trace == str(trace.id)
    assert volume.mean_rate_per_s == pytest.approx(len(burst_and_calm) / 990, rel=0.01)
    assert (volume.peak_minutes, volume.peak_to_mean) == (5, pytest.approx(120 / 300 / (190 / 990), rel=0.01))
    assert decision.latest().answers.processing == before.processing
    dropped = drop_trace(decision, user, version=2).answers.volume
    assert dropped.trace is None
    assert dropped.mean_rate_per_s == volume.mean_rate_per_s
