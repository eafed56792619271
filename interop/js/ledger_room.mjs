// A namespace of the ledger: its book, how it behaves, and the sockets that are there.

import { DEFAULTS, merged } from "./ledger_behaviour.mjs";
import { Book } from "./ledger_book.mjs";

const EVENTS = ["message", "action", "chat"];

export class Room {
  book = new Book();
  #behaviour = DEFAULTS;
  #sockets = new Set();
  #held = [];
  #events = 0;
  #cutting;
  // What it has to send: by `n`, whether an ack is asked for.
  #sending = new Map();
  #next = 0;

  // Why a handshake may not join, if it may not.
  refusal({ auth, query }) {
    const login = auth ?? query;
    this.book.auth(login);
    const { refuse, token } = this.#behaviour;
    if (refuse === 0 && (token === null || login.token === token)) return undefined;
    if (refuse > 0) this.#behaviour = { ...this.#behaviour, refuse: refuse - 1 };
    this.book.add("refused");
    return Object.assign(new Error("auth expired"), { data: { code: 401 } });
  }

  join(socket) {
    this.#sockets.add(socket);
    this.book.add("open");
    this.book.add("opened");
    socket.on("disconnect", () => {
      if (this.#sockets.delete(socket)) this.book.add("open", -1);
    });
    for (const event of EVENTS) {
      socket.on(event, (...args) => {
        const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
        this.#heard(socket, event, args[0], ack);
      });
    }
    for (const n of this.#sending.keys()) this.#tell(socket, n);
  }

  behave(change) {
    this.#behaviour = merged(this.#behaviour, change);
    if (this.#behaviour.ack !== "hold") {
      for (const give of this.#held.splice(0)) give();
    }
    clearInterval(this.#cutting);
    if (this.#behaviour.cutEvery > 0) this.#cutting = setInterval(() => this.cut(), this.#behaviour.cutEvery);
    if (this.#behaviour.stopReading > 0) for (const socket of this.#sockets) this.#stopReading(socket);
  }

  forget() {
    this.#held = [];
    this.#sending.clear();
    this.#next = 0;
    this.#events = 0;
    this.behave(DEFAULTS);
    this.cut();
    for (const socket of [...this.#sockets]) this.#sockets.delete(socket);
    this.book.clear();
  }

  cut() {
    for (const socket of [...this.#sockets]) this.#cut(socket);
  }

  send(count, isAcked) {
    const socket = [...this.#sockets].at(-1);
    for (let i = 0; i < count; i += 1) {
      const n = this.#next;
      this.#next += 1;
      this.#sending.set(n, isAcked);
      if (socket) this.#tell(socket, n);
    }
  }

  #tell(socket, n) {
    const event = { id: `told-${n}`, n };
    this.book.add("sent");
    if (this.#sending.get(n)) {
      socket.emit("told", event, () => {
        this.#sending.delete(n);
        this.book.told(n);
      });
    } else {
      this.#sending.delete(n);
      socket.emit("told", event);
    }
  }

  #heard(socket, event, task, ack) {
    const { cut, disconnectEvery, reply, stopReading } = this.#behaviour;
    this.#events += 1;
    const cutsAt = (where) => cut?.at === where && this.#events % cut.every === 0;
    if (cutsAt("before-record")) return this.#cut(socket);
    const times = this.book.record(event, task);
    if (cutsAt("after-record")) return this.#cut(socket);
    if (disconnectEvery > 0 && this.#events % disconnectEvery === 0) return socket.disconnect();
    if (stopReading > 0) this.#stopReading(socket);
    const [isBefore, isAfter] = [cutsAt("before-ack"), cutsAt("after-ack")];
    this.#answer(task?.id, times, (answer) => {
      if (isBefore) return this.#cut(socket);
      if (reply) socket.emit(reply, { reqId: task?.id, code: 0 });
      if (answer !== undefined) {
        ack(answer);
        this.book.add("acked");
      }
      // What was written has gone to the kernel by then.
      if (isAfter) setImmediate(() => this.#cut(socket));
    });
  }

  // Calls `give` with the answer once it is time; with `undefined` if there is none but a reply.
  #answer(id, times, give) {
    const { ack } = this.#behaviour;
    const yes = { ok: true, id };
    if (ack === "yes") return give(yes);
    if (ack === "never") return give(undefined);
    if (ack === "hold") return this.#held.push(() => give(yes));
    if ("late" in ack) return setTimeout(give, ack.late, yes);
    if ("after" in ack) return give(times < ack.after ? undefined : yes);
    give(times <= (ack.times ?? Infinity) ? ack.error : yes);
  }

  #cut(socket) {
    this.book.add("cuts");
    const { conn } = socket;
    const tcp = conn.transport.socket?._socket;
    // As a router that has lost its table does: nobody says goodbye.
    if (tcp) tcp.resetAndDestroy();
    else conn.close(true);
  }

  #stopReading(socket) {
    const tcp = socket.conn.transport.socket?._socket;
    if (!tcp) return;
    tcp.pause();
    setTimeout(() => tcp.resume(), this.#behaviour.stopReading);
  }
}
