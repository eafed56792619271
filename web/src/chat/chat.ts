/** What a person can do in the chat: turns their wishes into packets and the answers into actions. */

import type { Language } from "../language/language.ts";
import type { Action } from "../state/action.ts";
import type { Store } from "../state/store.ts";
import { settings } from "../state/settings.ts";
import { LOBBY, type Answer, type Refusal } from "./contract.ts";
import { type ChatSocket, Link } from "./link.ts";

const ANSWER_WITHIN_MS = 10_000;
/** One typing event per room in this time, however fast somebody types. */
const TYPING_EVERY_MS = 3_000;
/** A typing indicator that is not renewed goes away after this time. */
const TYPING_LASTS_MS = 5_000;

const NO_ANSWER: Refusal = { code: "no-answer" };

export class Chat {
  readonly #store: Store;
  #link: Link | null = null;
  /** When the connection was lost; `null` before the first and while connected. */
  #lostAt: number | null = null;
  /** Keys of the messages whose ack is awaited on this connection. */
  readonly #inFlight = new Set<string>();
  readonly #typedAt = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Takes a name, connects, and joins the rooms of the last visit. */
  enter(name: string): void {
    settings.setName(name);
    const rooms = settings.rooms();
    const last = settings.open();
    const open = last !== null && rooms.includes(last) ? last : LOBBY;
    this.#store.dispatch({ do: "name", name, rooms, open });
    this.#link = new Link(name, {
      connecting: () => this.#store.dispatch({ do: "connecting" }),
      online: (socket) => this.#online(socket),
      offline: (retryAt) => this.#offline(retryAt),
      refused: (refusal) => this.#exit(refusal),
      rtt: (ms) => this.#store.dispatch({ do: "rtt", ms }),
    });
    this.#listen(this.#link.socket);
    this.#link.connect();
  }

  /** Goes back to the welcome form. */
  exit(): void {
    this.#exit(null);
  }

  speak(language: Language): void {
    settings.setLanguage(language);
    this.#store.dispatch({ do: "speak", language });
  }

  retryNow(): void {
    this.#link?.retryNow();
  }

  /** Shows a room, joining it first if need be. */
  open(room: string): void {
    const view = this.#store.state.views.get(room);
    if (view === undefined || view.membership === "refused") {
      this.#store.dispatch({ do: "asking", room });
      if (this.#link?.socket.connected) void this.#join(this.#link.socket, room, 0);
    }
    this.#store.dispatch({ do: "open", room });
    this.#remember();
  }

  leave(room: string): void {
    this.#store.dispatch({ do: "leave", room });
    this.#remember();
    // Not awaited: there is nothing to do about a leave that fails, and a lost connection leaves by itself.
    if (this.#link?.socket.connected) this.#link.socket.emit("leave", room, () => {});
  }

  say(room: string, text: string): void {
    const key = newKey();
    this.#store.dispatch({ do: "compose", room, key, text, now: Date.now() });
    this.#typedAt.delete(room);
    void this.#send(room, key, text);
  }

  retry(room: string, key: string): void {
    this.#store.dispatch({ do: "retry", room, key });
    this.#sendUnsent(room);
  }

  discard(room: string, key: string): void {
    this.#store.dispatch({ do: "discard", room, key });
  }

  typing(room: string): void {
    const now = Date.now();
    if (now - (this.#typedAt.get(room) ?? 0) < TYPING_EVERY_MS) return;
    this.#typedAt.set(room, now);
    // Worth nothing later, so it is not kept for after a reconnect.
    this.#link?.socket.volatile.emit("typing", room);
  }

  #listen(socket: ChatSocket): void {
    const dispatch = (action: Action): void => this.#store.dispatch(action);
    socket.on("rooms", (rooms) => dispatch({ do: "rooms", rooms }));
    socket.on("joined", ({ room, person }) => dispatch({ do: "arrived", room, person, now: Date.now() }));
    socket.on("left", ({ room, person }) => dispatch({ do: "departed", room, person, now: Date.now() }));
    socket.on("said", (message) =>
      dispatch({ do: "said", message, visible: document.visibilityState === "visible" }),
    );
    socket.on("typing", ({ room, from }) => {
      dispatch({ do: "typing", room, person: from, until: Date.now() + TYPING_LASTS_MS });
      window.setTimeout(() => dispatch({ do: "typed", now: Date.now() }), TYPING_LASTS_MS);
    });
  }

  #online(socket: ChatSocket): void {
    const awayMs = this.#lostAt === null ? 0 : Date.now() - this.#lostAt;
    this.#lostAt = null;
    this.#store.dispatch({ do: "online", selfId: socket.id ?? "" });
    for (const room of this.#store.state.views.keys()) void this.#join(socket, room, awayMs);
  }

  #offline(retryAt: number): void {
    if (this.#store.state.link.kind === "online") this.#lostAt = Date.now();
    this.#inFlight.clear();
    this.#typedAt.clear();
    this.#store.dispatch({ do: "offline", retryAt });
  }

  #exit(refusal: Refusal | null): void {
    this.#link?.close();
    this.#link = null;
    this.#lostAt = null;
    this.#inFlight.clear();
    this.#typedAt.clear();
    // A refused name stays in the form but must not be tried again at the next visit.
    settings.setName(null);
    this.#store.dispatch({ do: "unname", refusal });
  }

  async #join(socket: ChatSocket, room: string, awayMs: number): Promise<void> {
    const id = socket.id;
    const answer = await asked(socket.timeout(ANSWER_WITHIN_MS).emitWithAck("join", room));
    // An answer that belongs to an earlier connection says nothing about this one.
    if (!socket.connected || socket.id !== id) return;
    if ("error" in answer) {
      this.#store.dispatch({ do: "refused", room, refusal: answer.error });
      return;
    }
    this.#store.dispatch({ do: "entered", entrance: answer, now: Date.now(), awayMs });
    this.#sendUnsent(answer.room);
  }

  #sendUnsent(room: string): void {
    for (const entry of this.#store.state.views.get(room)?.entries ?? []) {
      if (entry.kind === "message" && entry.delivery.kind === "sending") void this.#send(room, entry.key, entry.text);
    }
  }

  /** Sends now if we are in the room; if not, the message stays in the log and goes out when we are. */
  async #send(room: string, key: string, text: string): Promise<void> {
    const socket = this.#link?.socket;
    if (!socket?.connected || this.#inFlight.has(key)) return;
    const membership = this.#store.state.views.get(room)?.membership;
    // Being let in sends what is unsent; being refused again marks it as failed.
    if (membership === "refused") return this.#join(socket, room, 0);
    if (membership !== "member") return;
    const id = socket.id;
    this.#inFlight.add(key);
    const answer = await asked(socket.timeout(ANSWER_WITHIN_MS).emitWithAck("say", { room, text, client_id: key }));
    // After a lost connection nobody knows whether it arrived: it is sent again under the same key after the rejoin.
    if (!socket.connected || socket.id !== id) return;
    this.#inFlight.delete(key);
    if ("error" in answer) this.#store.dispatch({ do: "failed", room, key, refusal: answer.error });
    else this.#store.dispatch({ do: "delivered", room, key, receipt: answer });
  }

  #remember(): void {
    settings.setRooms([...this.#store.state.views.keys()]);
    settings.setOpen(this.#store.state.open);
  }
}

/** An ack that doesn't come in time is a refusal like any other. */
async function asked<T>(ack: Promise<Answer<T>>): Promise<Answer<T>> {
  return ack.catch(() => ({ error: NO_ANSWER }));
}

/** 128 random bits; `crypto.randomUUID` is missing on plain http from another machine. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
