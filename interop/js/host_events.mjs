// What a server for our client's tests does at each event: the contract in host.mjs, and for its stubs, too.

// Serves one socket of npm's kind that has just joined its namespace.
export function serve(socket, record) {
  const { headers, query, auth = {} } = socket.handshake;
  const on = (event, handler) => socket.on(event, (...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
    handler(ack, ...args);
  });
  socket.emit("welcome", auth);
  if (query["put-out"]) {
    socket.disconnect(query["put-out"] === "closed");
    return;
  }
  on("echo", (ack, ...args) => ack(...args));
  on("say", (_, ...args) => socket.emit("said", ...args));
  on("burst", (ack, n) => {
    for (let i = 0; i < n; i += 1) socket.emit("tick", i);
    ack();
  });
  on("ask", (_, ...args) => socket.emit("question", ...args, (...answer) => socket.emit("answered", ...answer)));
  on("big", (ack, bytes) => {
    socket.emit("big", "x".repeat(bytes));
    ack();
  });
  for (const event of ["message", "action", "chat"]) {
    on(event, (ack, id, ...rest) => {
      record.add(event, [id, ...rest]);
      ack({ ok: true, id });
    });
  }
  on("received", (ack) => ack(record.count));
  on("once", (ack, id) => {
    const times = record.times(id);
    if (times > 1) ack({ times });
  });
  on("disconnect-me", () => socket.disconnect());
  on("close-me", () => socket.conn.close());
  on("headers", (ack) => ack(headers));
  on("query", (ack) => ack(query));
  on("auth", (ack) => ack(auth));
  on("transport", (ack) => ack(socket.conn.transport.name));
}
