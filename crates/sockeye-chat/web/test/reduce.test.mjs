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
  you: "",
  paced: false,
  rooms: [],
  views: new Map(),
  open: "lobby",
};

/** Ada is online and in the lobby with Bo; then `actions` happen. */
function after(...actions) {
  const before = [
    { do: "name", name: "Ada", rooms: ["lobby"], open: "lobby" },
    { do: "connecting" },
    { do: "online" },
    { do: "entered", entrance: { room: "lobby", you: "a", people: [ada, bo], count: 2 }, now: 0, awayMs: 0 },
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
  check({ do: "departed", moved: { room: "lobby", people: [bo], count: 1 }, now: 1 }, 0);
  check(offline, 0);
});

test("people come and go once", () => {
  const cy = { id: "c", name: "Cy" };
  const arrived = { do: "arrived", moved: { room: "lobby", people: [cy], count: 3 }, now: 1 };
  const departed = { do: "departed", moved: { room: "lobby", people: [cy], count: 2 }, now: 2 };
  assert.deepEqual(lobby(after(arrived, arrived)).people, [ada, bo, cy]);
  assert.equal(lobby(after(arrived, arrived)).entries.length, 1);
  assert.deepEqual(lobby(after(arrived, departed)).people, [ada, bo]);
  assert.equal(lobby(after(arrived, departed)).count, 2);
  const me = { do: "arrived", moved: { room: "lobby", people: [ada], count: 2 }, now: 1 };
  assert.equal(lobby(after(me)).entries.length, 0, "I know that I am here");
});

test("those who come one after the other share a line", () => {
  const arrived = (name) => ({ do: "arrived", moved: { room: "lobby", people: [{ id: name, name }], count: 9 }, now: 1 });
  const { entries } = lobby(after(arrived("Cy"), arrived("Di"), compose, arrived("Ed")));
  const told = entries.map((entry) => entry.what?.names ?? entry.text);
  assert.deepEqual(told, [["Cy", "Di"], "hi", ["Ed"]]);
});

test("a crowd is known in part", () => {
  const entered = { do: "entered", entrance: { room: "lobby", you: "a", people: [ada, bo], count: 9 }, now: 1, awayMs: 0 };
  const cy = { id: "c", name: "Cy" };
  const more = { do: "more", room: "lobby", page: { people: [bo, cy], count: 9 } };
  assert.deepEqual(lobby(after(entered, more)).people, [ada, bo, cy]);
  assert.equal(lobby(after(entered, more)).pageEnd, cy);
  const again = { ...entered, entrance: { room: "lobby", you: "a", count: 8 } };
  assert.deepEqual(lobby(after(entered, again)).people, [ada, bo], "who is in a room gets no list again");
});

test("the list of rooms is kept by its changes", () => {
  const rooms = [{ name: "a", people: 1 }, { name: "b", people: 2 }];
  const changes = [{ name: "a", people: 0 }, { name: "b", people: 3 }, { name: "c", people: 1 }];
  const state = after({ do: "rooms", rooms }, { do: "changed", rooms: changes });
  assert.deepEqual(state.rooms, [{ name: "b", people: 3 }, { name: "c", people: 1 }]);
});

test("what I say in another tab is mine, and read", () => {
  const mine = { ...said("k"), from: ada };
  const state = after({ do: "said", message: mine, visible: false });
  assert.equal(lobby(state).entries[0].mine, true);
  assert.equal(lobby(state).unread, 0);
});

test("a log with a hole says so", () => {
  const again = { do: "entered", entrance: { room: "lobby", you: "a", people: [ada], count: 1 }, now: 10, awayMs: 7_400 };
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
