"""Runs scenarios against a server and prints `ok NAME` or `FAIL NAME reason` for each.

Usage: client_….py --list
       client_….py [--transport websocket|polling|upgrade|stuck] [--parser msgpack] URL [NAME…]

Without names, all but the ones driven from outside; `all` is those too, at the end.
"""

import argparse
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass

import engineio
import scenarios

# The client takes 16 packets in an answer and gives up the connection at one more, unless it is told otherwise.
engineio.payload.Payload.max_decode_packets = 1_000_000


@dataclass(frozen=True)
class Site:
    """Where to connect, and how."""

    url: str
    transport: str
    parser: str

    @property
    def transports(self):
        """What the client may use, in order."""
        return ["polling", "websocket"] if self.transport in ("upgrade", "stuck") else [self.transport]

    @property
    def settles(self):
        """What it uses in the end: when stuck, something on the way lets no WebSocket through."""
        return "polling" if self.transport == "stuck" else self.transports[-1]


def main(flavour):
    """Runs what the command line names; `flavour` makes one connection and can close it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--transport", default="websocket", choices=["websocket", "polling", "upgrade", "stuck"])
    parser.add_argument("--parser", default="default", choices=["default", "msgpack"])
    parser.add_argument("url", nargs="?")
    parser.add_argument("names", nargs="*")
    wish = parser.parse_args()
    if wish.list:
        print("\n".join(scenarios.ALL))
        return
    threading.Thread(target=_end_with_our_launcher, daemon=True).start()
    site = Site(wish.url, wish.transport, wish.parser)
    names = [name for name in scenarios.ALL if name not in scenarios.DRIVEN]
    if wish.names == ["all"]:
        names += scenarios.DRIVEN
    elif wish.names:
        names = wish.names
    failures = 0
    for name in names:
        start = time.monotonic()
        failures += not _run(flavour, site, name)
        print(f"{name} took {1000 * (time.monotonic() - start):.0f} ms", file=sys.stderr)
    # Threads of a client that was cut off must not keep us.
    sys.stdout.flush()
    os._exit(1 if failures else 0)


def _run(flavour, site, name):
    connections = []

    def connect(namespaces=("/",), **options):
        connection = flavour(site, list(namespaces), **options)
        connections.append(connection)
        return connection

    connect.site = site
    try:
        scenarios.ALL[name](connect)
        print(f"ok {name}", flush=True)
        return True
    except Exception as error:
        traceback.print_exc()
        reason = " ".join((str(error) or repr(error)).split())[:300]
        print(f"FAIL {name} {reason}", flush=True)
        return False
    finally:
        for connection in connections:
            connection.close()


def _end_with_our_launcher():
    """Whoever launched us holds our standard input open; when it closes, nobody needs us."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(1)
