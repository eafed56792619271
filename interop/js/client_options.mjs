// npm's clients with options that few people set: `ok NAME` for each, or `FAIL NAME reason`.
//
// Attachments in base64 (`forceBase64`), and subprotocols (`protocols`). Usage: node client_options.mjs URL

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [url] = process.argv.slice(2);
const PATIENCE_MS = 10_000;
const DATA = Buffer.from([1, 2, 3]);
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit(1));

function echoed(client, options) {
  const { io = require(client) } = require(client);
  const socket = io(url, { ...options, forceNew: true, reconnection: false });
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no answer")), PATIENCE_MS).unref();
    socket.on("connect_error", reject);
    socket.on("disconnect", (reason) => reject(new Error(reason)));
    socket.on("connect", () => {
      socket.emit("echo", DATA, (data) => {
        const { name, ws } = socket.io.engine.transport;
        resolve({ data: Buffer.from(data), name, protocol: ws?.protocol });
        socket.close();
      });
    });
  });
}

for (const client of ["socket.io-client", "socket.io-client-3", "socket.io-client-2"]) {
  for (const transport of ["websocket", "polling"]) {
    const name = `base64 ${client} ${transport}`;
    try {
      const options = { transports: [transport], forceBase64: true };
      assert.deepEqual((await echoed(client, options)).data, DATA);
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAIL ${name} ${error.message}`);
    }
  }
}
try {
  const options = { transports: ["websocket"], protocols: ["token123", "chat"] };
  assert.equal((await echoed("socket.io-client", options)).protocol, "token123");
  console.log("ok protocols");
} catch (error) {
  console.log(`FAIL protocols ${error.message}`);
}
process.exit(0);
