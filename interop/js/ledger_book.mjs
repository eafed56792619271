// What a namespace of the ledger has seen: how often each id came, in which order those of a key, who was there.

const NUMBERS = ["records", "distinct", "opened", "open", "refused", "acked", "cuts", "sent", "told"];

export class Book {
  // By id: how often it came.
  counts = new Map();
  // By key: the `n` of all that came, in this order, copies included.
  orders = new Map();
  // By event: how many came.
  events = new Map();
  // Events that came, copies included.
  records = 0;
  // Sockets that ever joined; those that are there; those that were refused.
  opened = 0;
  open = 0;
  refused = 0;
  // Acks that were given, and connections that were cut.
  acked = 0;
  cuts = 0;
  // The auth payloads of those that joined or were refused, the last few of them.
  auths = [];
  // Events that it has sent, by `n`, however often; and those of them that were acknowledged, in this order.
  sent = 0;
  acks = [];
  #waiting = new Set();

  // Says how often this id has come by now.
  record(event, { id, key, n } = {}) {
    const times = (this.counts.get(id) ?? 0) + 1;
    this.counts.set(id, times);
    this.events.set(event, (this.events.get(event) ?? 0) + 1);
    if (key !== undefined && key !== null) {
      if (!this.orders.has(key)) this.orders.set(key, []);
      this.orders.get(key).push(n);
    }
    this.records += 1;
    this.changed();
    return times;
  }

  add(name, count = 1) {
    this[name] += count;
    this.changed();
  }

  auth(payload) {
    this.auths = [...this.auths.slice(-9), payload];
  }

  told(n) {
    if (!this.acks.includes(n)) this.acks.push(n);
    this.changed();
  }

  // Becomes true once each of the numbers is at least what `goals` say, and false when time is up.
  reaches(goals, ms) {
    for (const name of Object.keys(goals)) {
      if (!NUMBERS.includes(name)) throw new Error(`${name} is no number of the book; there are ${NUMBERS}`);
    }
    return new Promise((resolve) => {
      const look = () => {
        if (Object.entries(goals).some(([name, least]) => this.number(name) < Number(least))) return;
        done(true);
      };
      const done = (reached) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(reached);
      };
      const timer = setTimeout(done, ms, false);
      this.#waiting.add(look);
      look();
    });
  }

  number(name) {
    if (name === "distinct") return this.counts.size;
    return name === "told" ? this.acks.length : this[name];
  }

  // Whoever waits looks again.
  changed() {
    for (const look of [...this.#waiting]) look();
  }

  // Those who wait go on waiting, for the numbers of the new one.
  clear() {
    const waiting = this.#waiting;
    Object.assign(this, new Book());
    this.#waiting = waiting;
  }

  plain() {
    const { counts, orders, events, ...rest } = this;
    const objects = { counts, orders, events };
    for (const [name, map] of Object.entries(objects)) objects[name] = Object.fromEntries(map);
    return { ...objects, ...rest, distinct: counts.size };
  }
}
