// The server under test: one that runs already (BASE_URL), or one that this process starts and can kill (SERVE_COMMAND).

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const READY = /http:\/\/127\.0\.0\.1:(\d+)/;
const READY_WITHIN_MS = 30_000;

/** Starts servers from a command: a JSON array of arguments, where `{port}` stands for the port to listen on. */
export class Server {
  static fromEnvironment() {
    const { BASE_URL, SERVE_COMMAND } = process.env;
    if (SERVE_COMMAND) return new Server(JSON.parse(SERVE_COMMAND), null);
    if (BASE_URL) return new Server(null, BASE_URL.replace(/\/$/, ""));
    throw new Error('set BASE_URL, or SERVE_COMMAND such as ["sockeye","serve","--listen","127.0.0.1:{port}"]');
  }

  #command;
  #child = null;

  constructor(command, url) {
    this.#command = command;
    this.url = url;
  }

  get canBeKilled() {
    return this.#command !== null;
  }

  /** Waits for the line that names the address; the second start takes the port of the first. */
  async start() {
    if (this.#command === null) return;
    const port = this.url === null ? "0" : new URL(this.url).port;
    const [program, ...args] = this.#command.map((arg) => arg.replaceAll("{port}", port));
    // A group of its own, so that what the command starts is killed with it; an input, which some live as long as.
    const child = spawn(program, args, { detached: true, stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    this.url = await new Promise((resolve, reject) => {
      const said = [];
      const timer = setTimeout(() => reject(new Error(`not ready in time; it said: ${said.join("\n")}`)), READY_WITHIN_MS);
      const read = (line) => {
        said.push(line);
        const found = READY.exec(line);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[0]);
      };
      createInterface(child.stdout).on("line", read);
      createInterface(child.stderr).on("line", read);
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`exited with ${code}; it said: ${said.join("\n")}`)));
    });
  }

  /** Without a goodbye to anybody. */
  async kill() {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    process.kill(-child.pid, "SIGKILL");
    await gone;
  }
}
