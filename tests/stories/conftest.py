"""The whole stack, started once for all stories."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running_stack


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
