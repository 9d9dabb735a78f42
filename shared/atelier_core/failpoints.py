"""Places at which a test may break a process, so that dying *there* is no matter of luck.

A call of `failpoint` does nothing unless its name is armed, which happens once, at the start of a
process, from the variable ATELIER_FAILPOINTS. It is for the tests of Atelier; nobody else sets it.

    ATELIER_FAILPOINTS=worker.after_put=kill@3,gallery.before_save=raise,api.after_publish=sleep:5

`kill` ends the process as `kill -9` would, `raise` raises what nobody expects, `sleep:SECONDS` and
`hang` hold that one task up. `@N` means the N-th time the place is passed, and only then; the first
if not said.
"""

import asyncio
import logging
import os
import re
import signal
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, cast

from atelier_core.errors import SettingsError

log = logging.getLogger(__name__)

VARIABLE: Final = "ATELIER_FAILPOINTS"

NAMES: Final = frozenset(
    {
        "api.after_row",  # the idempotency row is there, nothing is published
        "api.after_publish",  # published; the row does not say so yet
        "api.before_answer",
        "worker.after_receive",
        "worker.after_claim",  # another's record is this worker's now
        "worker.after_record",  # the call is written down, nobody was asked
        "worker.before_call",
        "worker.before_provider_id",  # the vendor has told its id, nobody wrote it down
        "worker.after_provider_id",
        "worker.after_answer",
        "worker.after_stop",  # the vendor was told to stop; nobody wrote that down
        "worker.before_put",
        "worker.after_put",
        "worker.before_outcome",
        "worker.after_outcome",
        "worker.after_hand_back",  # the record has no holder; the message is not deferred yet
        "worker.before_settle",  # the vendor was asked about calls left open; not written down
        "worker.after_announce",
        "worker.before_ack",
        "worker.derive_after_put",  # the thumbnail is there, nobody knows
        "worker.derive_before_ack",
        "worker.expand_midway",  # some requests of a batch are published
        "worker.expand_before_ack",
        "worker.give_up_midway",  # a dead letter's job has its end in the record only
        "gallery.before_save",
        "gallery.after_save",  # jobs are saved, their pictures are not
        "gallery.before_ack",
        "gallery.after_cancel",  # the record says canceled, the gallery does not
        "gallery.after_sweep_claim",  # this replica has taken it on to ask again, and has not
        "gallery.after_purge",  # the picture is out of its job and nowhere else
        "gallery.after_bytes",  # its bytes are gone, its document is not
    }
)

_FORM: Final = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<action>[a-z]+)(:(?P<seconds>\d+(\.\d+)?))?(@(?P<at>[1-9]\d*))?"
)


class FailpointError(Exception):
    """What `raise` raises: deliberately nothing that anybody handles."""


@dataclass
class _Armed:
    action: str
    seconds: float
    at: int
    passed: int = 0


class _Nothing(tuple[None, ...]):
    """Awaiting it takes no turn of the loop and next to no time: its iterator is C and empty."""

    __slots__ = ()
    __await__ = tuple.__iter__


_NOTHING: Final = cast(Awaitable[None], _Nothing())
_armed: dict[str, _Armed] = {}


def failpoint(name: str) -> Awaitable[None]:
    """To be awaited at the place that is called `name`."""
    if not _armed:
        return _NOTHING
    return _pass(name)


def arm(text: str | None) -> None:
    """Arm what `text` says, in place of what was armed before.

    Raises:
        SettingsError: one sentence about what is wrong with it.
    """
    armed = dict(_read(part.strip()) for part in text.split(",")) if text else {}
    _armed.clear()
    _armed.update(armed)
    if armed:
        log.warning("failpoints are armed: this process is to break", extra={"points": text})


def _read(text: str) -> tuple[str, _Armed]:
    form = _FORM.fullmatch(text)
    if form is None:
        raise SettingsError(f"{VARIABLE} is wrong: {text!r} is not NAME=ACTION[:SECONDS][@COUNT].")
    name, action = form["name"], form["action"]
    if name not in NAMES:
        raise SettingsError(f"{VARIABLE} is wrong: there is no failpoint {name!r}.")
    if action not in ("kill", "raise", "sleep", "hang"):
        raise SettingsError(f"{VARIABLE} is wrong: a failpoint cannot {action!r}.")
    if (action == "sleep") != (form["seconds"] is not None):
        raise SettingsError(f"{VARIABLE} is wrong: seconds belong to sleep, and only to sleep.")
    return name, _Armed(action, float(form["seconds"] or 0), int(form["at"] or 1))


async def _pass(name: str) -> None:
    point = _armed.get(name)
    if point is None:
        return
    point.passed += 1
    if point.passed != point.at:
        return
    match point.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise FailpointError(name)
        case "sleep":
            await asyncio.sleep(point.seconds)
        case _:
            await asyncio.Event().wait()
