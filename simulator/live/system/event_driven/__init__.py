"""The event-driven design's processes: accept (202), rq's queues, workers and scheduler, a rate limit server, and delivery."""
