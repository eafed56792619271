"""The blocking client of python-socketio, run through the scenarios."""

import engineio
import runner
import socketio
from inbox import PATIENCE_S, Inbox


class InOrder(engineio.Client):
    """Handles a message where it is read: the stock client starts a thread for each, and so loses their order."""

    def _trigger_event(self, event, *args, **kwargs):
        return super()._trigger_event(event, *args, **{**kwargs, "run_async": False})


class Client(socketio.Client):
    """The stock client, but for the threads."""

    def _engineio_client_class(self):
        return InOrder


class Connection:
    """One `socketio.Client` as the scenarios use it."""

    def __init__(self, url, namespaces, auth=None, refused=False, reconnection=False, answers=None):
        self._inbox = Inbox()
        self._answers = answers or {}
        self._client = Client(
            reconnection=reconnection, reconnection_delay=0.05, randomization_factor=0
        )
        for namespace in namespaces:
            self._client.on("*", self._answer(namespace), namespace)
            self._client.on("connect_error", self._keep("connect_error", namespace), namespace)
            self._client.on("disconnect", self._keep("disconnect", namespace), namespace)
        try:
            self._client.connect(
                url,
                auth=auth,
                namespaces=namespaces,
                transports=["websocket"],
                wait_timeout=PATIENCE_S,
            )
        except socketio.exceptions.ConnectionError:
            if not refused:
                raise

    def emit(self, event, args, namespace="/"):
        self._client.emit(event, args, namespace)

    def call(self, event, args, namespace="/"):
        return self._client.call(event, args, namespace, timeout=PATIENCE_S)

    def next(self, event, namespace="/"):
        return self._inbox.take((namespace, event))

    def has(self, event, namespace="/"):
        self.call("echo", (0,), namespace)
        return self._inbox.has((namespace, event))

    def reason(self, namespace="/"):
        return self.next("disconnect", namespace)[0]

    def sid(self, namespace="/"):
        return self._client.get_sid(namespace)

    def close(self):
        self._client.shutdown()

    def _answer(self, namespace):
        def answer(event, *args):
            self._inbox.put((namespace, event), args)
            # A handler that returns nothing still acknowledges, with no arguments.
            return self._answers[event](*args) if event in self._answers else None

        return answer

    def _keep(self, event, namespace):
        return lambda *args: self._inbox.put((namespace, event), args)


runner.main(Connection)
