"""Requests a second that two web processes answer, and what a page costs them: `python -m benchmarks.pages`."""
