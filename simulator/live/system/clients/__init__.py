"""The callers of a live run: an open-loop load of the Scenario's clients."""
