// The reference server: npm socket.io, with the contract that `--example interop_server` has too.
//
// On `/` and `/custom`:
//   at connect               emits `auth` with the auth payload, `{}` if there was none
//   message(...args)         emits `message-back` with the same arguments
//   message-with-ack(...args), echo(...args)    acknowledged with the same arguments
//   emit-with-ack(...args)   emits `emit-with-ack` with them and an ack, then again with the answer
//   broadcast(...args)       emits `broadcast` with them to every socket of the namespace
//   except-me(event, value)  emits the event to every other socket of the namespace
//   join(room), leave(room)
//   to-room(room, event, value)     emits the event to every other socket in the room
//   disconnect-me(close)     leaves the namespace, or closes the connection if `close`
// `/auth` has no events and refuses whoever has no `token: "secret"`; other namespaces don't exist.
//
// Usage: node server.mjs [--port N] [--ping-interval MS] [--ping-timeout MS] [--v3] [--parser msgpack] [--origin URL]

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import msgpack from "socket.io-msgpack-parser";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
    v3: { type: "boolean", default: false },
    parser: { type: "string" },
    origin: { type: "string" },
  },
});

const http = createServer();
const io = new Server(http, {
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
  allowEIO3: flags.v3,
  ...(flags.parser === "msgpack" && { parser: msgpack }),
  ...(flags.origin && { cors: { origin: flags.origin, credentials: true } }),
});

function serve(namespace) {
  namespace.on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("emit-with-ack", (...args) => {
      socket.emit("emit-with-ack", ...args, (...answer) => socket.emit("emit-with-ack", ...answer));
    });
    socket.on("broadcast", (...args) => namespace.emit("broadcast", ...args));
    socket.on("except-me", (event, value) => socket.broadcast.emit(event, value));
    socket.on("join", (room) => socket.join(room));
    socket.on("leave", (room) => socket.leave(room));
    socket.on("to-room", (room, event, value) => socket.to(room).emit(event, value));
    socket.on("disconnect-me", (close) => socket.disconnect(close));
  });
}

function refuse(socket, next) {
  if (socket.handshake.auth.token === "secret") return next();
  next(Object.assign(new Error("unauthorized"), { data: { code: 401 } }));
}

serve(io.of("/"));
serve(io.of("/custom"));
io.of("/auth").use(refuse);

http.listen(Number(flags.port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit());
