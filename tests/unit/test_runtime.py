"""What a process asks of its system, where systems differ."""

from resource import RLIM_INFINITY

import pytest

from atelier_core.adapters.media_child import limit_memory
from atelier_core.runtime import most_open_files


@pytest.mark.parametrize(
    ("soft", "hard", "most"),
    [
        (1024, 524288, 524288),
        (1024, 1024, 1024),
        (256, RLIM_INFINITY, 10_240),  # macOS, which refuses infinity
        (61_440, RLIM_INFINITY, 61_440),
        (RLIM_INFINITY, RLIM_INFINITY, RLIM_INFINITY),
    ],
)
def test_as_many_open_files_as_the_system_takes(soft: int, hard: int, most: int) -> None:
    assert most_open_files(soft, hard) == most


def test_a_system_that_limits_no_memory_is_done_without() -> None:
    asked: list[tuple[int, int]] = []

    def refuse(_: int, limits: tuple[int, int]) -> None:
        asked.append(limits)
        raise ValueError("current limit exceeds maximum limit")  # as on macOS

    limit_memory(1 << 30, refuse)
    assert asked == [(1 << 30, 1 << 30)]
