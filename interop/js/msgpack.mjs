// Packets from one parser of npm's to the other, over lines of standard input and output.
//
//   json HEX            a packet in msgpack; answered with [text, hex of each attachment...]
//   msgpack [TEXT, HEX...]    the reverse; answered with hex
//   value EXPRESSION    an ack of this JavaScript value; answered with hex, and [value] as JSON.stringify has it
//
// A packet that the parser refuses is answered with `error` and its reason. Usage: node msgpack.mjs

import { createInterface } from "node:readline";
import * as msgpack from "socket.io-msgpack-parser";
import * as json from "socket.io-parser";

function decode(parser, messages) {
  let packet;
  const decoder = new parser.Decoder({ maxAttachments: 1000 });
  decoder.on("decoded", (decoded) => (packet = decoded));
  for (const message of messages) decoder.add(message);
  if (packet === undefined) throw new Error("the packet is not complete");
  return packet;
}

function toJson(hex) {
  const [text, ...attachments] = new json.Encoder().encode(decode(msgpack, [Buffer.from(hex, "hex")]));
  return JSON.stringify([text, ...attachments.map((bytes) => bytes.toString("hex"))]);
}

function toMsgpack(messages) {
  const [text, ...attachments] = JSON.parse(messages);
  const { type, ...packet } = decode(json, [text, ...attachments.map((hex) => Buffer.from(hex, "hex"))]);
  // A binary event is an event, a binary ack an ack.
  return encode({ type: type > 4 ? type - 3 : type, data: packet.data, id: packet.id, nsp: packet.nsp });
}

function ofValue(expression) {
  const data = [(0, eval)(`(${expression})`)];
  return `${encode({ type: 3, data, nsp: "/" })} ${JSON.stringify(data)}`;
}

function encode(packet) {
  for (const key of Object.keys(packet)) if (packet[key] === undefined) delete packet[key];
  return Buffer.from(new msgpack.Encoder().encode(packet)[0]).toString("hex");
}

const verbs = { json: toJson, msgpack: toMsgpack, value: ofValue };

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(" ");
  try {
    console.log(verbs[line.slice(0, space)](line.slice(space + 1)));
  } catch (error) {
    console.log(`error ${error.message}`);
  }
}
