// How a namespace of the ledger answers, as `POST /behave` tells it: keys that are not named stay as they are.
//
//   ack: "yes"            {"ok":true,"id":…} at once
//        "never"
//        "hold"           not until the behaviour is another: then all that were held are given, in their order
//        {"late": MS}     so many milliseconds later
//        {"after": N}     not before the id comes for the Nth time
//        {"error": JSON, "times": N}   this instead, the first N times that an id comes; `times` is without end if absent
//   reply: "NAME"         besides, or without an ack, an event NAME with {"reqId": id, "code": 0}; null for none
//   cut: {"at": WHERE, "every": N}     resets the connection at every Nth event: `before-record`, `after-record`, `before-ack`,
//                                      `after-ack`; null for never
//   cutEvery: MS          resets all connections again and again; 0 for never
//   disconnectEvery: N    disconnects the socket from its namespace at every Nth event, once it is recorded; 0 for never
//   refuse: N             refuses the next N that want to join, -1 for all, with "auth expired"
//   token: "TOKEN"        refuses whoever has no such `token` in the auth payload, or on version 2 in the query; null for none
//   stopReading: MS       at every event (or all that are there now): reads nothing for so long; 0 for never

const WHERE = ["before-record", "after-record", "before-ack", "after-ack"];

export const DEFAULTS = {
  ack: "yes",
  reply: null,
  cut: null,
  cutEvery: 0,
  disconnectEvery: 0,
  refuse: 0,
  token: null,
  stopReading: 0,
};

// The behaviour with what is new in it; a word that isn't known is an error, since a test would not notice.
export function merged(old, change) {
  for (const name of Object.keys(change)) {
    if (!(name in DEFAULTS)) throw new Error(`no behaviour ${name}; there are ${Object.keys(DEFAULTS)}`);
  }
  const behaviour = { ...old, ...change };
  const { ack, cut } = behaviour;
  const isAck = typeof ack === "object"
    ? ["late", "after", "error"].some((name) => name in ack)
    : ["yes", "never", "hold"].includes(ack);
  if (!isAck) throw new Error(`an ack can't be ${JSON.stringify(ack)}`);
  if (cut && !(WHERE.includes(cut.at) && cut.every > 0)) {
    throw new Error(`cut is {"at", "every"}, at one of ${WHERE}; not ${JSON.stringify(cut)}`);
  }
  return behaviour;
}
