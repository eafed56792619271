"""python-socketio's server on threads, under Werkzeug, for our client's tests; what it does is in host_events.py."""

import logging
import os

import host_events
import socketio
from werkzeug.serving import make_server

flags = host_events.flags()
# Handlers on a thread for each event, which is its default, take events in any order.
server = socketio.Server(async_mode="threading", async_handlers=False, **host_events.options(flags))
events = host_events.Events(flags.record, server.not_handled)
handshakes = {}


def serve(namespace):
    def connect(sid, environ, auth):
        handshake = host_events.Handshake(environ, auth)
        if handshake.is_refused(namespace):
            raise socketio.exceptions.ConnectionRefusedError("unauthorized", {"code": 401})
        handshakes[sid] = handshake
        # The server lets the client in after this handler, so this is on its way before the answer to CONNECT.
        server.emit("welcome", handshake.auth, to=sid, namespace=namespace)

    def disconnect(sid, reason):
        handshakes.pop(sid, None)

    def event(name, sid, *args):
        steps = events.steps(handshakes[sid], server.transport(sid, namespace), name, args)
        while True:
            try:
                take(next(steps), sid)
            except StopIteration as end:
                return end.value

    def take(step, sid):
        match step:
            case "disconnect":
                server.disconnect(sid, namespace)
            case "close":
                server.eio.disconnect(server.manager.eio_sid_from_sid(sid, namespace))
            case [name, args] if isinstance(step, list):
                server.emit(name, args, to=sid, namespace=namespace, callback=answered(sid))
            case (name, args):
                server.emit(name, args, to=sid, namespace=namespace)

    def answered(sid):
        return lambda *args: server.emit("answered", args, to=sid, namespace=namespace)

    server.on("connect", connect, namespace)
    server.on("disconnect", disconnect, namespace)
    server.on("*", event, namespace)


for name in host_events.NAMESPACES:
    serve(name)
logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = socketio.WSGIApp(server, socketio_path=flags.path)
listener = host_events.listen(flags)
tls = tuple(flags.tls) if flags.tls else None
make_server("127.0.0.1", 0, app, threaded=True, fd=os.dup(listener.fileno()), ssl_context=tls).serve_forever()
