/** How each action changes the state: pure, so it is tested without a browser or a server. */

import { LOBBY, type Person, type Refusal, type Said } from "../chat/contract.ts";
import type { Action } from "./action.ts";
import { EMPTY_VIEW, isUnsent, type Entry, type Message, type Notice, type State, type View } from "./state.ts";

/** Entries kept per room; the oldest go first. A tab left open for a week must not grow for a week. */
export const MAX_ENTRIES = 500;

export function reduce(state: State, action: Action): State {
  switch (action.do) {
    case "speak":
      return { ...state, language: action.language };
    case "name": {
      const views = new Map(action.rooms.map((room) => [room, EMPTY_VIEW]));
      return { ...state, name: action.name, lastName: action.name, refusal: null, views, open: action.open };
    }
    case "unname":
      return { ...state, name: null, refusal: action.refusal, link: { kind: "idle" }, paced: false, views: new Map(), rooms: [] };
    case "open":
      return update({ ...state, open: action.room }, action.room, (view) => ({ ...view, unread: 0 }));

    case "connecting":
      return { ...state, link: { kind: "connecting", again: state.link.kind !== "idle" } };
    case "online":
      return { ...state, link: { kind: "online", rttMs: null } };
    case "offline": {
      // Nobody types while we can't hear them, and the lists are old until the rooms are joined again.
      const views = mapValues(state.views, (view) => ({ ...view, membership: "asking" as const, typing: [] }));
      return { ...state, views, link: { kind: "waiting", retryAt: action.retryAt } };
    }
    case "rtt":
      return state.link.kind === "online" ? { ...state, link: { ...state.link, rttMs: action.ms } } : state;

    case "rooms":
      return { ...state, rooms: action.rooms };
    case "changed": {
      const rooms = new Map(state.rooms.map((room) => [room.name, room]));
      for (const room of action.rooms) {
        if (room.people > 0) rooms.set(room.name, room);
        else rooms.delete(room.name);
      }
      return { ...state, rooms: [...rooms.values()] };
    }
    case "asking": {
      const view = state.views.get(action.room) ?? EMPTY_VIEW;
      const views = new Map(state.views).set(action.room, { ...view, membership: "asking", refusal: null });
      return { ...state, views };
    }
    case "entered":
      return update({ ...state, you: action.entrance.you }, action.entrance.room, (view) => {
        const { people, count } = action.entrance;
        const list = people && { people, pageEnd: people.at(-1) ?? null };
        const entered: View = { ...view, ...list, membership: "member", refusal: null, count };
        // A log with a hole must say so; an empty log has none.
        if (action.awayMs === 0 || view.entries.length === 0) return entered;
        const seconds = Math.max(1, Math.round(action.awayMs / 1000));
        return append(entered, notice(action.now, { kind: "gap", seconds }));
      });
    case "refused":
      return update(state, action.room, (view) => ({
        ...view,
        membership: "refused",
        refusal: action.refusal,
        entries: view.entries.map((entry) => (isUnsent(entry) ? fail(entry, action.refusal) : entry)),
      }));
    case "leave": {
      const views = new Map(state.views);
      views.delete(action.room);
      return { ...state, views, open: state.open === action.room ? LOBBY : state.open };
    }
    case "arrived":
      return update(state, action.moved.room, (view) => {
        const { people, count } = action.moved;
        const newcomers = people.filter((person) => person.id !== state.you && !has(view.people, person));
        const arrived = { ...view, people: [...view.people, ...newcomers], count };
        return newcomers.length === 0 ? arrived : append(arrived, movement(view, action.now, "joined", newcomers));
      });
    case "departed":
      return update(state, action.moved.room, (view) => {
        const { people, count } = action.moved;
        const departed = {
          ...view,
          people: view.people.filter((person) => !has(people, person)),
          typing: view.typing.filter((typist) => !has(people, typist.person)),
          count,
        };
        return append(departed, movement(view, action.now, "left", people));
      });
    case "more":
      return update(state, action.room, (view) => {
        const { people, count } = action.page;
        const others = people.filter((person) => !has(view.people, person));
        return { ...view, people: [...view.people, ...others], pageEnd: people.at(-1) ?? null, count };
      });

    case "compose": {
      const message: Message = {
        kind: "message",
        key: action.key,
        from: { id: state.you, name: state.name ?? "" },
        mine: true,
        text: action.text,
        at: action.now,
        delivery: { kind: "sending" },
      };
      return update(state, action.room, (view) => append(view, message));
    }
    case "delivered":
      return edit(state, action.room, action.key, (message) => ({
        ...message,
        at: action.receipt.at,
        delivery: { kind: "delivered" },
      }));
    case "failed":
      return edit(state, action.room, action.key, (message) => fail(message, action.refusal));
    case "retry":
      return edit(state, action.room, action.key, (message) => ({ ...message, delivery: { kind: "sending" } }));
    case "discard":
      return update(state, action.room, (view) => ({
        ...view,
        entries: view.entries.filter((entry) => entry.key !== action.key),
      }));
    case "paced":
      return { ...state, paced: action.paced };
    case "said":
      return said(state, action.message, action.visible);
    case "typing":
      if (action.person.id === state.you) return state;
      return update(state, action.room, (view) => ({
        ...view,
        typing: [...stopTyping(view, action.person.id).typing, { person: action.person, until: action.until }],
      }));
    case "typed":
      return {
        ...state,
        views: mapValues(state.views, (view) =>
          view.typing.some((typist) => typist.until <= action.now)
            ? { ...view, typing: view.typing.filter((typist) => typist.until > action.now) }
            : view,
        ),
      };
  }
}

