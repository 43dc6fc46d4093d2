from datetime import timedelta

SESSION_SEEN_EVERY = timedelta(minutes=5)
"""How often the use of a session is noted."""
INVITATION_DAYS = (1, 7, 30)
"""The second is offered first."""
PASSWORD_RESET_AGE = timedelta(hours=24)
OPEN_INVITATIONS_CAP = 100
WORKSPACES_CAP = 50
