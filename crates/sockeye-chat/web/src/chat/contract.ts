/** The events between this page and the server's `/chat` namespace: the whole contract, as types. */

/** Somebody in the chat, in however many tabs. */
export interface Person {
  readonly id: string;
  readonly name: string;
}

/** One line of the list of rooms. */
export interface Room {
  readonly name: string;
  readonly people: number;
}

/** A message as the others in the room receive it; `at` is in milliseconds since 1970. */
export interface Said {
  readonly id: string;
  readonly room: string;
  readonly from: Person;
  readonly text: string;
  readonly at: number;
  /** Chosen by the sender, the same at every attempt: a message that arrives twice is shown once. */
  readonly client_id: string;
}

/** Why the server said no; `code` is stable, `message` is English. */
export interface Refusal {
  readonly code: string;
  readonly message?: string;
  /** With `slow-down`: when it may be tried again. */
  readonly data?: { readonly retry_after_ms?: number };
}

/** What an asked-for ack carries: the answer, or why there is none. */
export type Answer<T> = T | { readonly error: Refusal };

export interface Receipt {
  readonly id: string;
  readonly at: number;
}

export interface Entrance {
  readonly room: string;
  /** My own id. */
  readonly you: string;
  /** The first page of them; missing if this socket has them already. */
  readonly people?: readonly Person[];
  /** How many there are. */
  readonly count: number;
}

/** People behind those that are known. */
export interface Page {
  readonly people: readonly Person[];
  readonly count: number;
}

/** Who came or went since the last news. */
export interface Moved {
  readonly room: string;
  readonly people: readonly Person[];
  readonly count: number;
}

export interface ServerEvents {
  /** What has changed in the list of rooms: one without people is off the list. */
  rooms: (changes: readonly Room[]) => void;
  said: (message: Said) => void;
  typing: (event: { room: string; from: Person }) => void;
  joined: (event: Moved) => void;
  left: (event: Moved) => void;
}

export interface ClientEvents {
  join: (room: string, ack: (answer: Answer<Entrance>) => void) => void;
  leave: (room: string, ack: (answer?: Answer<object>) => void) => void;
  people: (after: { room: string; after?: Person }, ack: (answer: Answer<Page>) => void) => void;
  /** The list of rooms; its changes are told from then on. */
  rooms: (ack: (answer: Answer<readonly Room[]>) => void) => void;
  say: (message: { room: string; text: string; client_id: string }, ack: (answer: Answer<Receipt>) => void) => void;
  typing: (room: string) => void;
  rtt: (ack: () => void) => void;
}

/** The room everybody starts in; it can't be left. */
export const LOBBY = "lobby";
/** Longest name of a person or room, in characters. */
export const MAX_NAME_CHARS = 32;
/** Longest message, in characters. */
export const MAX_TEXT_CHARS = 4000;

/** Counts as the server does: by code point, not by UTF-16 unit. */
export function chars(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
