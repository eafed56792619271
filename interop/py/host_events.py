"""What python-socketio's servers do for the tests of our client: the contract at the top of js/host.mjs.

Their two kinds differ in how they wait, so what an event asks for is told as steps, and each kind takes them its way.
"""

import argparse
import base64
import json
import os
import socket
import sys
import threading
import urllib.parse

NAMESPACES = ("/", "/imchat", "/other", "/guarded")
RECORDED = ("message", "action", "chat")


def flags(default_path="/socket.io"):
    """The flags of the contract; what python-socketio can't honour ends the program with a line that says so."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--transports", type=lambda names: names.split(","))
    parser.add_argument("--ping-interval", type=int, default=25_000)
    parser.add_argument("--ping-timeout", type=int, default=20_000)
    parser.add_argument("--path", default=default_path)
    parser.add_argument("--max-payload", type=int, default=1_000_000)
    parser.add_argument("--cookie")
    parser.add_argument("--recovery", action="store_true")
    parser.add_argument("--parser", choices=["json", "msgpack"], default="json")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--record")
    parser.add_argument("--upgrades", choices=["on", "off"], default="on")
    found = parser.parse_args()
    if found.recovery:
        parser.error("python-socketio can't honour --recovery")
    return found


def options(found):
    """What the server class takes of them."""
    return {
        "transports": found.transports,
        # Seconds. It announces whole ones alone: 300 ms as 0.
        "ping_interval": found.ping_interval / 1000,
        "ping_timeout": found.ping_timeout / 1000,
        "max_http_buffer_size": found.max_payload,
        "cookie": found.cookie,
        "serializer": "msgpack" if found.parser == "msgpack" else "default",
        "allow_upgrades": found.upgrades == "on",
    }


def listen(found):
    """Binds, says where, and ends the program when whoever launched it closes its standard input."""
    listener = socket.create_server(("127.0.0.1", found.port))
    scheme = "https" if found.tls else "http"
    print(f"listening on {scheme}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    return listener


def _end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)


class Handshake:
    """What a client said of itself when it came."""

    def __init__(self, environ, auth):
        names = (name for name in environ if name.startswith("HTTP_"))
        self.headers = {name[5:].replace("_", "-").lower(): environ[name] for name in names}
        self.query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        # Without one, npm's msgpack sends what Python knows as an extension.
        self.auth = auth if isinstance(auth, dict) else {}

    def is_refused(self, namespace):
        return namespace == "/guarded" and self.auth.get("token") != "secret"


class Events:
    """What happens at each event."""

    def __init__(self, record, no_ack):
        """`no_ack` is what a handler returns that must not acknowledge."""
        self._file = record and open(record, "a", encoding="utf-8")
        self._no_ack = no_ack
        self._lock = threading.Lock()
        self._count = 0
        self._times = {}

    def steps(self, handshake, transport, event, args):
        """Yields `(event, args)` to emit, `("ask", args)` within a list, "disconnect" or "close"; returns the ack."""
        match event, args:
            case "echo", _:
                return args
            case "say", _:
                yield "said", args
            case "burst", (count,):
                for i in range(count):
                    yield "tick", (i,)
            case "ask", _:
                yield ["question", args]
            case "big", (size,):
                yield "big", ("x" * size,)
            case _, (name, *_) if event in RECORDED:
                self._record(event, args)
                return {"ok": True, "id": name}
            case "received", _:
                return self._count
            case "ignore", _:
                return self._no_ack
            case "once", (name,):
                times = self._seen(name)
                return {"times": times} if times > 1 else self._no_ack
            case "disconnect-me", _:
                yield "disconnect"
            case "close-me", _:
                yield "close"
            case "headers" | "query" | "auth", _:
                return getattr(handshake, event)
            case "transport", _:
                return transport
            case _:
                return self._no_ack
        return ()

    def _record(self, event, args):
        line = json.dumps({"event": event, "args": args}, default=_plain, ensure_ascii=False)
        with self._lock:
            self._count += 1
            if self._file:
                # Once it is flushed it is with the system, which a SIGKILL does not touch.
                print(line, file=self._file, flush=True)

    def _seen(self, name):
        with self._lock:
            self._times[name] = self._times.get(name, 0) + 1
            return self._times[name]


def _plain(value):
    """JSON has no bytes."""
    return {"base64": base64.b64encode(value).decode()}
