"""TLS in front of a PostgreSQL that was built without."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import ssl
import struct
import threading

# A client that wants TLS sends this before anything else.
SSL_REQUEST = struct.pack("!II", 8, 80877103)


class Front:
    """Listens on a port of loopback until it is closed; whoever does not ask for TLS is refused."""

    def __init__(self, certificate: pathlib.Path, key: pathlib.Path, behind: int) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        self.behind = behind
        # It warns of each client that closes its connection.
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        serving = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop
        )
        self.port: int = serving.result(10).sockets[0].getsockname()[1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Joins one client with the server behind."""
        try:
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self.context)
            there, back = await asyncio.open_connection("127.0.0.1", self.behind)
            await asyncio.gather(pass_on(reader, back), pass_on(there, writer))
        except (OSError, asyncio.IncompleteReadError):
            # A client that goes away, or does not trust the certificate, is its own business.
            pass
        finally:
            writer.close()

    def close(self) -> None:
        """Ends, with every connection."""
        asyncio.run_coroutine_threadsafe(self.end(), self.loop)
        self.thread.join(10)

    async def end(self) -> None:
        """Ends what is being served, and then the loop."""
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        self.loop.stop()


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Hands on what comes, until it ends."""
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    finally:
        target.close()
