"""The data folder: one platform at a time, and nothing in it that is not ours."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atelier_core.errors import SettingsError


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """The folder, made if need be, for this process alone until the context is left.

    The lock is the kernel's: it goes with the process, however that ends.

    Raises:
        SettingsError: it cannot be made or written, or another process has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise SettingsError(
            f"The data folder {str(folder)!r} cannot be used ({exc.strerror});"
            " choose another with --data or ATELIER_DATA."
        ) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(lock)
        raise SettingsError(
            f"Another Atelier is running on the data folder {str(folder)!r};"
            " stop it, or choose another folder with --data or ATELIER_DATA."
        ) from exc
    try:
        yield folder
    finally:
        os.close(lock)
