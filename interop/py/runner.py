"""Runs scenarios against a server and prints `ok NAME` or `FAIL NAME reason` for each.

Usage: client_….py --list | client_….py URL [NAME…]     (all but the ones driven from outside)
"""

import os
import sys
import threading
import traceback

import scenarios


def main(flavour):
    """Runs what the command line names; `flavour` makes one connection and can close it."""
    url, *names = sys.argv[1:]
    if url == "--list":
        print("\n".join(scenarios.ALL))
        return
    threading.Thread(target=_end_with_our_launcher, daemon=True).start()
    failures = 0
    for name in names or [name for name in scenarios.ALL if name not in scenarios.DRIVEN]:
        failures += not _run(flavour, url, name)
    # Threads of a client that was cut off must not keep us.
    sys.stdout.flush()
    os._exit(1 if failures else 0)


def _run(flavour, url, name):
    connections = []

    def connect(namespaces=("/",), **options):
        connection = flavour(url, list(namespaces), **options)
        connections.append(connection)
        return connection

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
