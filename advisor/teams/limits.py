"""Every number that bounds a team, in one place."""

from datetime import timedelta

SESSION_SEEN_EVERY = timedelta(minutes=5)
"""How often it is noted that somebody who is signed in was here."""
INVITATION_DAYS = (1, 7, 30)
"""How long an invitation may hold; the second is offered first."""
PASSWORD_RESET_AGE = timedelta(hours=24)
"""How long a link to set a new password may be used."""
OPEN_INVITATIONS_CAP = 100
"""Invitations of one workspace that wait to be used."""
WORKSPACES_CAP = 50
"""Workspaces of one person."""
