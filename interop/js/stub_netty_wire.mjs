// The bytes of stub_netty.mjs: bodies of Engine.IO 3 as netty-socketio 1.7 frames them, and its Socket.IO packets.
//
// A frame is a text, with its Engine.IO digit in front, or a Buffer: an attachment, without it.

const TEXT = 0;
const BINARY = 1;
const END = 0xff;
const MESSAGE = 4;

// A polling answer. In binary each digit of a length is a byte, and lengths count bytes.
export function encodeBody(frames) {
  return Buffer.concat(frames.flatMap((frame) => {
    if (typeof frame !== "string") return [Buffer.from([BINARY, ...digits(frame.length + 1), END, MESSAGE]), frame];
    const bytes = Buffer.from(frame);
    return [Buffer.from([TEXT, ...digits(bytes.length), END]), bytes];
  }));
}

// A polling answer to `b64=1`. UTF-8 is encoded twice: what was meant for clients that decoded it twice stayed.
export function encodeBase64Body(frames) {
  const parts = frames.map((frame) => {
    if (typeof frame !== "string") {
      const text = `b4${frame.toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
      return `${text.length}:${text}`;
    }
    const bytes = Buffer.from(frame).toString("latin1");
    return `${bytes.length}:${bytes}`;
  });
  return Buffer.from(parts.join(""));
}

// The frames of a POST, in either form. It throws if a length leads nowhere.
export function decodeBody(body) {
  const frames = [];
  let at = 0;
  while (at < body.length) {
    const isFramed = body[at] === TEXT || body[at] === BINARY;
    const head = isFramed ? body.indexOf(END, at) : lengthEnd(body, at);
    if (head < 0) {
      frames.push(body.toString("utf8", at));
      break;
    }
    const length = [...body.subarray(isFramed ? at + 1 : at, head)].reduce((sum, digit) => sum * 10 + (digit & 0xf), 0);
    const bytes = isFramed ? length : byteLength(body, head + 1, length);
    if (head + 1 + bytes > body.length) throw new Error("a packet is longer than its body");
    const packet = body.subarray(head + 1, head + 1 + bytes);
    if (body[at] === BINARY) frames.push(packet.subarray(1));
    else if (packet.toString("latin1", 0, 2) === "b4") frames.push(Buffer.from(packet.toString("latin1", 2), "base64"));
    else frames.push(packet.toString());
    at = head + 1 + bytes;
  }
  return frames;
}

// The frames of a Socket.IO packet; of a namespace of its own only a CONNECT goes without a comma.
export function encodePacket(type, { namespace, id = "", args }) {
  const attachments = [];
  const data = args && JSON.stringify(args, (_, value) => {
    // JSON.stringify asks Buffers for their own form first.
    if (value?.type !== "Buffer" || !Array.isArray(value.data)) return value;
    return { _placeholder: true, num: attachments.push(Buffer.from(value.data)) - 1 };
  });
  const kind = attachments.length ? `${type + 3}${attachments.length}-` : type;
  const name = namespace === "/" ? "" : type === 0 ? namespace : `${namespace},`;
  return [`${MESSAGE}${kind}${name}${id}${data ?? ""}`, ...attachments];
}

// Reads a Socket.IO packet without its attachments: how many it waits for is in `missing`.
export function decodePacket(text) {
  const type = Number(text[0]);
  const rest = text.slice(1);
  if (type < 2) return { type, namespace: namespaceOf(rest), missing: 0 };
  const begin = rest.indexOf("[");
  const [, missing = 0, namespace = "/", id] = /^(?:(\d+)-)?(?:([^,]*),)?(\d+)?$/.exec(rest.slice(0, begin)) ?? [];
  const args = JSON.parse(rest.slice(begin));
  return { type: type > 4 ? type - 3 : type, namespace, id, args, missing: Number(missing) };
}

// Puts attachments where their placeholders are.
export function fill(value, attachments) {
  if (value === null || typeof value !== "object") return value;
  if (value._placeholder) return attachments[value.num];
  if (Array.isArray(value)) return value.map((inner) => fill(inner, attachments));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, attachments)]));
}

// It reads an auth payload, which version 3 does not have, as part of the name.
function namespaceOf(text) {
  const end = text.indexOf("?") > 0 ? text.indexOf("?") : text.indexOf(",");
  return (end > 0 ? text.slice(0, end) : text) || "/";
}

function digits(length) {
  return [...String(length)].map(Number);
}

// Where the digits of a text's length end, or -1 if there are none.
function lengthEnd(body, at) {
  const found = /^\d{1,9}:/.exec(body.toString("latin1", at, at + 10));
  return found ? at + found[0].length - 1 : -1;
}

// The bytes of so many characters; one beyond U+FFFF counts as one here, as two with npm.
function byteLength(body, begin, characters) {
  let at = begin;
  for (let count = 0; count < characters; count += 1) {
    if (at >= body.length) throw new Error("a packet is longer than its body");
    const byte = body[at];
    at += byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
  }
  return at - begin;
}
