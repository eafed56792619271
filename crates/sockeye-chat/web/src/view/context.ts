/** What every component may use: the commands and the texts. */

import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Chat } from "../chat/chat.ts";
import type { Refusal } from "../chat/contract.ts";
import { LANGUAGES, type Language } from "../language/language.ts";
import type { Texts } from "../language/texts.ts";

interface Shared {
  readonly chat: Chat;
  readonly language: Language;
}

export const SharedContext = createContext<Shared | null>(null);

function useShared(): Shared {
  const shared = useContext(SharedContext);
  if (shared === null) throw new Error("rendered outside of App, which provides SharedContext");
  return shared;
}

export const useChat = (): Chat => useShared().chat;
export const useLanguage = (): Language => useShared().language;
export const useTexts = (): Texts => LANGUAGES[useShared().language];

/** The translated reason, or the server's own words for a code this page doesn't know. */
export function why(texts: Texts, refusal: Refusal): string {
  const wait = refusal.code === "slow-down" ? refusal.data?.retry_after_ms : undefined;
  if (wait !== undefined) return texts.slowDown(Math.ceil(wait / 1000));
  const known = Object.hasOwn(texts.refusals, refusal.code) ? texts.refusals[refusal.code] : undefined;
  return known ?? refusal.message ?? refusal.code;
}

/** Renders again every `everyMs` and gives the time, in ms. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
