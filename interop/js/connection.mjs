// One socket of one of npm's clients as the scenarios use it: everything waited for has a deadline.

import { Agent } from "node:http";

const PATIENCE_MS = 20_000;

// Every connection of the running scenario, so that none outlives it.
const open = new Set();

// A socket of `namespace`, on a connection of its own unless it shares that of `beside`.
// `site` is where to connect and how: `url`, `client` and `travel` (see clients.mjs). A `gate` holds up the upgrade.
export async function connect(site, namespace = "/", { auth, beside, gate, reconnection = false } = {}) {
  const connection = new Connection(site, namespace, { auth, beside, gate, reconnection });
  await connection.joined;
  return connection;
}

export function closeAll() {
  for (const connection of open) connection.socket.disconnect();
  open.clear();
}

// Why a socket was not let in: `told` is all that the client hears.
export class Refused extends Error {
  constructor(told) {
    super(JSON.stringify(told));
    this.told = told;
  }
}

// Holds back WebSockets until it is opened.
export class Gate extends Agent {
  #opened = new Promise((resolve) => (this.open = resolve));

  createConnection(options, callback) {
    if (!options.headers?.Upgrade) return super.createConnection(options, callback);
    this.#opened.then(() => callback(null, super.createConnection(options)));
  }
}

class Connection {
  constructor({ url, client, travel }, namespace, { auth, beside, gate, reconnection }) {
    const { transports, begins, settles } = travel;
    // Before version 3 what identifies a client went into the URL.
    const login = client.speaksV3 ? auth && { query: auth } : { auth };
    const options = { ...client.options, ...login, reconnection, reconnectionDelay: 50, transports };
    if (gate && begins !== "websocket") options.agent = gate;
    this.socket = beside
      ? beside.socket.io.socket(namespace, { ...login })
      : client.io(new URL(namespace, url).href, { ...options, forceNew: true });
    open.add(this);
    this.inbox = new Inbox();
    this.reasons = new Inbox();
    this.#listen();
    this.socket.on("disconnect", (reason) => this.reasons.put("disconnect", reason));
    const engine = this.engine;
    // The client may be connected before or after this.
    this.upgradeEnds = begins === "websocket" || transports.length === 1
      ? Promise.resolve()
      : new Promise((resolve) => engine.once(settles === begins ? "upgradeError" : "upgrade", resolve));
    this.joined = within("connecting", new Promise((resolve, reject) => {
      this.socket.once("connect", resolve);
      this.socket.once("connect_error", (error) => reject(client.speaksV3 || !error.message ? error : told(error)));
      if (client.speaksV3) this.socket.once("error", (value) => reject(new Refused(value)));
    }));
  }

  get engine() {
    return this.socket.io.engine;
  }

  // Waits until the attempt to upgrade has ended, if there is one.
  settled() {
    return within("the end of the upgrade", this.upgradeEnds);
  }

  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }

  // The first argument of the server's acknowledgement.
  async call(event, ...args) {
    return (await this.callAll(event, ...args))[0];
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

  #listen() {
    if (this.socket.onAny) {
      this.socket.onAny((event, ...args) => this.inbox.put(event, args));
      return;
    }
    // Version 2 has no handler for any event; this is what everybody did instead.
    const stock = this.socket.onevent;
    this.socket.onevent = (packet) => {
      const [event, ...args] = packet.data;
      this.inbox.put(event, args);
      stock.call(this.socket, packet);
    };
  }
}

function told({ message, data }) {
  return new Refused(data === undefined ? { message } : { message, data });
}

// What came, by name, first in first out.
class Inbox {
  #waiting = new Map();
  #came = new Map();

  put(name, value) {
    const taker = this.#waiting.get(name)?.shift();
    if (taker) return taker(value);
    if (!this.#came.has(name)) this.#came.set(name, []);
    this.#came.get(name).push(value);
  }

  take(name) {
    const came = this.#came.get(name);
    if (came?.length) return Promise.resolve(came.shift());
    return new Promise((resolve) => {
      if (!this.#waiting.has(name)) this.#waiting.set(name, []);
      this.#waiting.get(name).push(resolve);
    });
  }

  has(name) {
    return Boolean(this.#came.get(name)?.length);
  }
}

export function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${PATIENCE_MS} ms for ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
