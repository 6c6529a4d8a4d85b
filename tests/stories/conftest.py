"""The whole stack, started once for all stories."""

from collections.abc import Iterator
from datetime import UTC

import pytest
import time_machine

from tests.stack import Stack, running_stack


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Let the test have the machine's time, as the processes of the stack do."""
    with time_machine.travel(time_machine.escape_hatch.datetime.datetime.now(UTC)) as traveller:
        yield traveller


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start the servers and the sandbox of all stories; take `stack`, where everything runs."""
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def stack(running: Stack) -> Stack:
    """Return the whole stack, running, ready and without players."""
    running.begin("web", "webhook", "worker", "sender", "beat")
    return running
