// What a server for our client's tests keeps: the events it was sent, in a file that outlives its death.

import { openSync, writeSync } from "node:fs";

// The events of one run; `file` gets each as a line of JSON, `{"event":…,"args":[…]}`, if there is one.
export class Record {
  #file;
  #times = new Map();
  count = 0;

  constructor(file) {
    this.#file = file && openSync(file, "a");
  }

  // Once this returns the line is with the system, which a SIGKILL does not touch.
  add(event, args) {
    this.count += 1;
    if (this.#file) writeSync(this.#file, `${JSON.stringify({ event, args: args.map(plain) })}\n`);
  }

  // How often `id` was seen, this time included.
  times(id) {
    const times = (this.#times.get(id) ?? 0) + 1;
    this.#times.set(id, times);
    return times;
  }
}

// JSON has no bytes; they are kept as `{"base64":…}`.
function plain(value) {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
