"""The process that decodes pictures: one at a time, from stdin to stdout, within limits.

Started by `media_pool` as `python -m`. A request is REQUEST (what, width, length) and the picture;
an answer ANSWER (status, length) and bytes; the first one, unasked, says READY. It ends with its
parent, whose end closes stdin.
"""

import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from atelier_core.domain.containers import BadImageError
from atelier_core.domain.derive import derive, thumbnail

REQUEST = struct.Struct(">cHI")
ANSWER = struct.Struct(">cI")
THUMBNAIL, DERIVE = b"t", b"d"
READY, DONE, REFUSED = b"y", b"d", b"r"
HASH_LENGTH = struct.Struct(">B")


def main(memory_mb: int, cpu_seconds: float) -> None:
    """Answer until stdin ends. A picture that needs more is refused, or kills the process."""
    os.nice(10)  # thumbnails never slow down a job
    limit_memory(memory_mb << 20)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _answer(sink, READY, b"")
    while head := source.read(REQUEST.size):
        what, width, length = REQUEST.unpack(head)
        data = source.read(length)
        if len(data) < length:
            return  # the parent is gone
        # Its signal ends the process, wherever in a decoder it is. (RLIMIT_CPU counts whole seconds
        # of the process's life, not of one picture.)
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            _answer(sink, DONE, _work(what, width, data))
        except BadImageError as exc:
            _answer(sink, REFUSED, str(exc).encode())
        except MemoryError:
            _answer(sink, REFUSED, b"The picture needs too much memory to decode.")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def limit_memory(
    size: int, setrlimit: Callable[[int, tuple[int, int]], None] = resource.setrlimit
) -> None:
    """Take no more address space than `size` bytes, where the system lets a process say so."""
    with suppress(ValueError):  # macOS does not; and nobody may lift a lower limit
        setrlimit(resource.RLIMIT_AS, (size, size))


def _work(what: bytes, width: int, data: bytes) -> bytes:
    if what == THUMBNAIL:
        return thumbnail(data, width)
    derived = derive(data)
    name = derived.blurhash.encode()
    return HASH_LENGTH.pack(len(name)) + name + derived.thumb_320


def _answer(sink: BinaryIO, status: bytes, body: bytes) -> None:
    sink.write(ANSWER.pack(status, len(body)) + body)
    sink.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
