/** The frame: the welcome form, or the side with rooms and people next to the open room. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "../chat/chat.ts";
import { EMPTY_VIEW, type State } from "../state/state.ts";
import type { Store } from "../state/store.ts";
import { Banner } from "./banner.tsx";
import { Composer } from "./composer.tsx";
import { SharedContext } from "./context.ts";
import { Header } from "./header.tsx";
import { Log } from "./log.tsx";
import { Side } from "./side.tsx";
import { Welcome } from "./welcome.tsx";

export function App({ store, chat }: { readonly store: Store; readonly chat: Chat }): JSX.Element {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state); // what changed between the first render and this effect
    return store.subscribe(setState);
  }, [store]);
  useDocument(state);

  return (
    <SharedContext.Provider value={{ chat, language: state.language }}>
      {state.name === null ? (
        <Welcome refusal={state.refusal} lastName={state.lastName} />
      ) : (
        <Room state={state} name={state.name} />
      )}
    </SharedContext.Provider>
  );
}

function Room({ state, name }: { readonly state: State; readonly name: string }): JSX.Element {
  const [drawer, setDrawer] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const drafts = useRef(new Map<string, string>());
  const view = state.views.get(state.open) ?? EMPTY_VIEW;

  const closeDrawer = (): void => setDrawer(false);
  const wasOut = useRef(false);
  useEffect(() => {
    // In an effect, because the opener can't take the focus before its surroundings are no longer inert.
    if (wasOut.current && !drawer) opener.current?.focus();
    wasOut.current = drawer;
  }, [drawer]);

  return (
    <div class="frame">
      <Side state={state} view={view} name={name} drawer={drawer} close={closeDrawer} />
      {drawer && <div class="backdrop" onClick={closeDrawer} />}
      <main class="room" inert={drawer}>
        <Header
          room={state.open}
          view={view}
          link={state.link}
          opener={opener}
          unread={totalUnread(state)}
          openDrawer={() => setDrawer(true)}
        />
        <Banner link={state.link} paced={state.paced} />
        <Log key={`log ${state.open}`} room={state.open} view={view} online={state.link.kind === "online"} />
        <Composer key={`composer ${state.open}`} room={state.open} drafts={drafts.current} />
      </main>
    </div>
  );
}

function useDocument(state: State): void {
  useLayoutEffect(() => {
    document.documentElement.lang = state.language;
  }, [state.language]);
  const unread = totalUnread(state);
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Sockeye` : "Sockeye";
  }, [unread]);
}

function totalUnread(state: State): number {
  let total = 0;
  for (const view of state.views.values()) total += view.unread;
  return total;
}

