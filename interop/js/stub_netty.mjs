// A server that speaks as netty-socketio 1.7 (Java) does, for the tests of our client; the contract is in host.mjs.
//
// It speaks Engine.IO 3 and asks nobody for a version. What it has of its own: polling answers are framed in binary
// unless the client says `b64=1`; the client pings, and after interval and timeout of silence it disconnects `/` and
// closes; `/` is joined unasked, after the first answer; an unknown namespace is answered `44/x,"Invalid namespace"`;
// HTTP promises keep-alive and closes all the same; an unknown sid gets 500. It has no `/guarded`, for it can't refuse
// a namespace that it has.
//
// Usage: node stub_netty.mjs with the flags of host.mjs but --cookie, --recovery and --parser

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { WebSocketServer } from "ws";
import { serve } from "./host_events.mjs";
import { cannot, listen, parse } from "./host_flags.mjs";
import { Record } from "./host_record.mjs";
import { Session } from "./stub_netty_session.mjs";

const flags = parse();
for (const flag of ["cookie", "recovery", "parser"]) {
  if (flags[flag]) cannot("netty-socketio 1.7", flag);
}
const path = flags.path ?? "/socket.io";
const { transports = ["polling", "websocket"], pingInterval = 25_000, pingTimeout = 60_000 } = flags;
const maxPayload = flags.maxPayload ?? 64 * 1024;
const record = new Record(flags.record);
const sessions = new Map();
const hub = {
  limitMs: pingInterval + pingTimeout,
  namespaces: ["/", "/imchat", "/other"],
  serve: (socket) => serve(socket, record),
  onEnd: ({ sid }) => sessions.delete(sid),
};

function begin(request, url, transport) {
  const { headers } = request;
  const query = Object.fromEntries(url.searchParams);
  const session = new Session(hub, randomUUID(), transport, { headers, query });
  sessions.set(session.sid, session);
  const upgrades = transports.includes("websocket") && flags.upgrades !== "off" ? ["websocket"] : [];
  session.begin({ sid: session.sid, upgrades, pingInterval, pingTimeout });
  return session;
}

function onRequest(request, response) {
  const url = new URL(request.url, "http://host");
  const query = url.searchParams;
  const sid = query.get("sid");
  if (!url.pathname.startsWith(path)) return answer(response, 400);
  if (query.get("transport") !== "polling" || !transports.includes("polling")) {
    return answer(response, 400, "application/json", '{"code":0,"message":"Transport unknown"}');
  }
  const session = sid ? sessions.get(sid) : begin(request, url, "polling");
  if (!session) return answer(response, 500);
  if (request.method === "POST") return onPost(request, response, session);
  session.get((body, isBinary) => {
    answer(response, 200, isBinary ? "application/octet-stream" : "text/plain", body, session.sid);
  }, query.get("b64") === "1");
}

async function onPost(request, response, session) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > maxPayload) return answer(response, 413);
    chunks.push(chunk);
  }
  // The answer comes first, whatever is in the body.
  answer(response, 200, "text/html", "ok", session.sid);
  try {
    session.post(Buffer.concat(chunks));
  } catch (error) {
    console.error(`a POST can't be read: ${error.message}`);
  }
}

function answer(response, status, type, body = "", sid) {
  const { socket } = response;
  response.writeHead(status, {
    ...(type && { "content-type": type }),
    ...(sid && { "set-cookie": `io=${sid}` }),
    "content-length": Buffer.byteLength(body),
    connection: "keep-alive",
  });
  response.end(body, () => socket?.end());
}

const websockets = new WebSocketServer({ noServer: true, maxPayload });

function onUpgrade(request, socket, head) {
  const url = new URL(request.url, "http://host");
  const sid = url.searchParams.get("sid");
  const isAllowed = url.pathname.startsWith(path) && transports.includes("websocket");
  if (!isAllowed || (sid && !sessions.has(sid))) return socket.destroy();
  websockets.handleUpgrade(request, socket, head, (websocket) => {
    const session = sid ? sessions.get(sid) : begin(request, url, "websocket");
    if (session) session.websocket(websocket);
    else websocket.terminate();
  });
}

const http = flags.tls ? createSecureServer(flags.tls) : createServer();
http.on("request", (request, response) => {
  // A client that goes away in the middle of its body harms nobody else.
  Promise.resolve(onRequest(request, response)).catch(() => response.destroy());
});
http.on("upgrade", onUpgrade);
listen(http, flags);
