/** What this browser remembers between visits. */

import { randomHex } from "../chat/random.ts";
import { LOBBY } from "../chat/contract.ts";
import { detectLanguage, isLanguage, type Language } from "../language/language.ts";

const PREFIX = "sockeye.";

export const settings = {
  name: (): string | null => read("name"),
  /** The secret that makes the tabs of this browser one person. */
  key: (): string => {
    const key = read("key") ?? randomHex();
    write("key", key);
    return key;
  },
  language: (): Language => {
    const stored = read("language");
    return isLanguage(stored) ? stored : detectLanguage(navigator.languages);
  },
  /** The rooms of the last visit; the lobby is always the first. */
  rooms: (): readonly string[] => [...new Set([LOBBY, ...parse(read("rooms"))])],
  open: (): string | null => read("open"),

  setName: (name: string | null): void => write("name", name),
  setLanguage: (language: Language): void => write("language", language),
  setRooms: (rooms: readonly string[]): void => write("rooms", JSON.stringify(rooms)),
  setOpen: (room: string): void => write("open", room),
};

function parse(json: string | null): readonly string[] {
  try {
    const value: unknown = JSON.parse(json ?? "[]");
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
  } catch {
    return [];
  }
}

// A browser may forbid storage (private windows, blocked cookies); then it is just not remembered.
function read(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Not remembered.
  }
}
