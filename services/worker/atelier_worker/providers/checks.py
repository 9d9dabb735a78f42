"""What an operator set for a vendor, looked at before anything is sent with it."""

from urllib.parse import urlsplit

from atelier_core.errors import SettingsError


def checked_key(value: str, *, name: str) -> str:
    """`value` as it may stand in a header.

    Raises:
        SettingsError: a sentence that names the variable and never shows its value.
    """
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(f"{name} is wrong: must be printable ASCII without spaces.")
    return value


def checked_url(value: str, *, name: str) -> str:
    """`value` as the address of a server, without a slash at its end.

    Raises:
        SettingsError: it is not http or https, or holds a user name, a query or a fragment.
    """
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise SettingsError(f"{name} is wrong: it cannot be read as an address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{name} is wrong: must be an http:// or https:// address.")
    if "@" in parts.netloc:
        raise SettingsError(f"{name} is wrong: must not hold a user name or password.")
    if parts.query or parts.fragment:
        raise SettingsError(f"{name} is wrong: must end with a path.")
    return value.rstrip("/")
