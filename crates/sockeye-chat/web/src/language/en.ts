/** English. */

import type { Texts } from "./texts.ts";

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** The first three by name, the others by number. */
function several(names: readonly string[]): string {
  const others = names.length - 3;
  const parts = others > 0 ? [...names.slice(0, 3), plural(others, "other", "others")] : names;
  return parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

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
  morePeople: (count) => `Show ${count} more`,
  you: "you",

  log: (room) => `Messages in ${room}`,
  empty: "It's quiet in here",
  emptyHint: "Say hello. Everyone in this room will see it at once.",
  joined: (names) => `${several(names)} joined`,
  left: (names) => `${several(names)} left`,
  gap: (seconds) => `You were offline for ${seconds} s. Messages from that time are not shown.`,
  newMessages: "New messages",

  message: (room) => `Message to ${room}`,
  composeHint: "Enter sends, Shift + Enter starts a new line",
  send: "Send",
  tooLong: (surplus) => `${plural(surplus, "character", "characters")} too long`,
  paced: "That was fast. What is not sent yet follows by itself.",
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
    "key-length": "This browser keeps a broken key. Clear the data of this page.",
    "room-empty": "the room needs a name",
    "room-too-long": "the room's name is too long; 32 characters at most",
    "room-control": "the room's name has characters that can't be shown",
    "text-empty": "the message is empty",
    "text-too-long": "the message is too long",
    "not-in-room": "you are not in this room",
    "too-many-rooms": "you are in as many rooms as one can be, leave one first",
    "too-many-made": "there is little space left, and you have made several rooms: join one that there is",
    "rooms-full": "there are as many rooms as there can be",
    "no-answer": "the server did not answer",
  },
};
