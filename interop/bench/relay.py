"""The relay that people write first: a task off a list in Redis, a call, the next. Usage: relay.py QUEUE SERVER"""

import json
import sys
from urllib.parse import urlsplit

import redis
import socketio

tasks = redis.Redis.from_url(sys.argv[1])
server = urlsplit(sys.argv[2])
client = socketio.Client()
client.connect(f"{server.scheme}://{server.netloc}", namespaces=[server.path], transports=["websocket"])
while True:
    _, text = tasks.brpop("tasks")
    task = json.loads(text)
    client.call(task["event"], tuple(task["args"]), namespace=server.path)
