// How npm's client says that it can't connect, or that it was cut: `URL<tab>TEXT` for each text that it shows.
//
// Usage: node error_text.mjs [--client 4|2] URL…

import { parseArgs } from "node:util";

const PATIENCE_MS = 5_000;

const { values: { client }, positionals: urls } = parseArgs({
  allowPositionals: true,
  options: { client: { type: "string", default: "4" } },
});
const io = client === "2" ? (await import("socket.io-client-2")).default : (await import("socket.io-client")).io;

async function tell(url, transport) {
  for (const text of await texts(url, transport)) console.log(`${url}\t${text.trim().replaceAll(/\s+/g, " ")}`);
}

function texts(url, transport) {
  const options = { transports: [transport], reconnection: false, forceNew: true, timeout: PATIENCE_MS };
  const socket = io(url, options);
  return new Promise((resolve) => {
    // Whoever is connected, and stays so, says nothing.
    setTimeout(() => resolve([]), 2 * PATIENCE_MS);
    for (const name of ["connect_error", "error"]) socket.on(name, (error) => resolve(told(error)));
    socket.on("disconnect", (reason) => resolve([reason]));
  });
}

// The message, and what lies below it; client 2 tells what the server said as it came.
function told(error) {
  if (typeof error === "string") return [error];
  const { message = JSON.stringify(error), description, context } = error;
  const below = [description?.message, context?.statusText?.message, context?.responseText?.split("\n")[0]];
  return [message, ...below.filter((text) => typeof text === "string" && text !== "")];
}

await Promise.all(urls.flatMap((url) => [tell(url, "polling"), tell(url, "websocket")]));
process.exit();
