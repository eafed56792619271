/** Says that the connection is lost and counts down to the next attempt. */

import type { JSX } from "preact";
import type { Link } from "../state/state.ts";
import { useChat, useNow, useTexts } from "./context.ts";

export function Banner({ link }: { readonly link: Link }): JSX.Element {
  // The region stays when it is empty: screen readers announce only what appears in a region they know.
  return (
    <div class="banner-region" role="status">
      {link.kind === "waiting" && <Countdown retryAt={link.retryAt} />}
      {link.kind === "connecting" && link.again && <Reconnecting />}
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

function Reconnecting(): JSX.Element {
  const texts = useTexts();
  return (
    <div class="banner">
      <span>{texts.reconnecting}</span>
    </div>
  );
}
