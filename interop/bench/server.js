// An npm socket.io server with the events of the interop server that the bench drives.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
  },
});

const http = createServer();
const io = new Server(http, {
  transports: ["polling", "websocket"],
  serveClient: false,
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
});

io.on("connection", (socket) => {
  socket.on("echo", (...args) => {
    const ack = args.pop();
    ack(...args);
  });
  socket.on("broadcast", (...args) => io.emit("broadcast", ...args));
});

http.listen(Number(flags.port), "127.0.0.1", () => {
  console.log(`socket.io listens on 127.0.0.1:${http.address().port}`);
});
