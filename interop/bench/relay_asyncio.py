"""The same on asyncio, with 64 tasks in flight. Usage: relay_asyncio.py QUEUE SERVER"""

import asyncio
import json
import sys
from urllib.parse import urlsplit

import redis.asyncio as redis
import socketio

IN_FLIGHT = 64


async def main(queue, url):
    tasks = redis.Redis.from_url(queue)
    server = urlsplit(url)
    client = socketio.AsyncClient()
    await client.connect(
        f"{server.scheme}://{server.netloc}", namespaces=[server.path], transports=["websocket"]
    )
    places = asyncio.Semaphore(IN_FLIGHT)

    async def send(text):
        try:
            task = json.loads(text)
            await client.call(task["event"], tuple(task["args"]), namespace=server.path)
        finally:
            places.release()

    running = set()
    while True:
        await places.acquire()
        _, text = await tasks.brpop("tasks")
        sending = asyncio.create_task(send(text))
        running.add(sending)
        sending.add_done_callback(running.discard)


asyncio.run(main(*sys.argv[1:]))
