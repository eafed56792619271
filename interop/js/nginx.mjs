// nginx in front of a server, on two free ports: with its usual configuration for WebSockets, and without it.
//
// Usage: node nginx.mjs UPSTREAM FOLDER      prints `listening on URL-WITH URL-WITHOUT`

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

const [upstream, folder] = process.argv.slice(2);
const TRIES = 5;
// As root nginx would work as somebody else, who may not enter our folder.
const USER = process.getuid() === 0 ? "user root;" : "";

// Of https://nginx.org/en/docs/http/websocket.html, word for word.
const WEBSOCKET = `
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;`;

function configuration([withWebSocket, without]) {
  const server = (port, more) => `
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      # With its port, which "$host" leaves out: the server compares it with the Origin.
      proxy_set_header Host $http_host;${more}
    }
  }`;
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
${USER}
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log stderr notice;
events {}
http {
  access_log off;
  ${paths.map((path) => `${path}_temp_path ${join(folder, path)};`).join("\n  ")}
  map $http_upgrade $connection_upgrade {
    default upgrade;
    '' close;
  }${server(withWebSocket, WEBSOCKET)}${server(without, "")}
}
`;
}

// Ports that were free a moment ago: nginx can't choose its own.
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

// Starts nginx and waits for its first words: it listens by then, or says why not.
async function start(ports) {
  const file = join(folder, "nginx.conf");
  writeFileSync(file, configuration(ports));
  const nginx = spawn("nginx", ["-p", folder, "-c", file, "-e", "stderr"], { stdio: ["ignore", "ignore", "pipe"] });
  nginx.on("error", ({ message }) => console.error(message));
  const words = await new Promise((resolve) => {
    nginx.stderr.setEncoding("utf8").once("data", resolve);
    nginx.once("close", () => resolve("it ended"));
  });
  if (words.includes("[notice]")) return nginx;
  console.error(words);
  nginx.kill();
  return null;
}

mkdirSync(folder, { recursive: true });
let nginx = null;
let ports;
for (let tries = 0; nginx === null && tries < TRIES; tries += 1) {
  ports = await freePorts(2);
  nginx = await start(ports);
}
if (nginx === null) throw new Error("nginx does not start");
nginx.stderr.pipe(process.stderr);
nginx.once("exit", (code) => process.exit(code ?? 1));
console.log(`listening on ${ports.map((port) => `http://127.0.0.1:${port}`).join(" ")}`);
// Whoever launched us holds our standard input open; when it closes, nobody needs us, nor nginx.
process.stdin.resume().on("end", () => nginx.kill());
