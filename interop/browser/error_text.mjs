// What the console of a browser shows of WebSockets that can't connect: `URL<tab>TEXT` for each text.
//
// Usage: node error_text.mjs URL…

import { createServer } from "node:http";
import { Browser } from "./tab.mjs";

const PATIENCE_MS = 2_500;

// A page of the loopback interface, from which others on it may be reached.
const server = createServer((_, response) => response.end("<!doctype html>")).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const browser = await Browser.launch();
const page = await browser.tab({ after() {} }, `http://127.0.0.1:${server.address().port}`, { expectErrors: true });
let said = [];
page.on("console", (message) => said.push(message.text().trim().replaceAll(/\s+/g, " ")));
for (const url of process.argv.slice(2)) {
  said = [];
  await page.evaluate(({ url, patience }) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = resolve;
    socket.onclose = resolve;
    setTimeout(resolve, patience);
  }), { url: `${url.replace("http", "ws").replace(/(:\d+).*$/, "$1")}/socket.io/?EIO=4&transport=websocket`, patience: PATIENCE_MS });
  for (const text of said) console.log(`${url}\t${text}`);
}
await browser.close();
process.exit();
