// npm's servers, versions 4, 3 and 2, for the tests of our client.
//
// Every such server (this one, stub_netty.mjs, py/host_*.py, interop/oxide and our own interop_server) keeps one
// contract. Its first line is `listening on http://127.0.0.1:PORT`, with `https` under --tls, and it ends when its
// standard input closes. On `/`, `/imchat` and `/other`:
//   at connect                  emits `welcome` with the auth payload, `{}` if there was none
//   echo(...args)               acknowledged with the same arguments
//   say(...args)                emits `said` with them
//   burst(n)                    emits `tick(0)` to `tick(n - 1)`, then acknowledges
//   ask(...args)                emits `question` with them and an ack, then `answered` with what that brought
//   big(bytes)                  emits `big` with a text of so many "x", then acknowledges
//   message|action|chat(id, …)  recorded (see host_record.mjs), then acknowledged with `{"ok":true,"id":id}`
//   received()                  acknowledged with how many were recorded since the server started
//   ignore(...args)             never acknowledged
//   once(id)                    acknowledged from the second time on that it sees `id`, with `{"times":n}`
//   disconnect-me()             the server disconnects the socket from its namespace
//   close-me()                  the server closes the session below
//   headers(), query(), auth()  acknowledged with these parts of the handshake; names of headers in lower case
//   transport()                 acknowledged with the transport's name
// npm's alone put out whoever has `put-out` in the query, right behind the `welcome`: `left` ends the membership, `closed` the
// session below.
// `/guarded` has the same, but refuses with `{"message":"unauthorized","data":{"code":401}}` whoever has no
// `token: "secret"` in the auth payload. Other namespaces don't exist.
//
// Usage: node host.mjs [--version 4|3|2] [--port N] [--transports polling,websocket] [--ping-interval MS]
//        [--ping-timeout MS] [--path /x] [--max-payload BYTES] [--cookie NAME] [--recovery] [--parser msgpack]
//        [--tls CERT KEY] [--record FILE] [--upgrades off] [--deflate]
// What a server can't honour ends it with a line that says so.
//
// Version 2 has no auth payload: `/guarded` looks for the token in the query, and its refusal is `{"code":401}` alone.
// It sets a cookie `io` without being asked.

import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import msgpack from "socket.io-msgpack-parser";
import { serve } from "./host_events.mjs";
import { asked, cannot, listen, parse } from "./host_flags.mjs";
import { Record } from "./host_record.mjs";

const flags = parse({
  version: { type: "string", default: "4" },
  deflate: { type: "boolean", default: false }, // compresses every message on WebSocket
});
const Server = await {
  4: async () => (await import("socket.io")).Server,
  3: async () => (await import("socket.io-3")).Server,
  2: async () => (await import("socket.io-2")).default,
}[flags.version]();
if (flags.recovery && flags.version !== "4") cannot(`socket.io ${flags.version}`, "recovery");
if (flags.isMsgpack && flags.version === "2") cannot("socket.io 2", "parser");

// The later ones take a name only within all that they'd have said themselves.
const cookie = flags.cookie && { name: flags.cookie, path: "/", httpOnly: true, sameSite: "lax" };
const record = new Record(flags.record);
const http = flags.tls ? createSecureServer(flags.tls, elsewhere) : createServer(elsewhere);
const io = new Server(http, asked({
  transports: flags.transports,
  pingInterval: flags.pingInterval,
  pingTimeout: flags.pingTimeout,
  path: flags.path,
  maxHttpBufferSize: flags.maxPayload,
  cookie: flags.version === "2" ? flags.cookie : cookie,
  connectionStateRecovery: flags.recovery ? {} : undefined,
  parser: flags.isMsgpack ? msgpack : undefined,
  allowUpgrades: flags.upgrades !== "off",
  perMessageDeflate: flags.deflate ? { threshold: 0 } : undefined,
}));

// Whatever is not below the path.
function elsewhere(_, response) {
  response.writeHead(404).end();
}

function guard({ handshake }, next) {
  const login = flags.version === "2" ? handshake.query : handshake.auth;
  if (login.token === "secret") return next();
  next(Object.assign(new Error("unauthorized"), { data: { code: 401 } }));
}

io.of("/guarded").use(guard);
for (const name of ["/", "/imchat", "/other", "/guarded"]) {
  io.of(name).on("connection", (socket) => serve(socket, record));
}
listen(http, flags);
