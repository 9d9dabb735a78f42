from atelier_worker.rush import MANY, Rush


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ends(rush: Rush, clock: Clock, *, every: float, times: int) -> None:
    for _ in range(times):
        clock.now += every
        rush.note()


def test_many_ends_within_a_second_are_a_rush() -> None:
    rush = Rush(clock=(clock := Clock()))
    ends(rush, clock, every=0.01, times=MANY - 1)
    assert not rush.on
    rush.note()
    assert rush.on
    clock.now += 1.0
    assert not rush.on


def test_jobs_that_take_their_time_are_none() -> None:
    rush = Rush(clock=(clock := Clock()))
    ends(rush, clock, every=0.1, times=10 * MANY)
    assert not rush.on
