"""Which workers are taken for stuck."""

from advisor.server.watchdog import PATIENCE_S, StuckWorkers

LIMIT_S = 100.0


def test_a_worker_at_work_on_its_run_is_left_alone_up_to_the_limit() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    assert stuck_workers.stuck(0, [7], {7: "run 1"}) == set()
    assert stuck_workers.stuck(LIMIT_S, [7], {7: "run 1"}) == set()


def test_one_that_is_still_at_work_after_its_run_was_taken_from_it_is_stuck() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {7: "run 1"})
    assert stuck_workers.stuck(10, [7], {}) == set()
    assert stuck_workers.stuck(10 + PATIENCE_S, [7], {}) == set()
    assert stuck_workers.stuck(11 + PATIENCE_S, [7], {}) == {7}


def test_one_whose_run_is_past_every_limit_is_stuck() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {7: "run 1"})
    assert stuck_workers.stuck(LIMIT_S + PATIENCE_S + 1, [7], {7: "run 1"}) == {7}


def test_each_attempt_has_the_whole_limit() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {7: "run 1"})
    stuck_workers.stuck(LIMIT_S, [7], {7: "other 1"})
    assert stuck_workers.stuck(LIMIT_S + PATIENCE_S + 1, [7], {7: "other 1"}) == set()


def test_an_idle_one_is_forgotten() -> None:
    stuck_workers = StuckWorkers(LIMIT_S)
    stuck_workers.stuck(0, [7], {})
    stuck_workers.stuck(PATIENCE_S, [], {})
    assert stuck_workers.stuck(PATIENCE_S + 1, [7], {}) == set()
