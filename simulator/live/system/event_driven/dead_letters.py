"""The dead-letter queue of a run under way: looked into, taken up again, emptied."""

from simulator.live.system.event_driven.desk import DEAD, Desk, Letter

AT_ONCE = 0


def letters(desk: Desk) -> tuple[Letter, ...]:
    """Every dead letter, by job."""
    return tuple(desk.dead_letters())


def requeue(desk: Desk, job: int) -> bool:
    """One more attempt at the job; False where it is no dead letter (any more)."""
    letter = next((letter for letter in desk.dead_letters() if letter.job == job), None)
    if letter is None:
        return False
    step = desk.step()
    step.hdel(DEAD, str(job))
    desk.retry_at(step, job, letter.attempts, AT_ONCE)
    return desk.move(step)


def empty(desk: Desk) -> int:
    """Throws all of them away; how many there were. Their jobs stay given up."""
    with desk.connection.pipeline() as step:
        count, _ = step.hlen(DEAD).delete(DEAD).execute()
    return int(count)
