"""How python-socketio says that it can't connect, or that it was cut: `URL<tab>TEXT` for each text that it shows.

Usage: error_text.py URL…
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from urllib.parse import urlsplit

import socketio

PATIENCE_S = 5
AT_A_TIME = 16


def texts(url, transport):
    client = socketio.Client(reconnection=False, request_timeout=PATIENCE_S)
    said = []
    ended = threading.Event()
    namespace = urlsplit(url).path or "/"

    def end(reason):
        said.append(reason)
        ended.set()

    client.on("connect_error", lambda *args: said.extend(args), namespace)
    client.on("disconnect", end, namespace)
    try:
        client.connect(url, transports=[transport], namespaces=[namespace], wait_timeout=PATIENCE_S)
        # Whoever is connected, and stays so, says nothing.
        ended.wait(PATIENCE_S)
        return list(said)
    except socketio.exceptions.ConnectionError as error:
        return [error, *said]
    finally:
        client.shutdown()


ways = list(product(sys.argv[1:], ("polling", "websocket")))
with ThreadPoolExecutor(AT_A_TIME) as pool:
    for (url, _), said in zip(ways, pool.map(lambda way: texts(*way), ways)):
        for text in said:
            if text is not None:
                print(f"{url}\t{' '.join(str(text).split())}", flush=True)
