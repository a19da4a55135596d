"""Free TCP ports on loopback."""

import random
import socket

#: Below the range from which Linux and macOS draw the ports of outgoing connections. A broker's port inside that range
#: can be lost during a restart: a client that keeps dialling it may be given that very port, and connect to itself.
LOW, HIGH = 15000, 32000
_random = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now. Another process may take one before you do: be ready to retry."""
    found: list[int] = []
    while len(found) < count:
        port = _random.randrange(LOW, HIGH)
        if port not in found and is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
