"""What a flow may ask of the outside world.

A flow is a generator: it yields effects and is sent their results, so everything that decides
(retries, paging, reconnecting) is written once and without I/O. `blocking.py` and `asynchronous.py`
perform the effects, each in its own way; a failure is thrown into the flow where it asked.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Call:
    """One HTTP exchange; its result is a `Reply`, its failure `Unreachable`.

    `patience` is how many seconds the server may hold the answer, beyond the client's timeout.
    """

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    patience: float = 0.0


@dataclass(frozen=True)
class Open(Call):
    """Like `Call`, but a good answer's body is taken piece by piece with `Read`.

    Replaces the stream that was open. `events`: pieces are server-sent events instead of bytes.
    """

    events: bool = False
    idle: float = 30.0


@dataclass(frozen=True)
class Read:
    """The next piece of the open stream, or None at its end; `Unreachable` if it broke."""


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Work:
    """Something that blocks (the disk); its result is what `function` returns."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Emit:
    """Hands `value` to whoever iterates over the flow."""

    value: Any


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status; `content` is empty for a good answer to `Open`."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""


Effect = Call | Read | Pause | Work | Emit
Flow = Generator[Effect, Any, T]


class Machine:
    """Steps through one flow; whoever drives it sets `answer` or `error` between steps."""

    def __init__(self, flow: Flow[Any]) -> None:
        self._flow = flow
        self.answer: Any = None
        self.error: Exception | None = None
        self.result: Any = None

    def step(self) -> Effect | None:
        """The next effect to perform, or None once the flow has its `result`."""
        answer, error = self.answer, self.error
        self.answer = self.error = None
        try:
            return self._flow.throw(error) if error else self._flow.send(answer)
        except StopIteration as stop:
            self.result = stop.value
            return None

    def close(self) -> None:
        """Leaves the flow where it stands; its `finally` clauses run."""
        self._flow.close()
