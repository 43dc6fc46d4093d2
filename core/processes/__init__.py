"""Processes that exit with their parent, and the message broker that runs as one of them."""
