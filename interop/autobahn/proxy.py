"""A TCP relay between the suite and the peer under test that checks every byte the peer sends."""

import asyncio

from wire import Frames, Handshake, request_breaches, response_breaches


class Proxy:
    """Listens on a free port and relays each connection to `target`.

    `testee` says which side is under test: "client" for whoever connects to us, "server" for the
    target. `breaches` are its faults. Closing the proxy cuts its connections, and so ends a case
    that would wait for ever.
    """

    def __init__(self, target, testee):
        self.breaches = []
        self._target, self._testee = target, testee
        self._request = None
        self._client_frames = None
        self._writers, self._served = set(), set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        if self._served:
            await asyncio.wait(self._served, timeout=5)

    def cut(self):
        """Ends all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, client_reader, client_writer):
        self._served.add(asyncio.current_task())
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError as error:
            self.breaches.append(f"connecting to the server: {error}")
            client_writer.transport.abort()
            return
        self._writers |= {client_writer, server_writer}
        await asyncio.gather(
            self._pump(client_reader, server_writer, "client"),
            self._pump(server_reader, client_writer, "server"),
        )

    async def _pump(self, reader, writer, side):
        """Relays one direction to its end."""
        audit = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            audit = self._opened(Handshake(head[:-4]), side)
            writer.write(head)
            while data := await reader.read(1 << 16):
                if audit:
                    audit.feed(data)
                writer.write(data)
                await writer.drain()
            if audit:
                audit.end()
            writer.write_eof()
        except asyncio.IncompleteReadError as cut_off:
            # A handshake that never was; the suite has its own opinion about that.
            writer.write(cut_off.partial)
            writer.close()
        except OSError:
            # One side is gone without a word: let the other know in the same way.
            writer.transport.abort()
        finally:
            if audit:
                self.breaches += audit.breaches[:5]

    def _opened(self, handshake, side):
        """Checks a handshake and returns what checks the frames after it, if this side is under test."""
        agreed = "permessage-deflate" in handshake.extensions()
        if side == "client":
            self._request = handshake
            breaches = request_breaches(handshake)
            # The answer will tell; a client sends no frame before that.
            frames = self._client_frames = Frames(masked=True, deflate=False)
        else:
            breaches = response_breaches(handshake, self._request)
            self._client_frames.deflate = agreed
            frames = Frames(masked=False, deflate=agreed)
        if side != self._testee:
            return None
        self.breaches += breaches
        return frames
