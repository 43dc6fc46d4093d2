"""A decision that uses a recording: its volume becomes the answers, always within the questionnaire's bounds."""

import pytest

from advisor.decisions.models import Decision
from advisor.decisions.services.recordings import delete_trace
from advisor.decisions.services.revisions import drop_trace, save_answers, step_answers, use_trace
from advisor.teams.models import User, Workspace
from core.errors import InvalidInput
from tests.rows import upload_trace


def test_the_rate_and_the_peak_are_those_of_the_recording(decision: Decision, workspace: Workspace, user: User) -> None:
    burst_and_calm = [*range(100), *range(100, 1000, 10)]
    csv = "time_s\n" + "".join(f"{second}\n" for second in burst_and_calm)
    trace = upload_trace(workspace, user, "burst.csv", [csv.encode()])
    before = decision.latest().answers
    volume = use_trace(decision, trace, user, version=1).answers.volume
    assert volume.trace == str(trace.id)
    assert volume.mean_rate_per_s == pytest.approx(len(burst_and_calm) / 990, rel=0.01)
    assert (volume.peak_minutes, volume.peak_to_mean) == (1, pytest.approx(1 / (190 / 990), rel=0.01))
    assert decision.latest().answers.processing == before.processing
    dropped = drop_trace(decision, user, version=2).answers.volume
    assert dropped.trace is None
    assert dropped.mean_rate_per_s == volume.mean_rate_per_s


def test_undo_comes_back_to_a_deleted_recording_by_its_rate_and_goes_on_from_there(
    decision: Decision, workspace: Workspace, user: User
) -> None:
    first = decision.latest().answers
    trace = upload_trace(workspace, user, "a.csv", [b"time_s\n" + b"".join(b"%d\n" % n for n in range(0, 900, 3))])
    replayed = use_trace(decision, trace, user, decision.draft_version).answers.volume
    drop_trace(decision, user, decision.draft_version)
    save_answers(decision, {"processing": {"p95_s": 44}}, user, decision.draft_version)
    delete_trace(trace, user)
    back = step_answers(decision, user, decision.draft_version, "undo").revision.answers.volume
    assert back == replayed.model_copy(update={"trace": None})
    assert step_answers(decision, user, decision.draft_version, "undo").revision.answers == first
    again = step_answers(decision, user, decision.draft_version, "redo").revision.answers.volume
    assert again == replayed.model_copy(update={"trace": None})


def test_a_recording_that_a_decision_uses_is_not_deleted(decision: Decision, workspace: Workspace, user: User) -> None:
    trace = upload_trace(workspace, user, "a.csv", [b"time_s\n0\n1\n2\n"])
    use_trace(decision, trace, user, decision.draft_version)
    with pytest.raises(InvalidInput, match="remove the recording there first"):
        delete_trace(trace, user)
    drop_trace(decision, user, decision.draft_version)
    delete_trace(trace, user)


def test_a_recording_is_known_by_its_id_however_that_is_written(
    decision: Decision, workspace: Workspace, user: User
) -> None:
    trace = upload_trace(workspace, user, "a.csv", [b"time_s\n0\n1\n2\n"])
    save_answers(decision, {"volume": {"trace": trace.pk.hex.upper()}}, user, decision.draft_version)
    with pytest.raises(InvalidInput, match=decision.latest().answers.name):
        delete_trace(trace, user)
