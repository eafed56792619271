// What a Socket.IO server has to do for npm's clients; the name of each function is the claim.

import assert from "node:assert/strict";
import { Gate, Refused, connect, within } from "./connection.mjs";

const ID = /^[\w-]{20}$/;

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

export async function connects(site) {
  const client = await connect(site);
  const { engine, socket } = client;
  // The engine's id is a secret, but for clients that know no other.
  if (site.client.speaksV3) assert.equal(socket.id, engine.id);
  else assert.notEqual(socket.id, engine.id);
  for (const id of [socket.id, engine.id]) assert.match(id, ID);
  await client.settled();
  assert.equal(engine.transport.name, site.travel.settles);
  assert.equal(await client.call("echo", 1), 1);
}

export async function the_auth_payload_arrives(site) {
  // A query is all text.
  const auth = site.client.speaksV3 ? { token: "abc", e: "é&=" } : { token: "abc", nested: { list: [1, "é"] } };
  const client = await connect(site, "/custom", { auth });
  assert.deepEqual(await client.next("auth"), [auth]);
  assert.deepEqual(await (await connect(site, "/custom")).next("auth"), [{}]);
  const root = await connect(site, "/", { auth });
  // Version 2 says nothing when it joins `/`, which it joins by connecting.
  assert.deepEqual(await root.next("auth"), [site.client.speaksV3 ? {} : auth]);
}

export async function a_wrong_token_is_refused(site) {
  // Version 2 hears the data alone.
  const told = site.client.speaksV3 ? { code: 401 } : { message: "unauthorized", data: { code: 401 } };
  for (const auth of [undefined, { token: "guess" }]) {
    await assert.rejects(connect(site, "/auth", { auth }), new Refused(told));
  }
}

export async function a_right_token_is_let_in(site) {
  const { socket, engine } = await connect(site, "/auth", { auth: { token: "secret" } });
  if (site.client.speaksV3) assert.equal(socket.id, `/auth#${engine.id}`);
  else assert.match(socket.id, ID);
}

export async function an_unknown_namespace_is_refused(site) {
  const root = await connect(site);
  await assert.rejects(connect(site, "/random", { beside: root }), new Refused({ message: "Invalid namespace" }));
  assert.equal(await root.call("echo", 1), 1, "the connection stays");
}

export async function namespaces_share_a_connection(site) {
  const root = await connect(site);
  const custom = await connect(site, "/custom", { beside: root });
  assert.notEqual(root.socket.id, custom.socket.id);
  custom.emit("message", "to custom");
  assert.deepEqual(await custom.next("message-back"), ["to custom"]);
  assert.equal(await root.has("message-back"), false);
  custom.socket.disconnect();
  assert.equal(await custom.reason(), "io client disconnect");
  assert.equal(await root.call("echo", 1), 1, "leaving one namespace keeps the other");
}

export async function events_go_both_ways(site) {
  const client = await connect(site);
  for (const args of [[], [1], ["a", { b: [null, true, 1.5, -0.25e10] }, []], [null, null]]) {
    client.emit("message", ...args);
    assert.deepEqual(await client.next("message-back"), args);
  }
}

export async function binary_goes_both_ways(site) {
  const client = await connect(site);
  client.emit("message", ...BINARY);
  assert.deepEqual(await client.next("message-back"), BINARY);
}

export async function the_server_acknowledges(site) {
  const client = await connect(site);
  for (const args of [[], [1], ["a", { b: 2 }, [3]], BINARY]) {
    assert.deepEqual(await client.callAll("message-with-ack", ...args), args);
  }
}

export async function the_client_acknowledges(site) {
  const client = await connect(site);
  client.socket.once("emit-with-ack", (...args) => args.pop()("answer", ...args));
  client.emit("emit-with-ack", 1, Buffer.from("two"));
  await client.next("emit-with-ack");
  assert.deepEqual(await client.next("emit-with-ack"), ["answer", 1, Buffer.from("two")]);
}

export async function an_ack_that_never_comes_harms_nobody(site) {
  const client = await connect(site);
  client.emit("emit-with-ack", "unanswered");
  await client.next("emit-with-ack");
  // A server that runs a socket's events in order answers this once it has given up on the ack.
  assert.equal(await client.call("echo", 1), 1);
  assert.equal(await client.has("emit-with-ack"), false);
}

export async function many_calls_are_told_apart(site) {
  const client = await connect(site);
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  assert.deepEqual(await Promise.all(numbers.map((n) => client.call("echo", n))), numbers);
}

