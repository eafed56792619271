/** What a person can do in the chat: turns their wishes into packets and the answers into actions. */

import type { Language } from "../language/language.ts";
import type { Action } from "../state/action.ts";
import type { Store } from "../state/store.ts";
import type { Message, View } from "../state/state.ts";
import { settings } from "../state/settings.ts";
import { address } from "./address.ts";
import { LOBBY, type Answer, type Refusal } from "./contract.ts";
import { type ChatSocket, Link } from "./link.ts";
import { randomHex } from "./random.ts";

const ANSWER_WITHIN_MS = 10_000;
/** One typing event per room in this time, however fast somebody types. */
const TYPING_EVERY_MS = 3_000;
/** A typing indicator that is not renewed goes away after this time. */
const TYPING_LASTS_MS = 5_000;

/** One message in this time once we were too fast; the server allows two a second. */
const PACE_MS = 550;

const NO_ANSWER: Refusal = { code: "no-answer" };

export class Chat {
  readonly #store: Store;
  #link: Link | null = null;
  /** When the connection was lost; `null` before the first and while connected. */
  #lostAt: number | null = null;
  /** Keys of the messages whose ack is awaited on this connection. */
  readonly #inFlight = new Set<string>();
  readonly #typedAt = new Map<string, number>();
  /** Runs while messages wait because they were too fast. */
  #paceTimer = 0;

  constructor(store: Store) {
    this.#store = store;
    address.onChange((room) => {
      if (this.#link !== null && room !== null) this.open(room);
    });
  }

  /** Takes a name, connects, and joins the rooms of the last visit. */
  enter(name: string): void {
    settings.setName(name);
    const known = settings.rooms();
    const last = settings.open();
    // A link to a room leads there, also at the first visit.
    const open = address.room() ?? (last !== null && known.includes(last) ? last : LOBBY);
    this.#store.dispatch({ do: "name", name, rooms: [...new Set([...known, open])], open });
    address.replace(open);
    this.#remember();
    this.#link = new Link(name, settings.key(), {
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
    address.show(room);
    this.#remember();
  }

  leave(room: string): void {
    this.#store.dispatch({ do: "leave", room });
    address.show(this.#store.state.open);
    this.#remember();
    // Not awaited: there is nothing to do about a leave that fails, and a lost connection leaves by itself.
    if (this.#link?.socket.connected) this.#link.socket.emit("leave", room, () => {});
  }

  say(room: string, text: string): void {
    const key = randomHex();
    this.#store.dispatch({ do: "compose", room, key, text, now: Date.now() });
    this.#typedAt.delete(room);
    void this.#send(room, key, text);
  }

  retry(room: string, key: string): void {
    this.#store.dispatch({ do: "retry", room, key });
    this.#sendUnsent(room);
  }

  /** Fetches more of the people of a room. */
  async more(room: string): Promise<void> {
    const socket = this.#link?.socket;
    const after = this.#store.state.views.get(room)?.pageEnd;
    if (!socket?.connected || !after) return;
    const answer = await asked(socket.timeout(ANSWER_WITHIN_MS).emitWithAck("people", { room, after }));
    if (!("error" in answer)) this.#store.dispatch({ do: "more", room, page: answer });
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
    socket.on("rooms", (rooms) => dispatch({ do: "changed", rooms }));
    socket.on("joined", (moved) => dispatch({ do: "arrived", moved, now: Date.now() }));
    socket.on("left", (moved) => dispatch({ do: "departed", moved, now: Date.now() }));
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
    this.#store.dispatch({ do: "online" });
    void this.#list(socket);
    for (const room of this.#store.state.views.keys()) void this.#join(socket, room, awayMs);
  }

  #offline(retryAt: number): void {
    if (this.#store.state.link.kind === "online") this.#lostAt = Date.now();
    this.#forget();
    this.#store.dispatch({ do: "offline", retryAt });
  }

  #exit(refusal: Refusal | null): void {
    this.#link?.close();
    this.#link = null;
    this.#lostAt = null;
    this.#forget();
    // A refused name stays in the form but must not be tried again at the next visit.
    settings.setName(null);
    this.#store.dispatch({ do: "unname", refusal });
  }

  /** What belongs to the connection that has gone. */
  #forget(): void {
    this.#inFlight.clear();
    this.#typedAt.clear();
    this.#unpace();
  }

  async #list(socket: ChatSocket): Promise<void> {
    const answer = await asked(socket.timeout(ANSWER_WITHIN_MS).emitWithAck("rooms"));
    if (!("error" in answer)) this.#store.dispatch({ do: "rooms", rooms: answer });
  }

  async #join(socket: ChatSocket, room: string, awayMs: number): Promise<void> {
    const id = socket.id;
    const answer = await asked(socket.timeout(ANSWER_WITHIN_MS).emitWithAck("join", room));
    // An answer that belongs to an earlier connection says nothing about this one.
    if (!socket.connected || socket.id !== id) return;
    if ("error" in answer) {
      const wait = tooFast(answer.error);
      // Whoever has many rooms comes back into them by and by.
      if (wait !== null) window.setTimeout(() => void this.#joinAgain(socket, id, room, awayMs), wait);
      else this.#store.dispatch({ do: "refused", room, refusal: answer.error });
      return;
    }
    this.#store.dispatch({ do: "entered", entrance: answer, now: Date.now(), awayMs });
    this.#sendUnsent(answer.room);
  }

  async #joinAgain(socket: ChatSocket, id: string | undefined, room: string, awayMs: number): Promise<void> {
    const wanted = this.#store.state.views.get(room)?.membership === "asking";
    if (wanted && socket.connected && socket.id === id) await this.#join(socket, room, awayMs);
  }

