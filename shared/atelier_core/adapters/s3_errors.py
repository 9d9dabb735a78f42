"""What an S3 store answers, as our errors. Messages name the key and the code, never a secret."""

import re

from atelier_core.errors import (
    AtelierError,
    ConflictError,
    NotFoundError,
    PermanentError,
    RefusedError,
    StorageFullError,
    TransientError,
)

_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")

REFUSED = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",  # signed for the wrong region
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "PermanentRedirect",  # the bucket is in another region
        "SignatureDoesNotMatch",
    }
)
_FULL = frozenset(
    {
        "InsufficientStorage",
        "QuotaExceeded",
        "XMinioAdminBucketQuotaExceeded",
        "XMinioStorageFull",
    }
)
_AWAY = frozenset({"RequestTimeTooSkewed", "RequestTimeout", "SlowDown"})


class NoBucketError(TransientError):
    """Somebody removed the bucket. Work waits until it is back, or a restart makes a new one."""


class OutOfRangeError(PermanentError):
    """The range asked for begins after the end of the blob."""


def error_code(body: bytes) -> str:
    """The code in an error document; "" if it has none."""
    found = _CODE.search(body[:8192])
    return found[1].decode() if found else ""


def translate(  # noqa: PLR0911 - a table reads best as one match
    status: int, code: str, key: str, *, retry_after: float | None = None
) -> AtelierError:
    """Our error for an answer that is not a success.

    Args:
        status: of the HTTP answer.
        code: what the store calls it; "" where the answer had no body (HEAD).
        key: of the blob, for the message.
        retry_after: seconds, where the store said so.
    """
    about = f"{key}: the object store answers {status} {code}".rstrip()
    if code in REFUSED or (status in {301, 307, 401, 403} and code not in _AWAY):
        hint = "check its access key, secret key and region"
        return RefusedError(f"{about}; {hint}", retry_after=retry_after)
    if code in _FULL or status == 507:  # noqa: PLR2004 - Insufficient Storage
        return StorageFullError(about, retry_after=retry_after)
    if code == "NoSuchBucket":
        return NoBucketError(about)
    if code in _AWAY:
        return TransientError(about, retry_after=retry_after)
    match status:
        case 404:
            return NotFoundError(key)
        case 412:
            return ConflictError(f"{key} is not as expected")
        case 416:
            return OutOfRangeError(key)
        case 408 | 409 | 429:  # 409: two writers at once, and this one wrote nothing
            return TransientError(about, retry_after=retry_after)
        case _ if status >= 500 and status != 501:  # noqa: PLR2004 - 501: it never will
            return TransientError(about, retry_after=retry_after)
        case _:
            return PermanentError(about)
