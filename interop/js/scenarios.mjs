// What a Socket.IO server has to do for npm socket.io-client; the name of each function is the claim.

import assert from "node:assert/strict";
import { connect } from "./connection.mjs";

// Text that naive codecs break: astral characters, escapes, NUL, line separators, a lone combining mark.
const TEXTS = [
  "", "é", "日本語", "🦊👩‍👩‍👧", "\u0000", "\u2028\u2029", "\"\\/\b\f\n\r\t", "\u001e", "\u0301",
  "{\"_placeholder\":true,\"num\":0}", "𝒳".repeat(1000),
];

const BINARY = [
  Buffer.from([0, 1, 254, 255]),
  { deep: [{ down: Buffer.from("six") }, Buffer.alloc(0)], flat: "text" },
  null,
  Buffer.alloc(70_000, 7),
];

export async function connects(url) {
  const client = await connect(url);
  assert.match(client.socket.id, /^[\w-]{20}$/);
  assert.notEqual(client.socket.id, client.socket.io.engine.id, "the engine's id is a secret");
  assert.equal(client.socket.io.engine.transport.name, "websocket");
}

export async function the_auth_payload_arrives(url) {
  const auth = { token: "abc", nested: { list: [1, "é"] } };
  const client = await connect(url, "/", { auth });
  assert.deepEqual(await client.next("auth"), [auth]);
  assert.deepEqual(await (await connect(url, "/custom")).next("auth"), [{}]);
}

export async function a_wrong_token_is_refused(url) {
  const refusal = { message: "unauthorized", data: { code: 401 } };
  for (const auth of [undefined, { token: "guess" }]) {
    await assert.rejects(connect(url, "/auth", { auth }), refusal);
  }
}

export async function a_right_token_is_let_in(url) {
  const client = await connect(url, "/auth", { auth: { token: "secret" } });
  assert.match(client.socket.id, /^[\w-]{20}$/);
}

export async function an_unknown_namespace_is_refused(url) {
  const root = await connect(url);
  await assert.rejects(connect(url, "/random", { beside: root }), { message: "Invalid namespace" });
  assert.equal(await root.call("echo", 1), 1, "the connection stays");
}

export async function namespaces_share_a_connection(url) {
  const root = await connect(url);
  const custom = await connect(url, "/custom", { beside: root });
  assert.notEqual(root.socket.id, custom.socket.id);
  custom.emit("message", "to custom");
  assert.deepEqual(await custom.next("message-back"), ["to custom"]);
  assert.equal(await root.has("message-back"), false);
  custom.socket.disconnect();
  assert.equal(await custom.reason(), "io client disconnect");
  assert.equal(await root.call("echo", 1), 1, "leaving one namespace keeps the other");
}

export async function events_go_both_ways(url) {
  const client = await connect(url);
  for (const args of [[], [1], ["a", { b: [null, true, 1.5, -0.25e10] }, []], [null, null]]) {
    client.emit("message", ...args);
    assert.deepEqual(await client.next("message-back"), args);
  }
}

export async function binary_goes_both_ways(url) {
  const client = await connect(url);
  client.emit("message", ...BINARY);
  assert.deepEqual(await client.next("message-back"), BINARY);
}

export async function the_server_acknowledges(url) {
  const client = await connect(url);
  for (const args of [[], [1], ["a", { b: 2 }, [3]], BINARY]) {
    assert.deepEqual(await client.callAll("message-with-ack", ...args), args);
  }
}

export async function the_client_acknowledges(url) {
  const client = await connect(url);
  client.socket.once("emit-with-ack", (...args) => args.pop()("answer", ...args));
  client.emit("emit-with-ack", 1, Buffer.from("two"));
  await client.next("emit-with-ack");
  assert.deepEqual(await client.next("emit-with-ack"), ["answer", 1, Buffer.from("two")]);
}

export async function an_ack_that_never_comes_harms_nobody(url) {
  const client = await connect(url);
  client.emit("emit-with-ack", "unanswered");
  await client.next("emit-with-ack");
  // A server that runs a socket's events in order answers this once it has given up on the ack.
  assert.equal(await client.call("echo", 1), 1);
  assert.equal(await client.has("emit-with-ack"), false);
}

