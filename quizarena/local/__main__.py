"""`python -m quizarena.local`: the demo, or one sentence where packages are missing."""

import sys

try:
    from quizarena.local.demo import main

    main()
except ModuleNotFoundError as error:
    sys.exit(f"error: The environment is incomplete ({error}): delete .venv and run make again.")
