"""The synchronous design's service: workers behind a bounded backlog, the provider called in line."""
