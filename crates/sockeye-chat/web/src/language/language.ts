/** The languages of the page and how one is chosen. */

import { en } from "./en.ts";
import { zh } from "./zh.ts";

export const LANGUAGES = { en, "zh-CN": zh } as const;
export type Language = keyof typeof LANGUAGES;

export function isLanguage(value: string | null): value is Language {
  return value !== null && Object.hasOwn(LANGUAGES, value);
}

/** The visitor's own kind of a language, e.g. `en-GB` for `en`: it decides between 15:04 and 3:04 PM. */
export function regional(language: Language): string {
  const base = language.split("-")[0];
  return navigator.languages.find((tag) => tag.split("-")[0] === base) ?? language;
}

/** The first of the browser's languages that we speak, else English. */
export function detectLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const base = tag.toLowerCase().split("-")[0];
    if (base === "zh") return "zh-CN";
    if (base === "en") return "en";
  }
  return "en";
}
