/** Where messages are written. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { chars, MAX_TEXT_CHARS } from "../chat/contract.ts";
import { useChat, useTexts } from "./context.ts";
import { Icon } from "./icon.tsx";

interface Props {
  readonly room: string;
  /** What was begun in each room and not sent; kept when one looks into another room. */
  readonly drafts: Map<string, string>;
}

export function Composer({ room, drafts }: Props): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const [text, setText] = useState(drafts.get(room) ?? "");
  const box = useRef<HTMLTextAreaElement>(null);
  const surplus = chars(text) - MAX_TEXT_CHARS;
  const ready = text.trim() !== "" && surplus <= 0;

  useEffect(() => {
    // On a touch screen focus would throw the keyboard over the messages.
    if (matchMedia("(hover: hover)").matches) box.current?.focus();
  }, []);
  useLayoutEffect(() => {
    drafts.set(room, text);
    const element = box.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  const send = (): void => {
    if (!ready) return;
    chat.say(room, text.trim());
    setText("");
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        box.current?.focus();
      }}
    >
      <textarea
        dir="auto"
        ref={box}
        rows={1}
        value={text}
        aria-label={texts.message(room)}
        aria-describedby="composer-hint"
        placeholder={texts.message(room)}
        enterkeyhint="send"
        onInput={(event) => {
          setText(event.currentTarget.value);
          if (event.currentTarget.value.trim() !== "") chat.typing(room);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || composing(event)) return;
          event.preventDefault();
          send();
        }}
      />
      <button type="submit" class="primary" aria-label={texts.send} title={texts.send} disabled={!ready}>
        <Icon name="send" />
      </button>
      <p id="composer-hint" class={surplus > 0 ? "hint problem" : "hint"}>
        {surplus > 0 ? texts.tooLong(surplus) : texts.composeHint}
      </p>
    </form>
  );
}

/** Enter that picks a candidate of an input method must not send; old Safari only tells by key code 229. */
function composing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
