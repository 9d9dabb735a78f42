"""Vendors that stay while tests, each with a loop of its own, come and go."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")
Start = Callable[[AbstractAsyncContextManager[T]], T]


@contextmanager
def living() -> "Iterator[Start[T]]":
    """What starts a vendor's context in a thread of its own; all are left together."""
    with start_blocking_portal() as portal, ExitStack() as stack:

        def start(context: AbstractAsyncContextManager[T]) -> T:
            return stack.enter_context(portal.wrap_async_context_manager(context))

        yield start
