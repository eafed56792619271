// npm ws as a raw WebSocket server: echoes, and closes with 4001 when asked to.
//
// Usage: node ws_server.mjs

import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has("echo") ? "echo" : false),
});

server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => {
    if (!isBinary && data.toString() === "close") socket.close(4001, "as you wish");
    else socket.send(data, { binary: isBinary });
  });
  // Whatever our client does wrong, its test has to show it.
  socket.on("error", (error) => console.log(`error ${error.message}`));
  socket.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
});
server.on("listening", () => {
  console.log(`listening on ws://127.0.0.1:${server.address().port}`);
});
// Whoever launched us holds our standard input open; when it closes, nobody needs us.
process.stdin.resume().on("end", () => process.exit());
