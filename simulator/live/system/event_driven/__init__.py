"""The event-driven design's parts: accept (202), real rq queues and workers, the run's own scheduler and pacer, and delivery."""
