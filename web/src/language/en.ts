/** English. */

import type { Texts } from "./texts.ts";

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function typing(names: readonly string[]): string {
  const [first, second] = names;
  if (first === undefined) return "";
  if (second === undefined) return `${first} is typing`;
  return names.length === 2 ? `${first} and ${second} are typing` : "Several people are typing";
}

export const en: Texts = {
  language: "English",
  tagline: "Pick a name and start talking. No account needed.",
  yourName: "Your name",
  namePlaceholder: "e.g. Ada",
  enter: "Join the chat",
  changeName: "Change name",
  switchLanguage: "Language",

  rooms: "Rooms",
  openRooms: "Rooms and people",
  closeRooms: "Close",
  newRoom: "New room",
  newRoomPlaceholder: "Create or join a room",
  create: "Go",
  leaveRoom: (room) => `Leave ${room}`,
  joinRoom: (room) => `Join ${room}`,
  unread: (count) => plural(count, "unread message", "unread messages"),

  people: "Here now",
  peopleHere: (count) => plural(count, "person here", "people here"),
  you: "you",

  log: (room) => `Messages in ${room}`,
  empty: "It's quiet in here",
  emptyHint: "Say hello. Everyone in this room will see it at once.",
  joined: (name) => `${name} joined`,
  left: (name) => `${name} left`,
  gap: (seconds) => `You were offline for ${seconds} s. Messages from that time are not shown.`,
  newMessages: "New messages",

  message: (room) => `Message to ${room}`,
  composeHint: "Enter sends, Shift + Enter starts a new line",
  send: "Send",
  tooLong: (surplus) => `${plural(surplus, "character", "characters")} too long`,
  typing,
  sending: "Sending",
  waiting: "Waits for the connection",
  failed: (why) => `Not sent: ${why}`,
  retry: "Try again",
  discard: "Discard",

  connecting: "Connecting",
  online: "Connected",
  offline: "Offline",
  roundTrip: (ms) => `Round trip to the server: ${ms} ms`,
  lost: (seconds) => (seconds > 0 ? `Connection lost. Trying again in ${seconds} s` : "Connection lost. Trying again"),
  reconnecting: "Reconnecting",
  retryNow: "Try now",
  joining: (room) => `Joining ${room}`,
  cannotJoin: (room, why) => `Can't join ${room}: ${why}`,

  slowDown: (seconds) => `that was too fast, wait ${seconds} s`,
  refusals: {
    "name-empty": "Please choose a name.",
    "name-too-long": "This name is too long; 32 characters at most.",
    "name-control": "This name has characters that can't be shown.",
    "room-empty": "the room needs a name",
    "room-too-long": "the room's name is too long; 32 characters at most",
    "room-control": "the room's name has characters that can't be shown",
    "text-empty": "the message is empty",
    "text-too-long": "the message is too long",
    "not-in-room": "you are not in this room",
    "too-many-rooms": "you are in as many rooms as one can be, leave one first",
    "rooms-full": "there are as many rooms as there can be",
    "no-answer": "the server did not answer",
  },
};
