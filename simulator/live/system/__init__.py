"""The system under test: the sample endpoint, the synchronous service, the event-driven design on rq, and their clients."""
