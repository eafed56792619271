// npm's clients, told apart where they differ; and the ways they can be made to travel.

import socketIo2 from "socket.io-client-2";
import { io as socketIo3 } from "socket.io-client-3";
import { io as socketIo4 } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";

// `speaksV3`: Engine.IO 3, whose packets carry no auth payload and whose sockets have no ids of their own.
export const CLIENTS = {
  4: { io: socketIo4, options: {} },
  "4-msgpack": { io: socketIo4, options: { parser: msgpack } },
  3: { io: socketIo3, options: {} },
  2: { io: socketIo2, options: {}, speaksV3: true },
};

// What a client is told to use, what it begins with and what it ends up on.
export const TRAVELS = {
  websocket: { transports: ["websocket"], begins: "websocket", settles: "websocket" },
  polling: { transports: ["polling"], begins: "polling", settles: "polling" },
  upgrade: { transports: ["polling", "websocket"], begins: "polling", settles: "websocket" },
  // Something on the way does not let WebSockets through.
  stuck: { transports: ["polling", "websocket"], begins: "polling", settles: "polling" },
};
