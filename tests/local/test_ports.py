"""Ports that are taken, and ports that are none."""

import socket

import pytest

from quizarena.local.errors import LocalError
from quizarena.local.ports import any_free_port, first_free_port, parse_port


def test_a_free_port_is_taken_as_it_is() -> None:
    port = any_free_port()

    assert first_free_port(port, variable="PORT") == port


def test_the_next_port_is_taken_when_something_else_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        assert port < first_free_port(port, variable="PORT") <= port + 100


def test_a_port_that_is_spoken_for_is_left_out() -> None:
    port = any_free_port()

    assert first_free_port(port, variable="SANDBOX_PORT", taken=port) > port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "web", "8e3", "٣"])
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(LocalError, match=r"PORT is .*: set it to a number from 1 to 65535"):
        parse_port(text, variable="PORT")


def test_above_the_last_port_there_is_none() -> None:
    with (
        socket.create_server(("127.0.0.1", 65535)),
        pytest.raises(LocalError, match="No port from 65535 on is free: set PORT to another one"),
    ):
        first_free_port(65535, variable="PORT")
