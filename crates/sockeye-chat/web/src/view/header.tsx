/** The head of the open room: its name, how many are here, and how good the connection is. */

import type { JSX, RefObject } from "preact";
import type { Link, View } from "../state/state.ts";
import { useTexts } from "./context.ts";
import { Icon } from "./icon.tsx";

interface Props {
  readonly room: string;
  readonly view: View;
  readonly link: Link;
  readonly unread: number;
  readonly opener: RefObject<HTMLButtonElement | null>;
  readonly openDrawer: () => void;
}

export function Header({ room, view, link, unread, opener, openDrawer }: Props): JSX.Element {
  const texts = useTexts();
  return (
    <header class="head">
      <button ref={opener} type="button" class="plain narrow" aria-label={texts.openRooms} aria-controls="side" onClick={openDrawer}>
        <Icon name="menu" />
        {unread > 0 && <span class="dot" />}
      </button>
      <div class="title">
        <h1>
          <span class="hash" aria-hidden="true">
            #
          </span>
          {room}
        </h1>
        <p class="quiet">{view.membership === "member" && texts.peopleHere(view.count)}</p>
      </div>
      <Connection link={link} />
    </header>
  );
}

function Connection({ link }: { readonly link: Link }): JSX.Element {
  const texts = useTexts();
  switch (link.kind) {
    case "online":
      return (
        <p class="connection online" title={link.rttMs === null ? texts.online : texts.roundTrip(link.rttMs)}>
          <span class="unseen">{texts.online}</span>
          <span class="rtt">{link.rttMs === null ? texts.online : `${link.rttMs < 10 ? link.rttMs : Math.round(link.rttMs)} ms`}</span>
        </p>
      );
    case "waiting":
      return <p class="connection offline">{texts.offline}</p>;
    case "idle":
    case "connecting":
      return <p class="connection connecting">{texts.connecting}</p>;
  }
}
