// One npm socket.io-client socket as the scenarios use it: everything waited for has a deadline.

import { io } from "socket.io-client";

const PATIENCE_MS = 20_000;

// Every connection of the running scenario, so that none outlives it.
const open = new Set();

// A socket of `namespace`, on a connection of its own unless it shares that of `beside`.
export async function connect(url, namespace = "/", { auth, beside, reconnection = false } = {}) {
  const connection = new Connection(url, namespace, { auth, beside, reconnection });
  await connection.joined;
  return connection;
}

export function closeAll() {
  for (const connection of open) connection.socket.disconnect();
  open.clear();
}

class Connection {
  constructor(url, namespace, { auth, beside, reconnection }) {
    const options = { auth, reconnection, reconnectionDelay: 50, transports: ["websocket"] };
    this.socket = beside
      ? beside.socket.io.socket(namespace, { auth })
      : io(new URL(namespace, url).href, { ...options, forceNew: true });
    open.add(this);
    this.inbox = new Inbox();
    this.reasons = new Inbox();
    this.socket.onAny((event, ...args) => this.inbox.put(event, args));
    this.socket.on("disconnect", (reason) => this.reasons.put("disconnect", reason));
    this.joined = within("connecting", new Promise((resolve, reject) => {
      this.socket.once("connect", resolve);
      this.socket.once("connect_error", (error) => reject(error));
    }));
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }

  // The arguments of the server's acknowledgement: one, which is what the client promises.
  call(event, ...args) {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(event, ...args);
  }

  // All arguments of the acknowledgement.
  callAll(event, ...args) {
    return within(`the ack of ${event}`, new Promise((resolve) => {
      this.socket.emit(event, ...args, (...answer) => resolve(answer));
    }));
  }

  // The arguments of the next `event`, whether it came already or not.
  next(event) {
    return within(event, this.inbox.take(event));
  }

  // Whether an `event` has come that nobody took; true to what the server sent before `echo`'s ack.
  async has(event) {
    await this.call("echo", 0);
    return this.inbox.has(event);
  }

  // Why this socket was disconnected.
  reason() {
    return within("the disconnect", this.reasons.take("disconnect"));
  }
}

// What came, by name, first in first out.
class Inbox {
  #waiting = new Map();
  #came = new Map();

  put(name, value) {
    const taker = this.#waiting.get(name)?.shift();
    if (taker) return taker(value);
    this.#came.set(name, [...(this.#came.get(name) ?? []), value]);
  }

  take(name) {
    const came = this.#came.get(name);
    if (came?.length) return Promise.resolve(came.shift());
    return new Promise((resolve) => {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), resolve]);
    });
  }

  has(name) {
    return Boolean(this.#came.get(name)?.length);
  }
}

function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
