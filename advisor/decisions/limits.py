from datetime import timedelta

HEARTBEAT_S = 5.0
"""A worker extends its lease this often."""
LEASE = timedelta(seconds=20)
"""A worker that has not extended its lease for this long is taken to have crashed."""
RECONCILE_EVERY_S = 5.0
LOST_LEASES_ALLOWED = 1
"""How often a run is started again after its worker crashed; the next crash fails it."""
PROGRESS_EVERY_S = 0.25
"""Progress is written, and a cancellation noticed, at most this often."""
TERMINAL_WRITE_PATIENCE_S = 60.0
"""How long a worker tries to write a result into a locked or full database, before it gives its lease up."""

SHARED_RUN_JOBS = 10_000_000
"""Jobs of all designs and replications of a run from which workers on other hosts take some: three seconds or so on two cores."""

QUEUED_RUNS_CAP = 1_000
"""Of a workspace, unless its quota says otherwise."""
INTERACTIVE_RUNS = 20
"""What a workspace queues beyond these is bulk: no one watches so long a list."""
BULK_PATIENCE = timedelta(minutes=5)
"""A bulk run that has waited for this long goes with the interactive ones, one of a workspace at a time ..."""
BULK_PAUSE = timedelta(minutes=1)
"""... and this long after the last one has ended, so that a long list does not hold up who waits for a run."""
MAP_PATIENCE = timedelta(minutes=5)
"""From then on, parts of a map go with the interactive runs, one of a workspace at a time ..."""
MAP_PAUSE = timedelta(seconds=5)
"""... and this long after the last one has ended: some ten times as long as a part takes."""
MOST_OTHER_SERVERS = 10_000
"""Workers and consumers of a simulation that is asked for with other numbers than the planned ones."""
RUN_MEMORY_BYTES = 1 << 30
REPLICATIONS_CAP = 1_000
HIGHEST_SPEED = 100_000
SO_FAR_EVERY_S = 1.0

SWEEP_JOBS = 500_000_000
"""All cells and designs together: two or three minutes on two cores."""
PROPOSED_SWEEP_JOBS = 400_000_000
"""A minute or two."""
PART_JOBS = 1_000_000
"""Half a second or so, unless a single cell needs more."""
CELLS_A_PART = 20
"""Short cells also take time to advise on, and the map should fill in steadily."""
UNFINISHED_SWEEPS_CAP = 20
LOOK_EVERY_S = 0.5
"""How often a worker checks whether its sweep was cancelled."""

TRACE_BYTES = 64 << 20
"""A million rows take about 45 MB."""
TRACE_ROWS = 1_000_000
UPLOADS_KEPT = timedelta(days=1)
"""How long a file may wait for a person to check how it was understood."""
TRACES_CAP = 200
"""A million rows take about 10 MB of the database."""

LIBRARY_CAP = 200

SHARE_LINKS_CAP = 50
"""Open links of one decision."""
COMMENT_LENGTH = 5_000
COMMENTS_CAP = 1_000

TITLE_LENGTH = 120
TAG_LENGTH, TAGS_CAP = 40, 20
"""Tags of one decision."""
IDEMPOTENCY_KEY_LENGTH = 64
ERROR_LENGTH = 500
ENDPOINT_HOST_LENGTH, ENDPOINT_MODEL_LENGTH = 270, 200
"""A host of 253 characters and its port."""
LONGEST_QUEUES = 400
"""Characters of the names of queues at which a look is taken."""
