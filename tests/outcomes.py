"""What becomes of a job: each offered one is counted in one of these fields of a result."""

OUTCOMES = (
    "completed",
    "failed",
    "timed_out",
    "rejected",
    "dead_lettered",
    "undelivered",
    "lost",
    "in_system",
    "undecided",
)
