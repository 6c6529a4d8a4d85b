"""A plugin: each process of the tests has its own database of the Redis server.

A queue, a cache and a lock that two processes share would let one take what the other waits for.
It comes before the settings are read, and what a test starts inherits it.
"""

import os
import re

# What a Redis has unless it is configured otherwise.
DATABASES = 16

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
_url = os.environ.get("REDIS_URL", "")
if _worker and _url:
    _number = (int(_worker.removeprefix("gw")) + 1) % DATABASES
    os.environ["REDIS_URL"] = f"{re.sub(r'(?<=[^/])/[0-9]*$', '', _url)}/{_number}"
