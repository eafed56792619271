// Holds a server to the contract in host.mjs, with npm's client: prints `ok NAME` or `FAIL NAME reason` for each check.
//
// Usage: node host_client.mjs [--client 4|3|2] [--transports polling,upgrade,websocket] [--without NAME,…]
//        [--refusal JSON] URL
//
// `--refusal` is what a client that may not join `/guarded` is told, where that is not as in the contract.
// The last check, `records`, has had three events acknowledged when it is printed: the server may then be killed.

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { CLIENTS, TRAVELS } from "./clients.mjs";
import { closeAll, connect, Refused } from "./connection.mjs";

const { values: flags, positionals: [url] } = parseArgs({
  allowPositionals: true,
  options: {
    client: { type: "string", default: "4" },
    transports: { type: "string", default: "polling,upgrade,websocket" },
    without: { type: "string", default: "" },
    refusal: { type: "string", default: '{"message":"unauthorized","data":{"code":401}}' },
  },
});
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit(1));

const client = CLIENTS[flags.client];
const travels = flags.transports.split(",");
const over = (travel) => ({ url, client, travel: TRAVELS[travel] });
const join = (namespace, options) => connect(over(travels[0]), namespace, options);

const CHECKS = {
  async echoes() {
    for (const travel of travels) {
      const socket = await connect(over(travel));
      await socket.settled();
      const bytes = Buffer.from([0, 1, 255]);
      const values = ["é", 1, { deep: [null, bytes] }];
      assert.deepEqual(await socket.callAll("echo", ...values), values);
      socket.emit("say", "hello", bytes);
      assert.deepEqual(await socket.next("said"), ["hello", bytes]);
      socket.socket.disconnect();
    }
  },
  async names_transports() {
    for (const travel of travels) {
      const socket = await connect(over(travel));
      await socket.settled();
      assert.equal(await socket.call("transport"), TRAVELS[travel].settles);
    }
  },
  async welcomes() {
    const login = { user: "ada" };
    assert.deepEqual(await (await join("/", { auth: login })).next("welcome"), [client.speaksV3 ? {} : login]);
    assert.deepEqual(await (await join("/imchat")).next("welcome"), [{}]);
  },
  async sends_in_order() {
    const socket = await join("/");
    await socket.call("burst", 100);
    for (let i = 0; i < 100; i += 1) assert.deepEqual(await socket.next("tick"), [i]);
    await socket.call("big", 300_000);
    assert.deepEqual(await socket.next("big"), ["x".repeat(300_000)]);
  },
  async asks() {
    const socket = await join("/other");
    socket.socket.on("question", (a, b, ack) => ack(b, a));
    socket.emit("ask", 1, "two");
    assert.deepEqual(await socket.next("answered"), ["two", 1]);
  },
  async acknowledges_when_it_should() {
    const socket = await join("/");
    let acks = 0;
    socket.socket.emit("ignore", 1, () => (acks += 1));
    socket.socket.emit("once", "a", () => (acks += 1));
    assert.deepEqual(await socket.call("once", "a"), { times: 2 });
    assert.deepEqual(await socket.call("once", "a"), { times: 3 });
    assert.equal(acks, 0);
  },
  async shares_a_session() {
    const imchat = await join("/imchat");
    const other = await connect(over(travels[0]), "/other", { beside: imchat });
    assert.equal(await other.call("echo", 1), 1);
    imchat.emit("disconnect-me");
    assert.equal(await imchat.reason(), "io server disconnect");
    assert.equal(await other.call("echo", 2), 2);
  },
  async disconnects() {
    const socket = await join("/other");
    socket.emit("disconnect-me");
    assert.equal(await socket.reason(), "io server disconnect");
  },
  async closes() {
    const socket = await join("/other");
    socket.emit("close-me");
    // Some are gone before they have answered the last request, some disconnect the sockets first.
    assert.match(await socket.reason(), /^(transport (close|error)|io server disconnect)$/);
  },
  async knows_the_handshake() {
    const socket = await join("/", { auth: { user: "ada" } });
    assert.equal((await socket.call("headers")).host, new URL(url).host);
    assert.equal((await socket.call("query")).EIO, client.speaksV3 ? "3" : "4");
    assert.deepEqual(await socket.call("auth"), client.speaksV3 ? {} : { user: "ada" });
  },
  async refuses() {
    const told = new Refused(JSON.parse(flags.refusal));
    await assert.rejects(join("/guarded"), told);
    await assert.rejects(join("/guarded", { auth: { token: "wrong" } }), told);
    assert.equal(await (await join("/guarded", { auth: { token: "secret" } })).call("echo", 1), 1);
  },
  async has_no_others() {
    // What they say of it differs.
    await assert.rejects(join("/nowhere"), (error) => !`${error.message}`.startsWith("waited"));
  },
  async records() {
    const socket = await join("/imchat");
    for (const [event, ...args] of [["message", 7, "é"], ["action", "b", { is: null }], ["chat", 9]]) {
      assert.deepEqual(await socket.callAll(event, ...args), [{ ok: true, id: args[0] }]);
    }
    assert.equal(await socket.call("received"), 3);
  },
};

let failures = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  if (flags.without.split(",").includes(name)) continue;
  try {
    await check();
    console.log(`ok ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name} ${String(error.message).replaceAll("\n", " ")}`);
    console.error(error.stack);
  }
  if (name !== "records") closeAll();
}
if (failures) process.exit(1);
