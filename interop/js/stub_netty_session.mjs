// One session of stub_netty.mjs: its transports, its heartbeat and its namespaces.

import { decodeBody, decodePacket, encodeBase64Body, encodeBody, encodePacket, fill } from "./stub_netty_wire.mjs";

const CONNECT = 0;
const DISCONNECT = 1;
const EVENT = 2;
const ACK = 3;
const ERROR = 4;
const PACKETS_PER_ANSWER = 50;

export class Session {
  #hub;
  #queue = [];
  #get;
  #socket;
  #sockets = new Map();
  #timer;
  #partial;
  ended = false;

  // `hub` has the server's `limitMs` of silence, its `namespaces`, how to `serve` a socket, and hears `onEnd`.
  constructor(hub, sid, transport, handshake) {
    this.#hub = hub;
    this.sid = sid;
    this.transport = transport;
    this.handshake = handshake;
  }

  // What it is told at first leaves alone in the answer of its first GET.
  begin(open) {
    this.#send([`0${JSON.stringify(open)}`]);
    this.#alive();
  }

  // A GET; one that waits already is forgotten, and never answered.
  get(answer, isBase64) {
    this.#get = { answer, encode: isBase64 ? encodeBase64Body : encodeBody };
    this.#flush();
    this.#joinRoot();
  }

  // It throws for a body that can't be read.
  post(body) {
    this.#take(decodeBody(body));
  }

  // A WebSocket: the session's own, or one that is probed first.
  websocket(socket) {
    if (this.transport === "websocket") this.#socket = socket;
    socket.on("message", (data, isBinary) => {
      try {
        if (isBinary) this.#take([data.subarray(1)], socket);
        else this.#take([data.toString()], socket);
      } catch {
        socket.terminate();
      }
    });
    socket.on("error", () => {}); // such as a frame that is too long; it is closed then
    socket.on("close", () => this.#socket === socket && this.end());
    this.#flush();
    this.#joinRoot();
  }

  // Ends it as the server does, of its own or when it waited too long: with a DISCONNECT of `/`.
  disconnect() {
    this.#send(encodePacket(DISCONNECT, { namespace: "/" }));
    this.end();
  }

  end() {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#hub.onEnd(this);
  }

  #alive() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.disconnect(), this.#hub.limitMs);
  }

  // A packet that finds no namespace takes all that came with it along.
  #take(frames, socket) {
    for (const frame of frames) {
      if (this.ended || !this.#frame(frame, socket)) return;
    }
  }

  #frame(frame, socket) {
    if (typeof frame !== "string") return this.#attachment(frame);
    const rest = frame.slice(1);
    switch (frame[0]) {
      case "1":
        this.end();
        return true;
      case "2":
        if (!this.#sockets.has("/")) return false; // who left `/` has no heartbeat
        if (rest !== "probe") {
          this.#alive();
          this.#send([`3${rest}`]);
        } else if (socket) {
          socket.send("3probe");
          this.#send(["6"]);
        }
        return true;
      case "4":
        this.#alive();
        return this.#packet(decodePacket(rest));
      case "5":
        this.#alive();
        if (socket) {
          this.#socket = socket;
          this.transport = "websocket";
          this.#flush();
        }
        return true;
      default:
        return true;
    }
  }

  #attachment(data) {
    if (!this.#partial) return true;
    this.#partial.attachments.push(data);
    const { packet, attachments } = this.#partial;
    if (attachments.length < packet.missing) return true;
    this.#partial = undefined;
    return this.#packet({ ...packet, args: fill(packet.args, attachments), missing: 0 });
  }

  #packet(packet) {
    const { type, namespace, id, args, missing } = packet;
    if (missing) {
      this.#partial = { packet, attachments: [] };
      return true;
    }
    if (type === CONNECT) return this.#connect(namespace);
    const socket = this.#sockets.get(namespace);
    if (!socket) return false;
    if (type === DISCONNECT) this.#sockets.delete(namespace);
    if (type === EVENT) socket.receive(args, id);
    if (type === ACK) socket.answered(id, args);
    return true;
  }

  // What the handlers of a new socket send leaves before the answer.
  #connect(namespace) {
    if (!this.#hub.namespaces.includes(namespace)) {
      this.#send(encodePacket(ERROR, { namespace, args: "Invalid namespace" }));
      return false;
    }
    this.#join(namespace);
    this.#send(encodePacket(CONNECT, { namespace }));
    return true;
  }

  // Unasked, and again with the next GET of a client that left it.
  #joinRoot() {
    if (this.#sockets.has("/")) return;
    this.#send(encodePacket(CONNECT, { namespace: "/" }));
    this.#join("/");
  }

  #join(namespace) {
    const socket = new Socket(this, namespace, (type, packet) => this.#send(encodePacket(type, packet)));
    this.#sockets.set(namespace, socket);
    this.#hub.serve(socket);
  }

  #send(frames) {
    if (this.ended) return;
    this.#queue.push(frames);
    this.#flush();
  }

  #flush() {
    if (this.transport === "websocket") {
      if (!this.#socket) return;
      for (const frame of this.#queue.splice(0).flat()) {
        this.#socket.send(typeof frame === "string" ? frame : Buffer.concat([Buffer.from([4]), frame]));
      }
    } else if (this.#get && this.#queue.length) {
      const { answer, encode } = this.#get;
      this.#get = undefined;
      answer(encode(this.#queue.splice(0, PACKETS_PER_ANSWER).flat()), encode === encodeBody);
    }
  }
}

// A socket of a namespace, as far as host_events.mjs needs it to be npm's.
class Socket {
  #send;
  #namespace;
  #handlers = new Map();
  #calls = new Map();
  #nextId = 0;

  constructor(session, namespace, send) {
    this.#send = send;
    this.#namespace = namespace;
    this.handshake = session.handshake;
    this.conn = {
      close: () => session.disconnect(),
      get transport() {
        return { name: session.transport };
      },
    };
  }

  on(event, handler) {
    this.#handlers.set(event, handler);
  }

  emit(...args) {
    let id;
    if (typeof args.at(-1) === "function") {
      id = this.#nextId += 1;
      this.#calls.set(String(id), args.pop());
    }
    this.#send(EVENT, { namespace: this.#namespace, id, args });
  }

  // It goes on listening to a client that does not leave.
  disconnect() {
    this.#send(DISCONNECT, { namespace: this.#namespace });
  }

  receive([event, ...args], id) {
    if (id !== undefined) args.push((...answer) => this.#send(ACK, { namespace: this.#namespace, id, args: answer }));
    this.#handlers.get(event)?.(...args);
  }

  answered(id, args) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.(...args);
  }
}
