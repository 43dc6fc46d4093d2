"""The dead-letter queue of a run under way: looked into, taken up again, emptied."""

import json

from simulator.live.event_driven.desk import ASKS, DEAD, DONE, Desk, Letter

AT_ONCE = 0


def letters(desk: Desk) -> tuple[Letter, ...]:
    """Every dead letter, by job."""
    return tuple(desk.dead_letters())


def requeue(desk: Desk, job: int) -> bool:
    """One more attempt at the job; False where it is no dead letter (any more)."""
    letter = next((letter for letter in desk.dead_letters() if letter.job == job), None)
    if letter is None or not desk.connection.hdel(DEAD, str(job)):
        return False
    desk.connection.hdel(DONE, str(job))
    desk.tell(job, "queued")
    desk.connection.rpush(ASKS, json.dumps(["due", job, letter.attempts, AT_ONCE]))
    return True


def empty(desk: Desk) -> int:
    """Throws all of them away; how many there were. Their jobs stay given up."""
    count = int(desk.connection.hlen(DEAD))
    desk.connection.delete(DEAD)
    return count
