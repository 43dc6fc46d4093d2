"""A clock that moves when it is told to."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Hands out the time that it was set to."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> None:
        self.time = start

    def now(self) -> datetime:
        """The time."""
        return self.time

    def move(self, seconds: float) -> datetime:
        """Goes forward, or back, and says the new time."""
        self.time += timedelta(seconds=seconds)
        return self.time
