/** The language switch. */

import type { JSX } from "preact";
import { isLanguage, LANGUAGES } from "../language/language.ts";
import { useChat, useLanguage, useTexts } from "./context.ts";

export function Languages(): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const language = useLanguage();
  return (
    <select
      class="languages"
      aria-label={texts.switchLanguage}
      value={language}
      onChange={(event) => {
        const tag = event.currentTarget.value;
        if (isLanguage(tag)) chat.speak(tag);
      }}
    >
      {Object.entries(LANGUAGES).map(([tag, { language: label }]) => (
        <option key={tag} value={tag} lang={tag}>
          {label}
        </option>
      ))}
    </select>
  );
}
