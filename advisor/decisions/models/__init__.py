from advisor.decisions.models.decision import Comment, Decision, Direction, Revision, Status, StatusChange, Step, Tag
from advisor.decisions.models.library import LibraryEntry
from advisor.decisions.models.queue_look import QueueLook
from advisor.decisions.models.quota import WorkspaceQuota
from advisor.decisions.models.run import ACTIVE, TERMINAL, EngineName, Run, State
from advisor.decisions.models.share_link import ShareLink
from advisor.decisions.models.shared_replication import SharedReplication
from advisor.decisions.models.sweep import UNFINISHED, PartState, Sweep, SweepKind, SweepPart, SweepState
from advisor.decisions.models.trace import RecordingUpload, Trace, TraceData

__all__ = [
    "ACTIVE",
    "TERMINAL",
    "UNFINISHED",
    "Comment",
    "Decision",
    "Direction",
    "EngineName",
    "LibraryEntry",
    "PartState",
    "QueueLook",
    "RecordingUpload",
    "Revision",
    "Run",
    "ShareLink",
    "SharedReplication",
    "State",
    "Status",
    "StatusChange",
    "Step",
    "Sweep",
    "SweepKind",
    "SweepPart",
    "SweepState",
    "Tag",
    "Trace",
    "TraceData",
    "WorkspaceQuota",
]
