// Runs scenarios against a Socket.IO server and prints `ok NAME` or `FAIL NAME reason` for each.
//
// Usage: node client.mjs --list | node client.mjs URL [NAME…]     (all but the ones driven from outside)

import { closeAll } from "./connection.mjs";
import * as scenarios from "./scenarios.mjs";

// These wait for someone who kills the server: they only run when named.
const DRIVEN = ["the_client_comes_back"];

const [url, ...names] = process.argv.slice(2);
const all = Object.keys(scenarios);
if (url === "--list") {
  console.log(all.join("\n"));
  process.exit();
}
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit(1));

let failures = 0;
for (const name of names.length ? names : all.filter((name) => !DRIVEN.includes(name))) {
  try {
    await scenarios[name](url);
    console.log(`ok ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAIL ${name} ${String(error.message).replaceAll("\n", " ")}`);
    console.error(error.stack);
  }
  closeAll();
}
process.exit(failures ? 1 : 0);