export async function rooms_get_what_is_sent_to_them(site) {
  const [inside, outside, sender] = await Promise.all([connect(site), connect(site), connect(site)]);
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

export async function a_broadcast_reaches_everyone(site) {
  const all = await Promise.all([connect(site), connect(site), connect(site)]);
  const stranger = await connect(site, "/custom");
  all[0].emit("broadcast", "to all", BINARY[1]);
  for (const client of all) assert.deepEqual(await client.next("broadcast"), ["to all", BINARY[1]]);
  assert.equal(await stranger.has("broadcast"), false, "another namespace");
}

export async function a_broadcast_can_leave_out_its_sender(site) {
  const [sender, other] = await Promise.all([connect(site), connect(site)]);
  sender.emit("except-me", "news", 1);
  assert.deepEqual(await other.next("news"), [1]);
  assert.equal(await sender.has("news"), false);
}

export async function the_server_disconnects_one_namespace(site) {
  const root = await connect(site);
  const custom = await connect(site, "/custom", { beside: root });
  custom.emit("disconnect-me", false);
  assert.equal(await custom.reason(), "io server disconnect");
  assert.equal(await root.call("echo", 1), 1);
}

export async function the_server_closes_the_connection(site) {
  const root = await connect(site);
  const custom = await connect(site, "/custom", { beside: root });
  custom.emit("disconnect-me", true);
  assert.equal(await custom.reason(), "io server disconnect");
  assert.equal(await root.reason(), "io server disconnect");
}

export async function large_messages_pass(site) {
  const client = await connect(site);
  await client.settled();
  // Polling writes bytes as base64, which the limit counts; and msgpack is bytes, whatever it carries.
  const polls = site.travel.settles === "polling";
  const text = "é".repeat(polls && site.client.options.parser ? 350_000 : 450_000);
  assert.equal(await client.call("echo", text), text);
  const bytes = Buffer.alloc(polls ? 700_000 : 900_000, 3);
  assert.deepEqual(await client.call("echo", bytes), bytes);
}

export async function too_large_messages_close_the_connection(site) {
  for (const message of ["x".repeat(1_100_000), Buffer.alloc(1_100_000)]) {
    const client = await connect(site);
    await client.settled();
    client.emit("message", message);
    assert.match(await client.reason(), /^transport (close|error)$/);
    assert.equal(await client.inbox.has("message-back"), false);
    assert.equal(await (await connect(site)).call("echo", 1), 1, "a new connection works");
  }
}

export async function every_text_survives(site) {
  const client = await connect(site);
  for (const text of TEXTS) assert.equal(await client.call("echo", text), text);
  const keys = Object.fromEntries(TEXTS.map((text) => [text, text]));
  assert.deepEqual(await client.callAll("echo", ...TEXTS, keys), [...TEXTS, keys]);
}

export async function events_stay_in_order(site) {
  const client = await connect(site);
  for (let n = 0; n < 1000; n += 1) client.emit("message", n, n % 10 ? "text" : Buffer.from([n]));
  for (let n = 0; n < 1000; n += 1) assert.equal((await client.next("message-back"))[0], n);
}

// The upgrade, if there is one, begins after the first thousand and has ended before the last thousand.
export async function ten_thousand_events_stay_in_order(site) {
  const gate = new Gate();
  const client = await connect(site, "/", { gate });
  let sent = 0;
  for (let n = 0; n < 10_000; n += 1) {
    if (n === 1000) gate.open();
    if (n === 9000) await client.settled();
    while (sent < (n < 9000 ? 9000 : 10_000) && sent < n + 50) {
      client.emit("message", sent, sent % 10 ? "text" : Buffer.from([sent]));
      sent += 1;
    }
    assert.equal((await client.next("message-back"))[0], n);
  }
  assert.equal(client.engine.transport.name, site.travel.settles);
}

export async function heartbeats_keep_an_idle_connection(site) {
  const client = await connect(site);
  await client.settled();
  // Emitted for each heartbeat, whoever began it.
  const heartbeat = () => within("a heartbeat", new Promise((resolve) => client.engine.once("pong", resolve)));
  for (let beats = 0; beats < 3; beats += 1) await heartbeat();
  assert.equal(await client.call("echo", 1), 1);
}

// The test that runs this one kills the server after the first line and restarts it after the second.
export async function the_client_comes_back(site) {
  const auth = { again: "yes" };
  const client = await connect(site, "/custom", { auth, reconnection: true });
  await client.next("auth");
  const before = client.socket.id;
  console.log("connected");
  console.log(`disconnected: ${await client.reason()}`);
  assert.deepEqual(await client.next("auth"), [auth]);
  assert.notEqual(client.socket.id, before);
  assert.equal(await client.call("echo", 1), 1);
}
