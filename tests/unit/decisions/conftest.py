"""A decision to work on."""

import pytest

from advisor.decisions.models import Decision
from advisor.decisions.services.create_decision import create_decision
from advisor.teams.models import User, Workspace


@pytest.fixture
def decision(workspace: Workspace, user: User) -> Decision:
    """A draft from the default template, of the local user."""
    return create_decision(workspace, user, {"template": "document_extraction"})
