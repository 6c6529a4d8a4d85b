"""Start the sandbox without Django: python -m bot.sandbox --port 8081."""

import argparse
import logging
from pathlib import Path

from bot.sandbox import server


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=server.DEFAULT_PORT)
    parser.add_argument("--state", type=Path, help="file that carries everything over a restart")
    parser.add_argument("--token", default=server.DEFAULT_TOKEN, help="the bot's token")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server.run(host=options.host, port=options.port, token=options.token, state_path=options.state)


if __name__ == "__main__":
    main()
