"""What our services ask each other over HTTP; never routed by the front door.

Every call carries `HEADER: token` (`http.auth.internal_token`), an HMAC of the installation's key.
"""

from atelier_core.domain.values import Value

HEADER = "X-Atelier-Internal"

IDENTIFY = "/internal/identify"
"""`POST` of `Shown` at the API: 200 `Identified`, 401 when it speaks for nobody."""

READ_JOB = "/internal/jobs/{job_id}"
"""`GET` at the gallery with `owner`, `wait` (seconds) and `until_done` (`true` or `false`):
200 with `Job.model_dump_json()` (every field), 404 while `owner` has no such job."""

MAX_WAIT = 60.0  # seconds one question may be held


class Shown(Value):
    """What a request showed of who it is from (`ports.Credentials`)."""

    bearer: str | None = None
    session: str | None = None
    ticket: str | None = None


class Identified(Value):
    owner: str
