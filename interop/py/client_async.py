"""The asyncio client of python-socketio, run through the scenarios from outside its loop."""

import asyncio
import queue
import threading

import engineio
import runner
import socketio
from inbox import PATIENCE_S, Inbox

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def wait(coroutine):
    """Runs a coroutine on the clients' loop and waits for it here."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(timeout=2 * PATIENCE_S)


class Engine(engineio.AsyncClient):
    """The stock engine, which tells of heartbeats."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.heartbeats = queue.Queue()

    async def _receive_packet(self, packet):
        await super()._receive_packet(packet)
        if packet.packet_type == engineio.packet.PING:
            self.heartbeats.put(packet)


class Client(socketio.AsyncClient):
    """The stock client on that engine."""

    def _engineio_client_class(self):
        return Engine


class Connection:
    """One client as the scenarios use it."""

    def __init__(self, site, namespaces, auth=None, refused=False, reconnection=False, answers=None):
        self._inbox = Inbox()
        self._answers = answers or {}
        wait(self._connect(site, namespaces, auth, refused, reconnection))

    async def _connect(self, site, namespaces, auth, refused, reconnection):
        self._client = Client(
            reconnection=reconnection, reconnection_delay=0.05, randomization_factor=0, serializer=site.parser
        )
        for namespace in namespaces:
            self._client.on("*", self._answer(namespace), namespace)
            self._client.on("connect_error", self._keep("connect_error", namespace), namespace)
            self._client.on("disconnect", self._keep("disconnect", namespace), namespace)
        try:
            await self._client.connect(
                site.url,
                auth=auth,
                namespaces=namespaces,
                transports=site.transports,
                wait_timeout=PATIENCE_S,
            )
        except socketio.exceptions.ConnectionError:
            if not refused:
                raise

    def emit(self, event, args, namespace="/"):
        wait(self._client.emit(event, args, namespace))

    def call(self, event, args, namespace="/"):
        return wait(self._client.call(event, args, namespace, timeout=PATIENCE_S))

    def next(self, event, namespace="/"):
        return self._inbox.take((namespace, event))

    def has(self, event, namespace="/"):
        self.call("echo", (0,), namespace)
        return self._inbox.has((namespace, event))

    def reason(self, namespace="/"):
        return self.next("disconnect", namespace)[0]

    def sid(self, namespace="/"):
        return self._client.get_sid(namespace)

    def transport(self):
        return self._client.transport()

    def heartbeat(self):
        self._client.eio.heartbeats.get(timeout=PATIENCE_S)

    def close(self):
        wait(self._client.shutdown())

    def _answer(self, namespace):
        async def answer(event, *args):
            self._inbox.put((namespace, event), args)
            # A handler that returns nothing still acknowledges, with no arguments.
            return self._answers[event](*args) if event in self._answers else None

        return answer

    def _keep(self, event, namespace):
        async def keep(*args):
            self._inbox.put((namespace, event), args)

        return keep


runner.main(Connection)