export async function many_calls_are_told_apart(url) {
  const client = await connect(url);
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  assert.deepEqual(await Promise.all(numbers.map((n) => client.call("echo", n))), numbers);
}

export async function rooms_get_what_is_sent_to_them(url) {
  const [inside, outside, sender] = await Promise.all([connect(url), connect(url), connect(url)]);
  inside.emit("join", "quiet \"room\" 🦊");
  await inside.call("echo", "joined");
  const name = "an \"event\"\u2028 é";
  sender.emit("to-room", "quiet \"room\" 🦊", name, BINARY[1]);
  assert.deepEqual(await inside.next(name), [BINARY[1]]);
  inside.emit("leave", "quiet \"room\" 🦊");
  await inside.call("echo", "left");
  sender.emit("to-room", "quiet \"room\" 🦊", name);
  await sender.call("echo", "sent");
  assert.equal(await inside.has(name), false, "it had left");
  assert.equal(await outside.has(name), false, "it never joined");
}

export async function a_broadcast_reaches_everyone(url) {
  const all = await Promise.all([connect(url), connect(url), connect(url)]);
  const stranger = await connect(url, "/custom");
  all[0].emit("broadcast", "to all", BINARY[1]);
  for (const client of all) assert.deepEqual(await client.next("broadcast"), ["to all", BINARY[1]]);
  assert.equal(await stranger.has("broadcast"), false, "another namespace");
}

export async function a_broadcast_can_leave_out_its_sender(url) {
  const [sender, other] = await Promise.all([connect(url), connect(url)]);
  sender.emit("except-me", "news", 1);
  assert.deepEqual(await other.next("news"), [1]);
  assert.equal(await sender.has("news"), false);
}

export async function the_server_disconnects_one_namespace(url) {
  const root = await connect(url);
  const custom = await connect(url, "/custom", { beside: root });
  custom.emit("disconnect-me", false);
  assert.equal(await custom.reason(), "io server disconnect");
  assert.equal(await root.call("echo", 1), 1);
}

export async function the_server_closes_the_connection(url) {
  const root = await connect(url);
  const custom = await connect(url, "/custom", { beside: root });
  custom.emit("disconnect-me", true);
  assert.equal(await custom.reason(), "io server disconnect");
  assert.equal(await root.reason(), "io server disconnect");
}

export async function large_messages_pass(url) {
  const client = await connect(url);
  const text = "é".repeat(450_000);
  assert.equal(await client.call("echo", text), text);
  const bytes = Buffer.alloc(900_000, 3);
  assert.deepEqual(await client.call("echo", bytes), bytes);
}

export async function too_large_messages_close_the_connection(url) {
  for (const message of ["x".repeat(1_100_000), Buffer.alloc(1_100_000)]) {
    const client = await connect(url);
    client.emit("message", message);
    assert.match(await client.reason(), /^transport (close|error)$/);
    assert.equal(await client.inbox.has("message-back"), false);
    assert.equal(await (await connect(url)).call("echo", 1), 1, "a new connection works");
  }
}

export async function every_text_survives(url) {
  const client = await connect(url);
  for (const text of TEXTS) assert.equal(await client.call("echo", text), text);
  const keys = Object.fromEntries(TEXTS.map((text) => [text, text]));
  assert.deepEqual(await client.callAll("echo", ...TEXTS, keys), [...TEXTS, keys]);
}

export async function events_stay_in_order(url) {
  const client = await connect(url);
  for (let n = 0; n < 1000; n += 1) client.emit("message", n, n % 10 ? "text" : Buffer.from([n]));
  for (let n = 0; n < 1000; n += 1) assert.equal((await client.next("message-back"))[0], n);
}

// The test that runs this one kills the server after the first line and restarts it after the second.
export async function the_client_comes_back(url) {
  const client = await connect(url, "/", { auth: { again: true }, reconnection: true });
  await client.next("auth");
  const before = client.socket.id;
  console.log("connected");
  console.log(`disconnected: ${await client.reason()}`);
  assert.deepEqual(await client.next("auth"), [{ again: true }]);
  assert.notEqual(client.socket.id, before);
  assert.equal(await client.call("echo", 1), 1);
}
