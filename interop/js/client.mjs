// Runs scenarios against a Socket.IO server and prints `ok NAME` or `FAIL NAME reason` for each.
//
// Usage: node client.mjs --list
//        node client.mjs [--client 4|4-msgpack|3|2] [--transport websocket|polling|upgrade|stuck] URL [NAME…]
//
// Without names, all but the ones driven from outside; `all` is those too, at the end.

import { parseArgs } from "node:util";
import { CLIENTS, TRAVELS } from "./clients.mjs";
import { closeAll } from "./connection.mjs";
import * as scenarios from "./scenarios.mjs";

// These wait for someone who kills the server: they only run when named.
const DRIVEN = ["the_client_comes_back"];

const { values: flags, positionals: [url, ...names] } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean" },
    client: { type: "string", default: "4" },
    transport: { type: "string", default: "websocket" },
  },
});
const every = Object.keys(scenarios);
if (flags.list) {
  console.log(every.join("\n"));
  process.exit();
}
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit(1));

const undriven = every.filter((name) => !DRIVEN.includes(name));
const wanted = names.length === 0 ? undriven : names[0] === "all" ? [...undriven, ...DRIVEN] : names;
const site = { url, client: CLIENTS[flags.client], travel: TRAVELS[flags.transport] };
if (!site.client || !site.travel) throw new Error(`no such client or transport: ${flags.client}, ${flags.transport}`);

let failures = 0;
for (const name of wanted) {
  const start = performance.now();
  try {
    await scenarios[name](site);
    console.log(`ok ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name} ${String(error.message).replaceAll("\n", " ")}`);
    console.error(error.stack);
  }
  console.error(`${name} took ${Math.round(performance.now() - start)} ms`);
  closeAll();
}
process.exit(failures ? 1 : 0);
