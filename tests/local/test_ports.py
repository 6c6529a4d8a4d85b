"""Ports that are taken, and ports that are none."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from quizarena.local.errors import LocalError
from quizarena.local.ports import any_free_port, claim_port, parse_port


def claimed(wanted: int) -> int:
    """Return the port that is claimed when `wanted` is asked for; it is free again afterwards."""
    with claim_port(wanted, variable="PORT") as claim:
        port: int = claim.getsockname()[1]
        return port


def test_a_free_port_is_taken_as_it_is() -> None:
    port = any_free_port()

    assert claimed(port) == port
    assert claimed(port) == port


def test_the_next_port_is_taken_when_something_else_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert port < claimed(port) <= port + 100


def test_a_port_that_is_claimed_can_be_listened_on_but_is_claimed_by_nobody_else() -> None:
    port = any_free_port()

    with claim_port(port, variable="PORT"):
        assert claimed(port) > port
        with socket.create_server(("127.0.0.1", port)):
            assert claimed(port) > port


def test_of_several_who_want_one_port_at_once_each_gets_another() -> None:
    wanted = any_free_port()

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: claim_port(wanted, variable="PORT"), range(8)))

    assert len({claim.getsockname()[1] for claim in claims}) == 8
    for claim in claims:
        claim.close()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "web", "8e3", "٣"])
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(LocalError, match=r"PORT is .*: set it to a number from 1 to 65535"):
        parse_port(text, variable="PORT")


def test_above_the_last_port_there_is_none() -> None:
    with (
        socket.create_server(("127.0.0.1", 65535)),
        pytest.raises(LocalError, match="No port from 65535 on is free: set PORT to another one"),
    ):
        claim_port(65535, variable="PORT")
