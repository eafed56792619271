/** Everything that can happen to the state. */

import type { Entrance, Moved, Page, Person, Receipt, Refusal, Room, Said } from "../chat/contract.ts";
import type { Language } from "../language/language.ts";

export type Action =
  // The person
  | { readonly do: "speak"; readonly language: Language }
  | { readonly do: "name"; readonly name: string; readonly rooms: readonly string[]; readonly open: string }
  | { readonly do: "unname"; readonly refusal: Refusal | null }
  | { readonly do: "open"; readonly room: string }
  // The connection
  | { readonly do: "connecting" }
  | { readonly do: "online" }
  | { readonly do: "offline"; readonly retryAt: number }
  | { readonly do: "rtt"; readonly ms: number | null }
  // Rooms
  | { readonly do: "rooms"; readonly rooms: readonly Room[] }
  | { readonly do: "changed"; readonly rooms: readonly Room[] }
  | { readonly do: "asking"; readonly room: string }
  | { readonly do: "entered"; readonly entrance: Entrance; readonly now: number; readonly awayMs: number }
  | { readonly do: "refused"; readonly room: string; readonly refusal: Refusal }
  | { readonly do: "leave"; readonly room: string }
  | { readonly do: "arrived" | "departed"; readonly moved: Moved; readonly now: number }
  | { readonly do: "more"; readonly room: string; readonly page: Page }
  // Messages
  | { readonly do: "compose"; readonly room: string; readonly key: string; readonly text: string; readonly now: number }
  | { readonly do: "delivered"; readonly room: string; readonly key: string; readonly receipt: Receipt }
  | { readonly do: "failed"; readonly room: string; readonly key: string; readonly refusal: Refusal }
  | { readonly do: "retry" | "discard"; readonly room: string; readonly key: string }
  | { readonly do: "paced"; readonly paced: boolean }
  | { readonly do: "said"; readonly message: Said; readonly visible: boolean }
  | { readonly do: "typing"; readonly room: string; readonly person: Person; readonly until: number }
  | { readonly do: "typed"; readonly now: number };
