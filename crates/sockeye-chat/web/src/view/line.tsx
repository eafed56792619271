/** One line of the log: a message with its delivery, or a notice. */

import type { JSX } from "preact";
import { regional } from "../language/language.ts";
import type { Message, Notice } from "../state/state.ts";
import { Avatar, hue } from "./avatar.tsx";
import { useChat, useLanguage, useTexts, why } from "./context.ts";
import { Icon } from "./icon.tsx";
import { Linked } from "./linked.tsx";

interface Props {
  readonly room: string;
  readonly message: Message;
  /** Whether this is the first or last of a group by one person. */
  readonly first: boolean;
  readonly last: boolean;
  readonly online: boolean;
}

export function MessageLine({ room, message, first, last, online }: Props): JSX.Element {
  const classes = ["message", message.mine ? "mine" : "theirs", message.delivery.kind, first && "first", last && "last"];
  return (
    <article class={classes.filter(Boolean).join(" ")} data-key={message.key}>
      {!message.mine && <div class="face">{last && <Avatar name={message.from.name} />}</div>}
      <div class="body">
        {first && !message.mine && (
          <p class="from" style={{ "--hue": hue(message.from.name) }}>
            {message.from.name}
          </p>
        )}
        <div class="bubble">
          {message.mine && <span class="unseen">{message.from.name}: </span>}
          <Linked text={message.text} />
          <Foot message={message} online={online} />
        </div>
        <Failed room={room} message={message} />
      </div>
    </article>
  );
}

/** When it was said, and for my own messages how far they got. */
function Foot({ message, online }: { readonly message: Message; readonly online: boolean }): JSX.Element {
  const texts = useTexts();
  const locale = regional(useLanguage());
  const date = new Date(message.at);
  const sending = online ? texts.sending : texts.waiting;
  return (
    <span class="foot">
      <time dateTime={date.toISOString()} title={date.toLocaleString(locale)}>
        {date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" })}
      </time>
      {message.mine && message.delivery.kind === "delivered" && <Icon name="check" />}
      {message.delivery.kind === "sending" && (
        <span class="sending" title={sending}>
          <Icon name="clock" />
          <span class="unseen">{sending}</span>
        </span>
      )}
    </span>
  );
}

function Failed({ room, message }: { readonly room: string; readonly message: Message }): JSX.Element | null {
  const chat = useChat();
  const texts = useTexts();
  if (message.delivery.kind !== "failed") return null;
  return (
    <p class="failure">
      <Icon name="alert" />
      <span>{texts.failed(why(texts, message.delivery.refusal))}</span>
      <button type="button" class="small" onClick={() => chat.retry(room, message.key)}>
        {texts.retry}
      </button>
      <button type="button" class="small quiet" onClick={() => chat.discard(room, message.key)}>
        {texts.discard}
      </button>
    </p>
  );
}

export function NoticeLine({ notice: { what } }: { readonly notice: Notice }): JSX.Element {
  const texts = useTexts();
  return (
    <p class={`notice ${what.kind}`}>
      <span>{what.kind === "gap" ? texts.gap(what.seconds) : texts[what.kind](what.names)}</span>
    </p>
  );
}
