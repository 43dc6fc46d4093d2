"""Comparisons of two revisions of a decision, and of several runs."""
