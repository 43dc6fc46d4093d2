"""Things laid beside each other: two revisions of a decision, several runs."""
