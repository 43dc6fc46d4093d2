"""What is posted about workspaces and invitations."""

from django.http import QueryDict

from advisor.decisions.names import clean_name


def name_from(post: QueryDict) -> str:
    """A workspace's name.

    Raises:
        InvalidInput: if it is empty or too long.
    """
    return clean_name(post.get("name", ""), "name")


def days_from(post: QueryDict) -> int:
    """How long an invitation holds; 0, which nothing does, for what is no number."""
    given = post.get("days", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 4 else 0
