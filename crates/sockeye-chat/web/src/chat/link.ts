/** One connection to `/chat` that comes back by itself and measures its round trip. */

import { io, type Socket } from "socket.io-client";
import type { ClientEvents, Refusal, ServerEvents } from "./contract.ts";
import { retryDelayMs } from "./retry.ts";

export type ChatSocket = Socket<ServerEvents, ClientEvents>;

const RTT_EVERY_MS = 5_000;

/** What the link tells its owner. */
export interface LinkEvents {
  connecting(): void;
  online(socket: ChatSocket): void;
  /** Called once per failed attempt, too. */
  offline(retryAt: number): void;
  /** The server does not want us under this name; the link has given up. */
  refused(refusal: Refusal): void;
  /** `null`: the last measurement was not answered in time. */
  rtt(ms: number | null): void;
}

export class Link {
  readonly socket: ChatSocket;
  readonly #events: LinkEvents;
  #attempt = 0;
  #retryTimer = 0;
  #rttTimer = 0;

  constructor(name: string, key: string, events: LinkEvents) {
    this.#events = events;
    // socket.io-client could reconnect by itself, but it does not tell when; our banner counts down to it.
    this.socket = io("/chat", {
      auth: { name, key },
      autoConnect: false,
      forceNew: true,
      reconnection: false,
      transports: ["websocket"],
    });
    this.socket.on("connect", () => this.#onConnect());
    this.socket.on("disconnect", () => this.#lost());
    this.socket.on("connect_error", (error) => {
      if (this.socket.active) this.#lost();
      else this.#refused(error);
    });
    window.addEventListener("online", this.retryNow);
  }

  connect(): void {
    this.#events.connecting();
    this.socket.connect();
  }

  /** Cuts the wait for the next attempt short. */
  readonly retryNow = (): void => {
    if (this.#retryTimer === 0) return;
    this.#stopTimers();
    this.connect();
  };

  close(): void {
    this.#stopTimers();
    window.removeEventListener("online", this.retryNow);
    this.socket.off();
    this.socket.disconnect();
  }

  #onConnect(): void {
    this.#attempt = 0;
    this.#events.online(this.socket);
    this.#measure();
    this.#rttTimer = window.setInterval(() => this.#measure(), RTT_EVERY_MS);
  }

  #lost(): void {
    this.#stopTimers();
    const delay = retryDelayMs(this.#attempt, Math.random());
    this.#attempt += 1;
    this.#retryTimer = window.setTimeout(this.retryNow, delay);
    this.#events.offline(Date.now() + delay);
  }

  #refused(error: Error & { data?: unknown }): void {
    this.close();
    const { data } = error;
    const code = typeof data === "object" && data !== null && "code" in data ? String(data.code) : "refused";
    this.#events.refused({ code, message: error.message });
  }

  #measure(): void {
    const start = performance.now();
    this.socket
      .timeout(RTT_EVERY_MS)
      .emitWithAck("rtt")
      .then(
        () => this.#events.rtt(Math.round((performance.now() - start) * 10) / 10),
        () => {
          // A lost connection is told by `offline`; this is about a server that is there and silent.
          if (this.socket.connected) this.#events.rtt(null);
        },
      );
  }

  #stopTimers(): void {
    window.clearTimeout(this.#retryTimer);
    window.clearInterval(this.#rttTimer);
    this.#retryTimer = 0;
    this.#rttTimer = 0;
  }
}
