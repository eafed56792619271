"""What came to a client, by name, first in first out; everything waited for has a deadline."""

import queue
from threading import Lock

PATIENCE_S = 10


class Inbox:
    """Filled by the client's handlers, emptied by a scenario, from different threads."""

    def __init__(self):
        self._queues = {}
        self._making = Lock()

    def put(self, name, value):
        self._queue(name).put(value)

    def take(self, name):
        try:
            return self._queue(name).get(timeout=PATIENCE_S)
        except queue.Empty:
            raise TimeoutError(f"waited {PATIENCE_S} s for {name}") from None

    def has(self, name):
        return not self._queue(name).empty()

    def _queue(self, name):
        # Each thread may be the first to name it; both must get the same one.
        with self._making:
            return self._queues.setdefault(name, queue.Queue())
