// npm socket.io-client, told by lines what to do; the bench knows what each line means.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const AT_A_TIME = 50;
const url = process.argv[2];
const clients = [];

function counter() {
  let count = 0;
  let awaited = null;
  return {
    add() {
      count += 1;
      if (awaited !== null && count >= awaited.count) awaited.resolve();
    },
    reset() {
      count = 0;
      awaited = null;
    },
    reach(least) {
      return count >= least
        ? Promise.resolve()
        : new Promise((resolve) => (awaited = { count: least, resolve }));
    },
  };
}

const joined = counter();
const events = counter();

function connectOne() {
  return new Promise((resolve, reject) => {
    const socket = io(url, { transports: ["websocket"], forceNew: true });
    clients.push(socket);
    socket.on("connect", () => {
      joined.add();
      resolve();
    });
    socket.on("event", () => events.add());
    socket.once("connect_error", reject);
  });
}

async function connect(count) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await connectOne();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

function ack(bytes, inFlight, count) {
  const text = "x".repeat(bytes);
  const socket = clients[0];
  return new Promise((resolve, reject) => {
    let [left, open] = [count, count];
    const back = (same) => {
      if (same.length !== bytes) reject(new Error("another text came back"));
      open -= 1;
      if (open === 0) resolve();
      else next();
    };
    const next = () => {
      if (left-- > 0) socket.emit("echo", text, back);
    };
    for (let begun = 0; begun < inFlight; begun += 1) next();
  });
}

async function receive(bytes, count) {
  events.reset();
  clients[0].emit("burst", bytes, count);
  await events.reach(count);
}

async function follow(line) {
  const [verb, ...words] = line.split(" ");
  const numbers = words.map(Number);
  switch (verb) {
    case "connect":
      await connect(...numbers);
      break;
    case "ack":
      await ack(...numbers);
      break;
    case "receive":
      await receive(...numbers);
      break;
    case "idle":
      globalThis.gc();
      break;
    case "cpu": {
      const { user, system } = process.cpuUsage();
      return String((user + system) * 1_000);
    }
    case "lose":
      joined.reset();
      break;
    case "rejoined":
      await joined.reach(clients.length);
      break;
    default:
      throw new Error("no such command");
  }
  return "ok";
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(await follow(line));
  } catch (error) {
    console.log(`error ${error.message}`);
  }
}
process.exit(0);
