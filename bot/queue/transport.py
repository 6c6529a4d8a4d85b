"""How python-telegram-bot reaches Telegram: its request interface on aiohttp.

A call costs a tenth of the processor time that the library's own httpx client takes
(docs/decisions/0004), and the errors say what the outbox has to know: did the request leave?
"""

import json
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from django.conf import settings
from telegram.error import NetworkError
from telegram.request import BaseRequest, RequestData

from quizarena import web_guard

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
# Idle connections are closed by us before Telegram does, so that no request meets a closed one.
KEEP_ALIVE_SECONDS = 15.0


class NotSentError(NetworkError):
    """The request has certainly not reached Telegram: there was no connection."""


class AnswerLostError(NetworkError):
    """The request has left and no answer came: it may have been carried out."""


class AiohttpRequest(BaseRequest):
    """One pool of connections, for one event loop."""

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._proxy = _proxy_for(settings.TELEGRAM_API_URL)
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """The seconds that an answer may take by default."""
        return READ_SECONDS

    async def initialize(self) -> None:
        """Open the pool, in the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=KEEP_ALIVE_SECONDS
                ),
                headers={"User-Agent": self.USER_AGENT},
                proxy=self._proxy,
            )

    async def shutdown(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[int, bytes]:
        """Make one request and return status and body.

        Raises NotSentError or AnswerLostError when there is no answer; they name the error and
        keep its text to themselves, since that holds the address, and the address the token. Only
        the time for reading can be set by the caller (long polling does).
        """
        web_guard.require_no_request()
        await self.initialize()
        assert self._session is not None
        read_seconds = read_timeout if isinstance(read_timeout, int | float) else READ_SECONDS
        timeout = aiohttp.ClientTimeout(
            sock_connect=CONNECT_SECONDS,
            sock_read=read_seconds,
            total=CONNECT_SECONDS + 2 * read_seconds,
        )
        body = _body(request_data)
        try:
            async with self._session.request(method, url, **body, timeout=timeout) as response:
                return response.status, await response.read()
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.InvalidURL,
        ) as error:
            raise NotSentError(f"No connection to Telegram: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError among them.
            raise AnswerLostError(f"No answer from Telegram: {type(error).__name__}") from None


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment (HTTPS_PROXY, NO_PROXY) wants for `url`, if any.

    Looked up once: aiohttp's own `trust_env` reads environment and netrc anew for every request.
    """
    address = urlsplit(url)
    if proxy_bypass(address.netloc):
        return None
    return getproxies().get(address.scheme)


def _body(request_data: RequestData | None) -> dict[str, Any]:
    """Return the body that carries the parameters: JSON, or a form if there are uploads.

    The Bot API takes both; to write a keyboard as JSON in a form costs as much as all the rest.
    """
    if request_data is None:
        return {}
    if not request_data.contains_files:
        body = json.dumps(request_data.parameters).encode()
        return {"data": body, "headers": {"Content-Type": "application/json"}}
    form = aiohttp.FormData(request_data.json_parameters)
    for name, (file_name, content, mime_type) in request_data.multipart_data.items():
        form.add_field(name, content, filename=file_name, content_type=mime_type)
    return {"data": form}
