"""Ports for servers that a test starts a moment after it chose where they listen."""

import random
import socket

# Below what systems hand out to whoever binds port 0 or connects (Linux: from 32768): between the
# choice and the start of the server, no other server or connection can come by the same port.
CHOICE = range(12_000, 22_000)


def free_port() -> int:
    """A loopback port that nobody listens on, chosen at random."""
    while True:
        port = random.choice(CHOICE)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
