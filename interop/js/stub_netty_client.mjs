// Reads stub_netty.mjs's polling with npm's own parser of Engine.IO 3: `ok NAME` or `FAIL NAME reason` for each check.
//
// npm's client 2 does not poll in binary under Node.js, so it can't say this. Usage: node stub_netty_client.mjs URL

import assert from "node:assert/strict";
import http from "node:http";
import { createRequire } from "node:module";

const parser = createRequire(import.meta.resolve("socket.io-2"))("engine.io-parser");
const PATIENCE_MS = 20_000;
const [url] = process.argv.slice(2);
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit(1));

// On a connection of its own each: the server closes them without a word, and a kept one may be closing when it is used.
function ask(query, { method = "GET", body } = {}) {
  const options = { agent: false, method, signal: AbortSignal.timeout(PATIENCE_MS) };
  return new Promise((resolve, reject) => {
    const request = http.request(`${url}/socket.io/?EIO=3&transport=polling${query}`, options);
    request.on("error", reject).end(body);
    request.on("response", async (answer) => {
      const { statusCode: status, headers } = answer;
      resolve({ status, type: headers["content-type"], body: Buffer.concat(await answer.toArray()) });
    });
  });
}

class Client {
  // Packets that came, as the parser tells them.
  #came = [];

  constructor({ sid }) {
    this.query = `&sid=${sid}`;
  }

  static async begin() {
    const [open, ...more] = await read(await ask(""));
    assert.deepEqual([open.type, more], ["open", []]);
    return new Client(JSON.parse(open.data));
  }

  async next() {
    while (!this.#came.length) this.#came.push(...(await read(await ask(this.query))));
    return this.#came.shift().data;
  }

  async send(packets, isBinary) {
    const encode = isBinary ? parser.encodePayloadAsBinary : parser.encodePayload;
    const body = await new Promise((resolve) => encode(packets, resolve));
    const answer = await ask(this.query, { method: "POST", body });
    assert.equal(answer.body.toString(), "ok");
  }
}

async function read(answer) {
  assert.equal(answer.type, "application/octet-stream");
  const packets = [];
  parser.decodePayloadAsBinary(answer.body, "nodebuffer", (packet) => {
    packets.push(packet);
  });
  return packets;
}

async function joined() {
  const client = await Client.begin();
  assert.equal(await client.next(), "0");
  assert.equal(await client.next(), '2["welcome",{}]');
  return client;
}

const message = (data) => ({ type: "message", data });

const CHECKS = {
  async answers_in_binary() {
    const client = await joined();
    for (const isBinary of [false, true]) {
      await client.send([message('27["echo","é€"]'), message('28["echo",1]')], isBinary);
      assert.equal(await client.next(), '37["é€"]');
      assert.equal(await client.next(), "38[1]");
    }
  },
  async carries_attachments() {
    const client = await joined();
    const bytes = Buffer.from([0, 4, 255]);
    for (const isBinary of [false, true]) {
      await client.send([message('51-1["echo",{"_placeholder":true,"num":0}]'), message(bytes)], isBinary);
      assert.equal(await client.next(), '61-1[{"_placeholder":true,"num":0}]');
      assert.deepEqual(await client.next(), bytes);
    }
  },
  async joins_and_refuses() {
    const client = await joined();
    await client.send([message("0/imchat?a=1"), message('2/imchat,1["echo",true]')]);
    assert.equal(await client.next(), '2/imchat,["welcome",{}]');
    assert.equal(await client.next(), "0/imchat");
    assert.equal(await client.next(), "3/imchat,1[true]");
    await client.send([message("0/nowhere")]);
    assert.equal(await client.next(), '4/nowhere,"Invalid namespace"');
  },
  async answers_pings() {
    const client = await joined();
    await client.send([{ type: "ping", data: "x" }]);
    assert.equal(await client.next(), "x");
  },
  async ends_who_is_silent() {
    const client = await joined();
    assert.equal(await client.next(), "1");
    assert.equal((await ask(client.query)).status, 500);
  },
};

let failures = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name} ${String(error.message).replaceAll("\n", " ")}`);
    console.error(error.stack);
  }
}
process.exit(failures ? 1 : 0);