function said(state: State, message: Said, visible: boolean): State {
  return update(state, message.room, (view) => {
    // The sender repeats a message whose ack it missed; the others may have it already.
    if (view.entries.some((entry) => entry.key === message.client_id)) return view;
    const entry: Message = {
      kind: "message",
      key: message.client_id,
      from: message.from,
      mine: message.from.id === state.you, // in another tab
      text: message.text,
      at: message.at,
      delivery: { kind: "delivered" },
    };
    const read = entry.mine || (visible && state.open === message.room);
    return { ...append(stopTyping(view, message.from.id), entry), unread: read ? (entry.mine ? view.unread : 0) : view.unread + 1 };
  });
}

/** Changes one view; a room that was left meanwhile stays left. */
function update(state: State, room: string, change: (view: View) => View): State {
  const view = state.views.get(room);
  return view ? { ...state, views: new Map(state.views).set(room, change(view)) } : state;
}

function edit(state: State, room: string, key: string, change: (message: Message) => Message): State {
  return update(state, room, (view) => ({
    ...view,
    entries: view.entries.map((entry) => (entry.kind === "message" && entry.key === key ? change(entry) : entry)),
  }));
}

function fail<E extends Entry>(entry: E, refusal: Refusal): E {
  return entry.kind === "message" ? { ...entry, delivery: { kind: "failed", refusal } } : entry;
}

function append(view: View, entry: Entry): View {
  const last = view.entries.at(-1);
  // A notice that takes up the last one stands in its place.
  const entries = last?.key === entry.key ? [...view.entries.slice(0, -1), entry] : [...view.entries, entry];
  // Only delivered lines may go: an unsent message is nowhere else.
  const surplus = entries.length - MAX_ENTRIES;
  let dropped = 0;
  return {
    ...view,
    entries: surplus <= 0 ? entries : entries.filter((old) => dropped >= surplus || isUnsent(old) || ++dropped === 0),
  };
}

let notices = 0;
function notice(at: number, what: Notice["what"]): Notice {
  notices += 1;
  return { kind: "notice", key: `notice-${notices}`, at, what };
}

/** Who comes or goes right after others is named in the same line. */
function movement(view: View, now: number, kind: "joined" | "left", people: readonly Person[]): Notice {
  const names = people.map((person) => person.name);
  const last = view.entries.at(-1);
  if (last?.kind !== "notice" || last.what.kind !== kind) return notice(now, { kind, names });
  return { ...last, what: { kind, names: [...last.what.names, ...names] } };
}

function has(people: readonly Person[], wanted: Person): boolean {
  return people.some((person) => person.id === wanted.id);
}

function stopTyping(view: View, id: string): View {
  return { ...view, typing: view.typing.filter((typist) => typist.person.id !== id) };
}

function mapValues<K, V>(map: ReadonlyMap<K, V>, change: (value: V) => V): ReadonlyMap<K, V> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
