// The flags that every server for our client's tests has; what one can't honour ends it with a line that says so.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

// Flags of the contract in host.mjs; `more` are those of one program alone, as parseArgs takes them.
export function parse(more = {}) {
  const { values, positionals } = parseArgs({
    allowPositionals: true, // the second value of --tls
    options: {
      port: { type: "string", default: "0" },
      transports: { type: "string" },
      "ping-interval": { type: "string" },
      "ping-timeout": { type: "string" },
      path: { type: "string" },
      "max-payload": { type: "string" },
      cookie: { type: "string" },
      recovery: { type: "boolean", default: false },
      parser: { type: "string" },
      tls: { type: "string" },
      record: { type: "string" },
      upgrades: { type: "string" },
      ...more,
    },
  });
  if (positionals.length !== (values.tls ? 1 : 0)) fail(`--tls takes two files; found besides: ${positionals}`);
  if (![undefined, "on", "off"].includes(values.upgrades)) fail("--upgrades is on or off");
  if (![undefined, "json", "msgpack"].includes(values.parser)) fail("--parser is json or msgpack");
  return {
    ...values,
    port: Number(values.port),
    transports: values.transports?.split(","),
    pingInterval: number(values["ping-interval"]),
    pingTimeout: number(values["ping-timeout"]),
    maxPayload: number(values["max-payload"]),
    isMsgpack: values.parser === "msgpack",
    tls: values.tls && { cert: readFileSync(values.tls), key: readFileSync(positionals[0]) },
  };
}

// Ends the program for a flag that it can't honour.
export function cannot(who, flag) {
  fail(`${who} can't honour --${flag}`);
}

// `options` without those nobody asked for, so that the server's own defaults stay.
export function asked(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

// Listens, says where, and ends with whoever launched us: they hold our standard input open.
export function listen(http, { port, tls }) {
  http.listen(port, "127.0.0.1", () => {
    console.log(`listening on ${tls ? "https" : "http"}://127.0.0.1:${http.address().port}`);
  });
  process.stdin.resume().on("end", () => process.exit());
}

function number(text) {
  return text === undefined ? undefined : Number(text);
}

function fail(line) {
  console.error(line);
  process.exit(2);
}
