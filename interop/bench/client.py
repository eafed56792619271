"""python-socketio on asyncio, told by lines what to do; the bench knows what each line means."""

import asyncio
import gc
import sys
import time

import socketio

AT_A_TIME = 50
PATIENCE_S = 30


class Counter:
    def __init__(self):
        self.reset()

    def add(self):
        self.count += 1
        if self.count == self.awaited:
            self.reached.set()

    def reset(self):
        self.count = 0
        self.awaited = -1
        self.reached = asyncio.Event()

    async def reach(self, count):
        self.awaited = count
        if self.count < count:
            await self.reached.wait()


class Fleet:
    def __init__(self, url):
        self.url = url
        self.clients = []
        self.joined = Counter()
        self.events = Counter()

    async def connect_one(self):
        client = socketio.AsyncClient()
        client.on("connect", self.joined.add)
        client.on("event", self.event)
        await client.connect(self.url, transports=["websocket"])
        self.clients.append(client)

    def event(self, _text):
        self.events.add()

    async def connect(self, count):
        places = asyncio.Semaphore(AT_A_TIME)

        async def one():
            async with places:
                await self.connect_one()

        await asyncio.gather(*(one() for _ in range(count)))

    async def ack(self, size, in_flight, count):
        text = "x" * size
        client = self.clients[0]

        async def caller(share):
            for _ in range(share):
                back = await client.call("echo", text, timeout=PATIENCE_S)
                if len(back) != size:
                    raise ValueError("another text came back")

        rest = count % in_flight
        shares = [count // in_flight + (number < rest) for number in range(in_flight)]
        await asyncio.gather(*map(caller, shares))

    async def receive(self, size, count):
        self.events.reset()
        await self.clients[0].emit("burst", (size, count))
        await self.events.reach(count)

    async def follow(self, line):
        verb, *words = line.split()
        numbers = [int(word) for word in words]
        match verb:
            case "connect":
                await self.connect(*numbers)
            case "ack":
                await self.ack(*numbers)
            case "receive":
                await self.receive(*numbers)
            case "idle":
                gc.collect()
            case "cpu":
                return str(time.process_time_ns())
            case "lose":
                self.joined.reset()
            case "rejoined":
                await self.joined.reach(len(self.clients))
            case _:
                raise ValueError("no such command")
        return "ok"


async def main():
    fleet = Fleet(sys.argv[1])
    lines = asyncio.StreamReader()
    reading = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: reading, sys.stdin)
    while line := await lines.readline():
        try:
            answer = await fleet.follow(line.decode())
        except Exception as error:  # whatever it is, the bench has to know
            answer = f"error {error!r}"
        print(answer, flush=True)


asyncio.run(main())
