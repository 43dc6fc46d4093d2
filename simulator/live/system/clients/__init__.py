"""The callers of a live run: they arrive at their instants whatever the system does, and do what the Scenario's clients do until each has its end."""
