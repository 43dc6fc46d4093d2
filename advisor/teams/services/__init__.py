"""Use cases of people and workspaces."""

from advisor.teams.services.local import local_user_and_workspace

__all__ = ["local_user_and_workspace"]
