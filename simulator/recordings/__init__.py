"""Reads recordings of arrivals, as people have them: a file is understood first, then read by that understanding."""
