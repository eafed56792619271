"""python-socketio's asyncio server, on aiohttp, for the tests of our client; what it does is in host_events.py."""

import asyncio
import ssl

import host_events
import socketio
from aiohttp import web

flags = host_events.flags()
server = socketio.AsyncServer(async_mode="aiohttp", **host_events.options(flags))
events = host_events.Events(flags.record, server.not_handled)
handshakes = {}


def serve(namespace):
    async def connect(sid, environ, auth):
        handshake = host_events.Handshake(environ, auth)
        if handshake.is_refused(namespace):
            raise socketio.exceptions.ConnectionRefusedError("unauthorized", {"code": 401})
        handshakes[sid] = handshake
        # The server lets the client in after this handler, so this is on its way before the answer to CONNECT.
        await server.emit("welcome", handshake.auth, to=sid, namespace=namespace)

    async def disconnect(sid, reason):
        handshakes.pop(sid, None)

    async def event(name, sid, *args):
        transport = server.transport(sid, namespace)
        steps = events.steps(handshakes[sid], transport, name, args)
        while True:
            try:
                await take(next(steps), sid)
            except StopIteration as end:
                return end.value

    async def take(step, sid):
        match step:
            case "disconnect":
                await server.disconnect(sid, namespace)
            case "close":
                await server.eio.disconnect(server.manager.eio_sid_from_sid(sid, namespace))
            case [name, args] if isinstance(step, list):
                await server.emit(name, args, to=sid, namespace=namespace, callback=answered(sid))
            case (name, args):
                await server.emit(name, args, to=sid, namespace=namespace)

    def answered(sid):
        async def answer(*args):
            await server.emit("answered", args, to=sid, namespace=namespace)

        return answer

    server.on("connect", connect, namespace)
    server.on("disconnect", disconnect, namespace)
    server.on("*", event, namespace)


async def main():
    app = web.Application()
    server.attach(app, flags.path)
    runner = web.AppRunner(app)
    await runner.setup()
    context = None
    if flags.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*flags.tls)
    listener = host_events.listen(flags)
    await web.SockSite(runner, listener, ssl_context=context).start()
    await asyncio.Event().wait()


for name in host_events.NAMESPACES:
    serve(name)
asyncio.run(main())
