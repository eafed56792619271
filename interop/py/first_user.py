"""The program that the relay replaces: tasks out of a Redis list, emitted as they come. It loses them; see the guide.

Usage: first_user.py REDIS_URL LIST SERVER_URL NAMESPACE

Runs with the packages of interop/v3, whose python-socketio speaks with servers of Engine.IO 3. Its first line is
`at work`, once it has joined; for each task that it knows it could not send it prints `lost ID`; it ends when its
standard input does.
"""

import json
import os
import sys
import threading
import time

import redis
import socketio


def main(redis_url, tasks, server_url, namespace):
    threading.Thread(target=end_with_our_launcher, daemon=True).start()
    client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=0.5)
    store = redis.Redis.from_url(redis_url)
    while True:
        try:
            client.connect(server_url, namespaces=[namespace], transports=["websocket"])
            break
        except socketio.exceptions.ConnectionError:
            time.sleep(0.1)
    print("at work", flush=True)
    while True:
        # Nobody else has it from here on.
        _, raw = store.brpop(tasks)
        task = json.loads(raw)
        try:
            client.emit(task["type"], task["data"], namespace=namespace)
        except socketio.exceptions.SocketIOError:
            print("lost", task["data"]["id"], flush=True)


def end_with_our_launcher():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
