// Pages of one origin, a server at another: what the browser lets through is what the server allows.
//
// SERVE_COMMAND is that of an interop server (see server.mjs), which takes `--origin URL`, `--v3` and `--parser msgpack`.
// ORIGIN_GUARDS_WEBSOCKET says that it refuses WebSockets of other origins too, which browsers leave to the server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Server } from "./server.mjs";
import { Browser } from "./tab.mjs";

const COMMAND = JSON.parse(process.env.SERVE_COMMAND);
const GUARDED = Boolean(process.env.ORIGIN_GUARDS_WEBSOCKET);
const CLIENTS = {
  4: "socket.io-client/dist/socket.io.js",
  "4-msgpack": "socket.io-client/dist/socket.io.msgpack.min.js",
  3: "socket.io-client-3/dist/socket.io.js",
  2: "socket.io-client-2/dist/socket.io.js",
};
const TRAVELS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

let browser;
let pages;
let strangers;
const started = [];

before(async () => {
  browser = await Browser.launch();
  [pages, strangers] = await Promise.all([origin(), origin()]);
});
after(async () => {
  await browser?.close();
  for (const server of started) await server.kill();
  pages?.close();
  strangers?.close();
});

// An origin of its own, whose pages are blank: a port is enough to be another one.
async function origin() {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>A page</title><link rel='icon' href='data:,'>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}

async function serve(...flags) {
  const server = new Server([...COMMAND, ...flags], null);
  started.push(server);
  await server.start();
  return server.url;
}

async function open(t, url, client, options) {
  const page = await browser.tab(t, url, options);
  await page.addScriptTag({ content: readFileSync(new URL(`../node_modules/${CLIENTS[client]}`, import.meta.url), "utf8") });
  return page;
}

// What comes of a connection: the transport it ends up on and what the server gives back, or the error.
function connect(page, url, travel, more = {}) {
  const options = { transports: TRAVELS[travel], reconnection: false, forceNew: true, withCredentials: true, ...more };
  return page.evaluate(async ({ url, options }) => {
    const socket = window.io(url, options);
    const failed = new Promise((resolve) => socket.on("connect_error", () => resolve("refused")));
    const connected = new Promise((resolve) => socket.on("connect", resolve));
    const { engine } = socket.io;
    const upgraded = options.transports.length > 1 && new Promise((resolve) => engine.once("upgrade", resolve));
    const talk = async () => {
      await connected;
      const ask = () => new Promise((resolve) => {
        socket.emit("echo", "é🦊", new Uint8Array([0, 4, 255]).buffer, (...answer) => resolve(answer));
      });
      const first = await ask();
      await upgraded;
      const second = await ask();
      // On polling, goodbye may overtake the waiting GET, which a browser then logs as refused: leave it to the page's end.
      if (engine.transport.name === "websocket") socket.disconnect();
      return [engine.transport.name, ...[first, second].flatMap(([text, bytes]) => [text, ...new Uint8Array(bytes)])];
    };
    return Promise.race([talk(), failed]);
  }, { url, options });
}

const TALKED = (transport) => [transport, "é🦊", 0, 4, 255, "é🦊", 0, 4, 255];

// What a page can read of an answer: status and body, or nothing.
function read(page, url) {
  return page.evaluate(async (url) => {
    try {
      const answer = await fetch(url, { credentials: "include" });
      return [answer.status, await answer.json()];
    } catch (error) {
      return error.name;
    }
  }, url);
}

const ERRORS = [
  ["EIO=4&transport=pigeon", 0],
  ["EIO=4&transport=polling&sid=unknown", 1],
  ["EIO=9&transport=polling", 5],
];

for (const client of ["4", "3", "2"]) {
  test(`client ${client} of an allowed origin connects`, async (t) => {
    const url = await serve("--origin", pages.url, "--v3");
    const page = await open(t, pages.url, client);
    for (const travel of Object.keys(TRAVELS)) {
      const ends = travel === "polling" ? "polling" : "websocket";
      assert.deepEqual(await connect(page, url, travel), TALKED(ends), travel);
    }
  });
}

test("client 4 of an allowed origin connects with msgpack", async (t) => {
  const url = await serve("--origin", pages.url, "--parser", "msgpack");
  const page = await open(t, pages.url, "4-msgpack");
  for (const travel of Object.keys(TRAVELS)) {
    const ends = travel === "polling" ? "polling" : "websocket";
    assert.deepEqual(await connect(page, url, travel), TALKED(ends), travel);
  }
});

test("an allowed origin may send headers of its own, which the browser asks about first", async (t) => {
  const url = await serve("--origin", pages.url);
  const page = await open(t, pages.url, "4");
  const extraHeaders = { authorization: "Bearer x", "x-app": "1" };
  assert.deepEqual(await connect(page, url, "polling", { extraHeaders }), TALKED("polling"));
});

test("an allowed origin can read why it is refused", async (t) => {
  const url = await serve("--origin", pages.url);
  const page = await open(t, pages.url, "4", { expectErrors: true });
  for (const [query, code] of ERRORS) {
    const [status, body] = await read(page, `${url}/socket.io/?${query}`);
    assert.deepEqual([status, body.code], [400, code], query);
    assert.equal(typeof body.message, "string", query);
  }
});

for (const [name, flags, from] of [
  ["without a list of origins, others", () => [], () => pages],
  ["with a list of origins, those not on it", () => ["--origin", pages.url], () => strangers],
]) {
  test(`${name} are refused and can read nothing`, async (t) => {
    const url = await serve(...flags());
    const page = await open(t, from().url, "4", { expectErrors: true });
    assert.equal(await connect(page, url, "polling"), "refused");
    const overWebSocket = await connect(page, url, "websocket");
    assert.deepEqual(overWebSocket, GUARDED ? "refused" : TALKED("websocket"));
    for (const [query] of ERRORS) assert.equal(await read(page, `${url}/socket.io/?${query}`), "TypeError", query);
  });
}

test("without a list of origins, the server's own is allowed", async (t) => {
  const url = await serve();
  // A document of that origin: an error will do.
  const page = await open(t, `${url}/socket.io/?${ERRORS[0][0]}`, "4", { expectErrors: true });
  for (const travel of Object.keys(TRAVELS)) {
    const ends = travel === "polling" ? "polling" : "websocket";
    assert.deepEqual(await connect(page, url, travel), TALKED(ends), travel);
  }
});
