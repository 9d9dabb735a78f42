"""The ways anything here can fail, sorted by what the caller can do about it.

* AtelierError
  x TransientError        try again later; `retry_after` seconds if that is known
    + StorageFullError    the disk is full: nothing was written
    + RefusedError        a server refuses our credentials: the operator must mend them
  x PermanentError        trying again cannot help
    + ContractError       a message nobody here can read
    + NotFoundError       the thing asked for does not exist (or is somebody else's)
    + ConflictError       somebody else changed it first: read again, decide again
    + SettingsError       the operator must change a setting
  x Defer                 not a failure: hand the message out again at `until`
"""

from datetime import datetime


class AtelierError(Exception):
    """Base of every error this project raises on purpose."""


class TransientError(AtelierError):
    """The same call may succeed later, after `retry_after` seconds if that is known."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StorageFullError(TransientError):
    """No space left where it should be stored; nothing was written."""


class RefusedError(TransientError):
    """A server refuses this installation's credentials.

    Transient, because turning a key must not cost anybody a job: work waits. The message says what
    to look at, and holds no secret and no address.
    """


class PermanentError(AtelierError):
    """The same call will fail again."""


class ContractError(PermanentError):
    """A message that does not follow any event contract this version knows."""


class NotFoundError(PermanentError):
    """The thing asked for does not exist."""


class ConflictError(PermanentError):
    """The thing changed since it was read, or exists already."""


class SettingsError(PermanentError):
    """A setting is wrong; the message is one sentence that names the variable."""


class Defer(AtelierError):  # noqa: N818 - a signal, not an error: waiting is not failing
    """Hand the message out again at `until`; nothing failed."""

    def __init__(self, until: datetime, reason: str = "") -> None:
        super().__init__(reason or f"deferred until {until.isoformat()}")
        self.until = until
