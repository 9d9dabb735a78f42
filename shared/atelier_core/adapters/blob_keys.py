"""Which keys a blob may have: the same for every store, so that none is looser than another."""

import re

from atelier_core.errors import PermanentError

MAX_KEY = 900  # bytes; S3 allows 1,024
MAX_META = 2048  # bytes, by S3
_PART = r"(?!\.\.?(?:/|$))[A-Za-z0-9._-]{1,200}"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_PREFIX = re.compile(rf"(?:{_PART}/)*(?:{_PART})?", re.ASCII)


def check_key(key: str) -> str:
    """`key` itself: parts of `A-Za-z0-9._-` (1-200, never `.` or `..`) joined by `/`.

    Raises:
        PermanentError: it is not of that form.
    """
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise PermanentError(f"not a key: {key[:80]!r}")
    return key


def check_prefix(prefix: str) -> str:
    """`prefix` itself: the beginning of a key, perhaps empty.

    Raises:
        PermanentError: no key starts like that.
    """
    if len(prefix) > MAX_KEY or not _PREFIX.fullmatch(prefix):
        raise PermanentError(f"not the beginning of a key: {prefix[:80]!r}")
    return prefix


_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


def check_meta(meta: dict[str, str]) -> dict[str, str]:
    """`meta` itself: lower-case ASCII names, printable ASCII values, 2 KiB together (S3's limit).

    Raises:
        PermanentError: some store could not keep it as it is.
    """
    for name, value in meta.items():
        if not _NAME.fullmatch(name):
            raise PermanentError(f"not a name of metadata: {name[:80]!r}")
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise PermanentError(f"the metadata {name!r} is not plain ASCII text")
    if sum(len(name) + len(value) for name, value in meta.items()) > MAX_META:
        raise PermanentError("more than 2 KiB of metadata")
    return meta
