"""Seconds of the larger units of time."""

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400
