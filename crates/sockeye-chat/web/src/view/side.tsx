/** The side: rooms, who is here, and me. A column on wide screens, a drawer on narrow ones. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { State, View } from "../state/state.ts";
import { Avatar } from "./avatar.tsx";
import { useChat, useTexts } from "./context.ts";
import { Icon, Logo } from "./icon.tsx";
import { Languages } from "./languages.tsx";
import { People } from "./people.tsx";
import { Rooms } from "./rooms.tsx";

interface Props {
  readonly state: State;
  readonly view: View;
  readonly name: string;
  /** Whether the drawer is out; without effect on wide screens. */
  readonly drawer: boolean;
  readonly close: () => void;
}

export function Side({ state, view, name, drawer, close }: Props): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const closer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (drawer) closer.current?.focus();
  }, [drawer]);

  return (
    <aside
      id="side"
      class={drawer ? "side out" : "side"}
      aria-label={texts.openRooms}
      onKeyDown={(event) => {
        if (event.key === "Escape" && drawer) close();
      }}
    >
      <div class="brand">
        <Logo />
        <strong>Sockeye</strong>
        <Languages />
        <button ref={closer} type="button" class="plain narrow" aria-label={texts.closeRooms} onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <div class="lists">
        <Rooms state={state} chosen={close} />
        <People room={state.open} view={view} you={state.you} />
      </div>
      <div class="me">
        <Avatar name={name} />
        <span class="name">{name}</span>
        <button type="button" class="plain" aria-label={texts.changeName} title={texts.changeName} onClick={() => chat.exit()}>
          <Icon name="exit" />
        </button>
      </div>
    </aside>
  );
}
