// A server that counts what it is sent, and misbehaves as it is told: what the relay's promises are measured by.
//
// Every namespace is there, and each has a book and a behaviour of its own, so that many tests share one server.
// `message`, `action` and `chat` take one object, `{id, key?, n?}`, and are written down before anything else happens.
//
//   GET  /ledger?nsp=/x                  the book (see ledger_book.mjs)
//   GET  /wait?nsp=/x&WHAT=N&ms=M        the same, once WHAT (a number of the book's) is N or more; 408 after M ms
//   POST /behave?nsp=/x                  a body of JSON, merged into the behaviour; see ledger_behaviour.mjs
//   POST /forget?nsp=/x                  an empty book and no behaviour; cuts who is there
//   POST /cut?nsp=/x                     resets the connections of all who are there
//   POST /send?nsp=/x&count=N            sends `{id, n}` as `told`, N times, from where it stopped, to the socket that joined
//                                        last; the next one gets what is left. With `&ack=yes` it asks for an ack, and
//                                        repeats at the next socket what was not acknowledged.
//
// Usage: node ledger.mjs [--version 4|2] and of the flags in host.mjs --port, --transports, --ping-interval, --ping-timeout,
//        --path, --max-payload, --upgrades
// Its first line is `listening on http://127.0.0.1:PORT`, and it ends when its standard input closes.

import { createServer } from "node:http";
import { asked, cannot, listen, parse } from "./host_flags.mjs";
import { Room } from "./ledger_room.mjs";

const flags = parse({ version: { type: "string", default: "4" } });
for (const flag of ["cookie", "record", "tls", "parser", "recovery"]) {
  if (flags[flag]) cannot("the ledger", flag);
}
const Server = await {
  4: async () => (await import("socket.io")).Server,
  2: async () => (await import("socket.io-2")).default,
}[flags.version]();

const rooms = new Map();
function room(name) {
  if (!rooms.has(name)) rooms.set(name, new Room());
  return rooms.get(name);
}

const http = createServer(control);
const io = new Server(http, asked({
  transports: flags.transports,
  pingInterval: flags.pingInterval,
  pingTimeout: flags.pingTimeout,
  path: flags.path,
  maxHttpBufferSize: flags.maxPayload,
  allowUpgrades: flags.upgrades !== "off",
}));
// Version 2 lets every client into `/` first, whatever it asks for.
for (const namespace of [io.of("/"), io.of(/^\/.+$/)]) {
  namespace.use((socket, next) => next(room(socket.nsp.name).refusal(socket.handshake)));
  namespace.on("connection", (socket) => room(socket.nsp.name).join(socket));
}

async function control(request, response) {
  const url = new URL(request.url, "http://ledger");
  const query = Object.fromEntries(url.searchParams);
  const { nsp = "/", ...rest } = query;
  let body = "";
  for await (const chunk of request) body += chunk;
  const answer = await act(`${request.method} ${url.pathname}`, room(nsp), rest, body);
  response.writeHead(answer.status ?? 200, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify(answer.book ?? { error: answer.error }));
}

async function act(what, room, query, body) {
  try {
    switch (what) {
      case "GET /ledger": break;
      case "GET /wait": {
        const { ms = "10000", ...goals } = query;
        if (!await room.book.reaches(goals, Number(ms))) return { status: 408, book: room.book.plain() };
        break;
      }
      case "POST /behave": room.behave(JSON.parse(body)); break;
      case "POST /forget": room.forget(); break;
      case "POST /cut": room.cut(); break;
      case "POST /send": room.send(Number(query.count), query.ack === "yes"); break;
      default: return { status: 404, error: `${what} is not among those at the top of ledger.mjs` };
    }
    return { book: room.book.plain() };
  } catch (error) {
    return { status: 400, error: error.message };
  }
}

listen(http, flags);
