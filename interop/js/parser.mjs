// npm socket.io-parser as an oracle: reads packets, one JSON string a line, and says on one line what each means.
//
// Usage: node parser.mjs
//
// The n-th attachment that a packet announces is always {"$attachment":n}, an object where it came to stand. An answer
// is {"refused":why}, or {"type","namespace","id","attachments","data"}; an id that is no number is null, as is none.

import { createInterface } from "node:readline";
import { Decoder } from "socket.io-parser";

// What the parser takes for a binary message, since it need not look inside.
const attachment = (number) => ({ base64: true, toJSON: () => ({ $attachment: number }) });

function read(text) {
  let packet;
  const decoder = new Decoder();
  decoder.on("decoded", (decoded) => (packet = decoded));
  try {
    decoder.add(text);
    const attachments = decoder.reconstructor?.reconPack.attachments ?? 0;
    for (let number = 0; number < attachments; number++) decoder.add(attachment(number));
    const { type, nsp, id, data } = packet;
    return { type, namespace: nsp, id, attachments, data };
  } catch (error) {
    return { refused: String(error) };
  }
}

console.log("reading packets");
for await (const line of createInterface({ input: process.stdin, terminal: false })) {
  process.stdout.write(JSON.stringify(read(JSON.parse(line))) + "\n");
}
