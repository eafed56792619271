/** Says that the connection is lost and counts down to the next attempt, or that messages go out by and by. */

import type { JSX } from "preact";
import type { Link } from "../state/state.ts";
import { useChat, useNow, useTexts } from "./context.ts";

export function Banner({ link, paced }: { readonly link: Link; readonly paced: boolean }): JSX.Element {
  const texts = useTexts();
  // The region stays when it is empty: screen readers announce only what appears in a region they know.
  return (
    <div class="banner-region" role="status">
      {link.kind === "waiting" && <Countdown retryAt={link.retryAt} />}
      {link.kind === "connecting" && link.again && <Note text={texts.reconnecting} />}
      {paced && <Note text={texts.paced} />}
    </div>
  );
}

function Countdown({ retryAt }: { readonly retryAt: number }): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const seconds = Math.max(0, Math.ceil((retryAt - useNow(250)) / 1000));
  return (
    <div class="banner">
      {/* Announced once, not every second. */}
      <span class="unseen">{texts.lost(0)}</span>
      <span aria-hidden="true">{texts.lost(seconds)}</span>
      <button type="button" class="small" onClick={() => chat.retryNow()}>
        {texts.retryNow}
      </button>
    </div>
  );
}

function Note({ text }: { readonly text: string }): JSX.Element {
  return (
    <div class="banner">
      <span>{text}</span>
    </div>
  );
}
