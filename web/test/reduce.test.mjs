// What each action does to the state.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_ENTRIES, reduce } from "../src/state/reduce.ts";

const ada = { id: "a", name: "Ada" };
const bo = { id: "b", name: "Bo" };
const refusal = { code: "text-refused" };

const fresh = {
  language: "en",
  name: null,
  lastName: "",
  refusal: null,
  link: { kind: "idle" },
  rooms: [],
  views: new Map(),
  open: "lobby",
};

/** Ada is online and in the lobby with Bo; then `actions` happen. */
function after(...actions) {
  const before = [
    { do: "name", name: "Ada", rooms: ["lobby"], open: "lobby" },
    { do: "connecting" },
    { do: "online", selfId: "a" },
    { do: "entered", entrance: { room: "lobby", people: [ada, bo] }, now: 0, awayMs: 0 },
  ];
  return [...before, ...actions].reduce(reduce, fresh);
}

const lobby = (state) => state.views.get("lobby");
const said = (key, room = "lobby") => ({ id: "m", room, from: bo, text: "hi", at: 1, client_id: key });
const compose = { do: "compose", room: "lobby", key: "k", text: "hi", now: 1 };
const offline = { do: "offline", retryAt: 9 };
const deliveries = (state) => lobby(state).entries.map((entry) => entry.delivery.kind);

test("only an ack makes a message delivered", () => {
  const check = (actions, expect) => assert.deepEqual(deliveries(after(...actions)), expect);
  const delivered = { do: "delivered", room: "lobby", key: "k", receipt: { id: "m", at: 2 } };
  const failed = { do: "failed", room: "lobby", key: "k", refusal };
  check([compose], ["sending"]);
  check([compose, delivered], ["delivered"]);
  check([compose, failed], ["failed"]);
  check([compose, failed, { do: "retry", room: "lobby", key: "k" }], ["sending"]);
  check([compose, failed, { do: "discard", room: "lobby", key: "k" }], []);
  check([compose, offline], ["sending"]);
  check([compose, { do: "refused", room: "lobby", refusal }], ["failed"]);
  check([compose, { ...delivered, key: "other" }], ["sending"]);
});

test("a message that arrives twice is shown once", () => {
  const state = after({ do: "said", message: said("k"), visible: true }, { do: "said", message: said("k"), visible: true });
  assert.equal(lobby(state).entries.length, 1);
});

test("unread counts what was not on the screen", () => {
  const check = (actions, expect) => assert.equal(lobby(after(...actions)).unread, expect);
  const elsewhere = [{ do: "asking", room: "design" }, { do: "open", room: "design" }];
  check([{ do: "said", message: said("1"), visible: true }], 0);
  check([{ do: "said", message: said("1"), visible: false }], 1);
  check([...elsewhere, { do: "said", message: said("1"), visible: true }], 1);
  check([...elsewhere, { do: "said", message: said("1"), visible: true }, { do: "open", room: "lobby" }], 0);
});

test("typing ends by a message, by leaving, by time and by losing the connection", () => {
  const typing = { do: "typing", room: "lobby", person: bo, until: 5 };
  const check = (action, expect) => assert.equal(lobby(after(typing, typing, action)).typing.length, expect);
  check({ do: "typed", now: 4 }, 1);
  check({ do: "typed", now: 5 }, 0);
  check({ do: "said", message: said("k"), visible: true }, 0);
  check({ do: "departed", room: "lobby", person: bo, now: 1 }, 0);
  check(offline, 0);
});

test("people come and go once", () => {
  const cy = { id: "c", name: "Cy" };
  const arrived = { do: "arrived", room: "lobby", person: cy, now: 1 };
  const departed = { do: "departed", room: "lobby", person: cy, now: 2 };
  assert.deepEqual(lobby(after(arrived, arrived)).people, [ada, bo, cy]);
  assert.deepEqual(lobby(after(arrived, departed, departed)).people, [ada, bo]);
  assert.equal(lobby(after(arrived, departed, departed)).entries.length, 2);
});

test("a log with a hole says so", () => {
  const again = { do: "entered", entrance: { room: "lobby", people: [ada] }, now: 10, awayMs: 7_400 };
  const last = (state) => lobby(state).entries.at(-1);
  assert.deepEqual(last(after(compose, offline, again)).what, { kind: "gap", seconds: 7 });
  assert.equal(last(after(offline, again)), undefined, "an empty log has no hole");
});

test("what arrives for a room that was left is ignored", () => {
  const state = after({ do: "asking", room: "x" }, { do: "open", room: "x" }, { do: "leave", room: "x" });
  assert.equal(state.open, "lobby");
  assert.deepEqual([...reduce(state, { do: "said", message: said("k", "x"), visible: true }).views.keys()], ["lobby"]);
});

test("a long log drops its oldest lines but never an unsent message", () => {
  const flood = Array.from({ length: MAX_ENTRIES + 10 }, (_, n) => ({ do: "said", message: said(`${n}`), visible: true }));
  const { entries } = lobby(after(compose, ...flood));
  assert.equal(entries.length, MAX_ENTRIES);
  assert.equal(entries[0].key, "k");
  assert.equal(entries.at(-1).key, `${MAX_ENTRIES + 9}`);
});

test("room names are never property names", () => {
  const state = after({ do: "asking", room: "__proto__" }, { do: "said", message: said("k", "__proto__"), visible: true });
  assert.equal(state.views.get("__proto__").entries.length, 1);
});