  #sendUnsent(room: string): void {
    for (const message of unsent(this.#store.state.views.get(room))) void this.#send(room, message.key, message.text);
  }

  /** Sends now if we are in the room; if not, the message stays in the log and goes out when we are. */
  async #send(room: string, key: string, text: string): Promise<void> {
    const socket = this.#link?.socket;
    if (!socket?.connected || this.#inFlight.has(key)) return;
    const membership = this.#store.state.views.get(room)?.membership;
    // Being let in sends what is unsent; being refused again marks it as failed.
    if (membership === "refused") return this.#join(socket, room, 0);
    if (membership !== "member" || this.#paceTimer !== 0) return;
    const id = socket.id;
    this.#inFlight.add(key);
    const answer = await asked(socket.timeout(ANSWER_WITHIN_MS).emitWithAck("say", { room, text, client_id: key }));
    // After a lost connection nobody knows whether it arrived: it is sent again under the same key after the rejoin.
    if (!socket.connected || socket.id !== id) return;
    this.#inFlight.delete(key);
    const wait = "error" in answer ? tooFast(answer.error) : null;
    if (wait !== null) this.#pace(wait);
    else if ("error" in answer) this.#store.dispatch({ do: "failed", room, key, refusal: answer.error });
    else this.#store.dispatch({ do: "delivered", room, key, receipt: answer });
  }

  /** Too fast: what is unsent stays as it is, and goes out one by one as the server allows. */
  #pace(waitMs: number): void {
    if (this.#paceTimer !== 0) return;
    this.#store.dispatch({ do: "paced", paced: true });
    this.#paceTimer = window.setTimeout(() => void this.#sendNext(), waitMs);
  }

  async #sendNext(): Promise<void> {
    this.#paceTimer = 0;
    for (const [room, view] of this.#store.state.views) {
      const next = view.membership === "member" ? unsent(view)[0] : undefined;
      if (next === undefined) continue;
      // Held again before the answer: what is written meanwhile goes behind.
      const sent = this.#send(room, next.key, next.text);
      this.#paceTimer = window.setTimeout(() => void this.#sendNext(), PACE_MS);
      return sent;
    }
    this.#unpace();
  }

  #unpace(): void {
    window.clearTimeout(this.#paceTimer);
    this.#paceTimer = 0;
    if (this.#store.state.paced) this.#store.dispatch({ do: "paced", paced: false });
  }

  #remember(): void {
    settings.setRooms([...this.#store.state.views.keys()]);
    settings.setOpen(this.#store.state.open);
  }
}

/** The messages of a room that wait to be sent, in their order. */
function unsent(view: View | undefined): readonly Message[] {
  return (view?.entries ?? []).filter((entry) => entry.kind === "message" && entry.delivery.kind === "sending") as Message[];
}

/** When to try again what was too fast. */
function tooFast({ code, data }: Refusal): number | null {
  return code === "slow-down" ? (data?.retry_after_ms ?? null) : null;
}

/** An ack that doesn't come in time is a refusal like any other. */
async function asked<T>(ack: Promise<Answer<T>>): Promise<Answer<T>> {
  return ack.catch(() => ({ error: NO_ANSWER }));
}
