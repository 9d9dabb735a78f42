"""What a file system says, as our errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from atelier_core.errors import NotFoundError, PermanentError, StorageFullError, TransientError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLASH = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})


@contextmanager
def translated_os(key: str) -> Iterator[None]:
    """The one place where the file system's errors become ours."""
    try:
        yield
    except FileNotFoundError as exc:
        raise NotFoundError(key) from exc
    except OSError as exc:
        if exc.errno in _FULL:
            raise StorageFullError(f"no room for {key}: {exc.strerror}") from exc
        if exc.errno in _CLASH:
            raise PermanentError(f"{key}: a key and the beginning of another") from exc
        raise TransientError(f"{key}: {exc.strerror}") from exc
