"""Bring the database of the demo up to date, in one start of Django.

Writes `# ...` before each step, `translated` once other processes find the translations, which
they read only once, `migrated` as soon as they may use the database, and `staff ROLE USER PASSWORD`
for each login; the demo reads that.
"""

import os
import socket
import time
from contextlib import suppress
from io import StringIO

import django
from django.core.management import call_command

from quizarena.local import handbook
from quizarena.local.errors import LocalError

SANDBOX_SECONDS_MAX = 30


def main() -> None:
    """Compile the translations, migrate, seed, create staff passwords, and build the handbook."""
    from quizarena import translations

    _step("translating")
    translations.compile_all()
    print("translated", flush=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quizarena.settings")
    django.setup()
    _step("migrating the database")
    call_command("migrate", interactive=False, verbosity=0)
    print("migrated", flush=True)
    _step("seeding questions")
    call_command("seed", verbosity=0)
    _step("creating staff passwords")
    logins = StringIO()
    call_command("staff_passwords", stdout=logins)
    for login in logins.getvalue().splitlines():
        print("staff", login)
    if "SANDBOX_PORT" in os.environ:
        _step("setting the webhook of the sandbox")
        _wait_for_sandbox(port=int(os.environ["SANDBOX_PORT"]))
        url = f"http://127.0.0.1:{os.environ['WEBHOOK_PORT']}"
        call_command("webhook", "set", url=url, stdout=StringIO())
    # Last: it can take longer than all the rest, and nothing waits for it.
    _build_handbook()


def _build_handbook() -> None:
    """Build the handbook if its pages have changed; the demo runs without one, too."""
    if handbook.is_current():
        return
    _step("building the handbook")
    try:
        handbook.build()
    except LocalError as error:
        _step(f"without the handbook: {str(error).splitlines()[0]}")


def _step(text: str) -> None:
    print(f"# {text}", flush=True)


def _wait_for_sandbox(*, port: int) -> None:
    """Return once it accepts connections, or after a while: then the next call will complain."""
    deadline = time.monotonic() + SANDBOX_SECONDS_MAX
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main()
