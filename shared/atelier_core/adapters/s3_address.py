"""Addresses and dates of S3 stores."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, quote, urlsplit

from minio.credentials.credentials import Credentials
from minio.helpers import queryencode
from minio.signer import presign_v4

from atelier_core.errors import SettingsError

_LONGEST = 7 * 24 * 3600  # seconds an address may be good for, by S3


def origin_of(endpoint: str) -> SplitResult:
    """The address of a store as it must be signed: no default port, no path.

    Raises:
        SettingsError: it is not an http(s) address.
    """
    url = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    try:
        port = url.port
    except ValueError:
        port = -1
    if url.scheme not in {"http", "https"} or not url.hostname or port == -1 or url.username:
        raise SettingsError("The address of the object store is not like http://host:9000.")
    if port == {"http": 80, "https": 443}[url.scheme]:
        port = None
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return SplitResult(url.scheme, f"{host}:{port}" if port else host, "", "", "")


def parse_date(text: str) -> datetime:
    """The time in an HTTP header; now, if it holds none."""
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return datetime.now(UTC)


def presigned(
    url: SplitResult,
    *,
    region: str,
    credentials: Credentials,
    seconds: int,
    filename: str | None,
) -> str:
    """An address that reads `url` for `seconds` (at most a week), as a download if named."""
    query = ""
    if filename is not None:
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in filename)
        named = f"filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
        query = f"response-content-disposition={queryencode(f'attachment; {named}')}"
    return presign_v4(
        method="GET",
        url=url._replace(query=query),
        region=region,
        credentials=credentials,
        date=datetime.now(UTC),
        expires=max(1, min(seconds, _LONGEST)),
    ).geturl()
