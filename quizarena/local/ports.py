"""Which ports the demo listens on."""

import socket

from quizarena.local.errors import LocalError

PORT_MAX = 65535
TRIES = 100


def parse_port(text: str, *, variable: str) -> int:
    """Return `text` as a port number; raise LocalError if it is none."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= PORT_MAX):
        raise LocalError(f"{variable} is {text!r}: set it to a number from 1 to {PORT_MAX}.")
    return int(text)


def claim_port(wanted: int, *, variable: str) -> socket.socket:
    """Return what holds the first port from `wanted` on that is free on loopback.

    It is a UDP socket of that number: as long as it is open no other demo takes the port, while the
    server that will listen there on TCP has yet to start.
    """
    for port in range(wanted, min(wanted + TRIES, PORT_MAX + 1)):
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            _bind(claim, port, variable=variable)
            with socket.socket() as probe:
                # A connection of the last run that still lingers does not take the port; a
                # listener does.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                _bind(probe, port, variable=variable)
        except OSError:
            claim.close()
        else:
            return claim
    raise LocalError(f"No port from {wanted} on is free: set {variable} to another one.")


def any_free_port() -> int:
    """Return a free port that the system chooses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _bind(endpoint: socket.socket, port: int, *, variable: str) -> None:
    try:
        endpoint.bind(("127.0.0.1", port))
    except PermissionError:
        raise LocalError(
            f"{variable} is {port}, which is for root only: set it to 1024 or more."
        ) from None
