"""Order of jobs with the same key: one at a time, as they were accepted, until each is settled; the next ones wait outside rq's queues.

A job whose turn has come is put into its queue before the jobs that were accepted after it, as if it had always been there.
"""

from typing import Any

from simulator.live.system.jobs import Jobs

HOLDERS, HELD_BACK = "x:holders", "x:held-back"
"""In the broker, by key the job that has it, and by job when the client of one that waits for its key called."""
_HOLD = """
if redis.call('hexists', KEYS[1], ARGV[1]) == 0 then
  redis.call('hset', KEYS[1], ARGV[1], ARGV[2])
  return 1
end
redis.call('rpush', KEYS[3], ARGV[2])
redis.call('hset', KEYS[2], ARGV[2], ARGV[3])
return 0
"""
_RELEASE = """
if redis.call('hget', KEYS[1], ARGV[1]) ~= ARGV[2] then return false end
local following = redis.call('lpop', KEYS[3])
if not following then
  redis.call('hdel', KEYS[1], ARGV[1])
  return false
end
redis.call('hset', KEYS[1], ARGV[1], following)
local called = redis.call('hget', KEYS[2], following)
redis.call('hdel', KEYS[2], following)
return {following, called}
"""
_MOVE = """
if redis.call('lrem', KEYS[1], -1, ARGV[1]) == 0 then return end
for _, other in ipairs(redis.call('lrange', KEYS[1], 0, -1)) do
  if tonumber(string.match(other, '^job%-(%d+)')) > tonumber(ARGV[2]) then
    redis.call('linsert', KEYS[1], 'BEFORE', other, ARGV[1])
    return
  end
end
redis.call('rpush', KEYS[1], ARGV[1])
"""


class KeyOrder:
    def __init__(self, connection: Any, jobs: Jobs) -> None:
        self._connection, self._jobs = connection, jobs
        self._hold, self._release, self._move = map(connection.register_script, (_HOLD, _RELEASE, _MOVE))

    def hold(self, job: int, called_s: float | None) -> bool:
        """Return whether the job has its key now; otherwise it waits for it."""
        key = self._jobs.key_of_order(job)
        called = "" if called_s is None else repr(called_s)
        return bool(self._hold(keys=[HOLDERS, HELD_BACK, f"x:key:{key}"], args=[key, job, called]))

    def release(self, job: int) -> tuple[int, float | None] | None:
        """The job is settled. Return the next one that has its key, and when its client called; None if there is none."""
        key = self._jobs.key_of_order(job)
        following = self._release(keys=[HOLDERS, HELD_BACK, f"x:key:{key}"], args=[key, job])
        return None if following is None else (int(following[0]), float(following[1]) if following[1] else None)

    def move_into_line(self, queue_key: str, rq_id: str, job: int) -> None:
        """Move a job from the end of its queue to its place by acceptance, unless a consumer has taken it."""
        self._move(keys=[queue_key], args=[rq_id, job])

    def held_back(self) -> set[int]:
        return {int(job) for job in self._connection.hkeys(HELD_BACK)}
