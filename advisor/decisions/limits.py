"""Every number that bounds a run, a revision or an upload, in one place."""

from datetime import timedelta

HEARTBEAT_S = 5.0
"""A worker extends its lease this often."""
LEASE = timedelta(seconds=20)
"""A worker that has not extended its lease for this long is taken for dead."""
RECONCILE_EVERY_S = 5.0
"""The reconciler looks at every unfinished run this often."""
LOST_LEASES_ALLOWED = 1
"""How often a run is started again after its worker died; the next death fails it."""
PROGRESS_EVERY_S = 0.25
"""Progress is written, and a cancellation noticed, at most this often."""
TERMINAL_WRITE_PATIENCE_S = 60.0
"""How long a worker tries to write a result into a locked or full database, before it lets the lease run out."""

QUEUED_RUNS_CAP = 1_000
"""Runs of one workspace that may wait at a time."""
RUN_MEMORY_BYTES = 1 << 30
"""What one run may need; more is refused before it is queued."""
REPLICATIONS_CAP = 1_000
HIGHEST_SPEED = 100_000
"""Of a live run, however little its machine has to do."""
SO_FAR_EVERY_S = 1.0
"""What a live run has measured is written at most this often."""

SWEEP_JOBS = 500_000_000
"""Simulated jobs of one sweep, all cells and designs together: two or three minutes on two cores."""
PROPOSED_SWEEP_JOBS = 100_000_000
"""What is proposed takes no more than this: half a minute."""
PART_JOBS = 1_000_000
"""Simulated jobs of one part of a sweep: half a second or so, unless a single cell needs more."""
CELLS_A_PART = 20
"""At most: short cells, too, take their time to advise on, and the map should fill in steadily."""
MOST_CELLS = 2_500
UNFINISHED_SWEEPS_CAP = 20
"""Sweeps of one workspace that may be under way at a time."""
LOOK_EVERY_S = 0.5
"""A worker looks this often whether the sweep is still wanted."""

TRACE_BYTES = 64 << 20
"""The largest upload of a trace; a million rows take about 45 MB."""
TRACE_ROWS = 1_000_000
TRACES_CAP = 200
"""Traces of one workspace; a million rows take about 10 MB of the database."""

LIBRARY_CAP = 200
"""Hops and profiles of one workspace that are not as shipped."""

COMMENT_LENGTH = 5_000
COMMENTS_CAP = 1_000
"""Comments on one decision."""

TITLE_LENGTH = 120
IDEMPOTENCY_KEY_LENGTH = 64
ERROR_LENGTH = 500
ENDPOINT_HOST_LENGTH, ENDPOINT_MODEL_LENGTH = 270, 200
"""Of an outside endpoint: a host of 253 characters and its port."""
