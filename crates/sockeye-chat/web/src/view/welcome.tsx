/** The first screen: who are you? */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { chars, MAX_NAME_CHARS, type Refusal } from "../chat/contract.ts";
import { useChat, useTexts, why } from "./context.ts";
import { Logo } from "./icon.tsx";
import { Languages } from "./languages.tsx";

export function Welcome({ refusal, lastName }: { readonly refusal: Refusal | null; readonly lastName: string }): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const [name, setName] = useState(lastName);
  const [problem, setProblem] = useState(refusal);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);

  const submit = (event: Event): void => {
    event.preventDefault();
    const trimmed = name.trim();
    const code = trimmed === "" ? "name-empty" : chars(trimmed) > MAX_NAME_CHARS ? "name-too-long" : null;
    if (code === null) {
      chat.enter(trimmed);
    } else {
      setProblem({ code });
      input.current?.focus();
    }
  };

  return (
    <main class="welcome">
      <form class="card" onSubmit={submit} noValidate>
        <Logo />
        <h1>Sockeye</h1>
        <p class="quiet">{texts.tagline}</p>
        <label for="name">{texts.yourName}</label>
        <input
          id="name"
          ref={input}
          value={name}
          onInput={(event) => {
            setName(event.currentTarget.value);
            setProblem(null);
          }}
          placeholder={texts.namePlaceholder}
          autocomplete="nickname"
          enterkeyhint="go"
          aria-invalid={problem !== null}
          aria-describedby="name-problem"
        />
        <p id="name-problem" class="problem" role="alert">
          {problem && why(texts, problem)}
        </p>
        <button type="submit" class="primary">
          {texts.enter}
        </button>
      </form>
      <footer>
        <Languages />
      </footer>
    </main>
  );
}
