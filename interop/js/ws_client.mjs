// npm ws as a raw WebSocket client of an echo server: prints `ok` and ends if everything comes back as it was sent.
//
// Usage: node ws_client.mjs URL [deflate]

import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";

const [url, deflate] = process.argv.slice(2);
const perMessageDeflate = deflate === "deflate" && { threshold: 0 };

const socket = new WebSocket(url, { perMessageDeflate });
await once(socket, "open");
assert.equal(socket.extensions.includes("permessage-deflate"), Boolean(perMessageDeflate));

async function echoed(data, options) {
  socket.send(data, options);
  const [answer, isBinary] = await once(socket, "message");
  assert.equal(isBinary, typeof data !== "string");
  assert.ok(Buffer.from(data).equals(answer), `${data.length} bytes came back changed`);
}

for (const length of [0, 1, 125, 126, 65_535, 65_536, 500_000]) {
  await echoed("ä".repeat(length / 2));
  await echoed(Buffer.alloc(length, "sockeye"));
  await echoed(Buffer.alloc(length, "sockeye"), { compress: false });
}

const fragments = once(socket, "message");
socket.send("in ", { fin: false });
socket.ping("between");
socket.send("pieces", { fin: true });
const [pong] = await once(socket, "pong");
assert.equal(pong.toString(), "between");
assert.equal((await fragments)[0].toString(), "in pieces");

socket.close(4002, "done");
const [code, reason] = await once(socket, "close");
assert.equal(code, 4002);
assert.equal(reason.toString(), "");
console.log("ok");
