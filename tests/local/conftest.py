"""Where runs under test keep their data."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """A directory that is yet to be made, where the servers' account can reach it.

    Under root pytest's own directories are for root only, and the servers run as somebody else.
    """
    parent = Path(tempfile.mkdtemp(prefix="quizarena-test-"))
    parent.chmod(0o711)
    yield parent / "data"
    shutil.rmtree(parent)
