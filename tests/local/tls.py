"""TLS in front of a plain server: production speaks to Telegram in no other way."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme


@contextmanager
def tls_in_front_of(
    port: int, *, authority: Path, address: str = "127.0.0.1", name: str = "127.0.0.1"
) -> Iterator[str]:
    """Give the server on `port` an https address with this `name` as long as the block lasts.

    The certificate of who vouches for it is written to `authority` (SSL_CERT_FILE for a client).
    """
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    certificate = issuer.issue_cert(name)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(_listen(port, certificate, address))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"https://{name}:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


async def _listen(port: int, certificate: trustme.LeafCert, address: str) -> asyncio.Server:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, behind_writer), _copy(behind_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return await asyncio.start_server(relay, address, 0, ssl=context)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    writer.close()
