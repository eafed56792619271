/** Everything the page shows, as one immutable value. */

import type { Person, Refusal, Room } from "../chat/contract.ts";
import type { Language } from "../language/language.ts";

export interface State {
  readonly language: Language;
  /** The chosen name; `null` shows the welcome form. */
  readonly name: string | null;
  /** What the welcome form starts with. */
  readonly lastName: string;
  /** Why the server refused that name, for the welcome form. */
  readonly refusal: Refusal | null;
  readonly link: Link;
  /** My id as a person, once a room has been entered. */
  readonly you: string;
  /** Whether messages wait because I write faster than the server takes them. */
  readonly paced: boolean;
  /** The server's list of rooms. */
  readonly rooms: readonly Room[];
  /** The rooms this person is in (or wants to be in), in order of joining. */
  readonly views: ReadonlyMap<string, View>;
  /** The room on the screen; always a key of `views` while somebody is named. */
  readonly open: string;
}

/** The connection. */
export type Link =
  | { readonly kind: "idle" }
  /** `again` is false only on the first attempt after a name was chosen. */
  | { readonly kind: "connecting"; readonly again: boolean }
  /** `rttMs` is `null` until the first measurement, or if the last one was not answered. */
  | { readonly kind: "online"; readonly rttMs: number | null }
  /** Connects again at `retryAt`, in ms. */
  | { readonly kind: "waiting"; readonly retryAt: number };

/** One room, as this person sees it. */
export interface View {
  readonly membership: "asking" | "member" | "refused";
  readonly refusal: Refusal | null;
  /** Those who are known: in a crowd not all. */
  readonly people: readonly Person[];
  /** How many there are. */
  readonly count: number;
  /** The last one of the last page that was fetched; more people are behind. */
  readonly pageEnd: Person | null;
  readonly entries: readonly Entry[];
  readonly typing: readonly Typist[];
  readonly unread: number;
}

export interface Typist {
  readonly person: Person;
  /** When the indicator goes away, in ms. */
  readonly until: number;
}

/** One line of the log. */
export type Entry = Message | Notice;

export interface Message {
  readonly kind: "message";
  /** The client id: known before the server has seen the message. */
  readonly key: string;
  readonly from: Person;
  readonly mine: boolean;
  readonly text: string;
  readonly at: number;
  readonly delivery: Delivery;
}

/** How far a message got. An ack decides; nothing else makes it `delivered`. */
export type Delivery =
  | { readonly kind: "sending" }
  | { readonly kind: "delivered" }
  | { readonly kind: "failed"; readonly refusal: Refusal };

export interface Notice {
  readonly kind: "notice";
  readonly key: string;
  readonly at: number;
  readonly what:
    | { readonly kind: "joined" | "left"; readonly names: readonly string[] }
    /** The connection was lost for so long; what was said meanwhile is not in the log. */
    | { readonly kind: "gap"; readonly seconds: number };
}

export const EMPTY_VIEW: View = {
  membership: "asking",
  refusal: null,
  people: [],
  count: 0,
  pageEnd: null,
  entries: [],
  typing: [],
  unread: 0,
};

/** Whether an entry is a message that the server has not acknowledged. */
export function isUnsent(entry: Entry): boolean {
  return entry.kind === "message" && entry.delivery.kind !== "delivered";
}

export function hasUnsent(state: State): boolean {
  return [...state.views.values()].some((view) => view.entries.some(isUnsent));
}
