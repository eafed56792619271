"""What came to a client, by name, first in first out; everything waited for has a deadline."""

import queue
from collections import defaultdict

PATIENCE_S = 10


class Inbox:
    """Filled by the client's handlers, emptied by a scenario, from different threads."""

    def __init__(self):
        self._queues = defaultdict(queue.Queue)

    def put(self, name, value):
        self._queues[name].put(value)

    def take(self, name):
        try:
            return self._queues[name].get(timeout=PATIENCE_S)
        except queue.Empty:
            raise TimeoutError(f"waited {PATIENCE_S} s for {name}") from None

    def has(self, name):
        return not self._queues[name].empty()
