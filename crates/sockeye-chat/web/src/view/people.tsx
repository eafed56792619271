/** Who is in the open room. */

import type { JSX } from "preact";
import type { View } from "../state/state.ts";
import { Avatar } from "./avatar.tsx";
import { useChat, useTexts } from "./context.ts";

interface Props {
  readonly room: string;
  readonly view: View;
  /** My own id. */
  readonly you: string;
}

export function People({ room, view, you }: Props): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const others = view.count - view.people.length;
  const known = view.membership === "member";
  return (
    <section aria-labelledby="people-title">
      <h2 id="people-title">
        {texts.people}
        {known && <span class="count">{view.count}</span>}
      </h2>
      <ul class={known ? "people" : "people stale"}>
        {view.people.map((person) => (
          <li key={person.id}>
            <Avatar name={person.name} />
            <span class="name">{person.name}</span>
            {person.id === you && <span class="quiet">{texts.you}</span>}
          </li>
        ))}
      </ul>
      {known && others > 0 && (
        <button type="button" class="small quiet" onClick={() => void chat.more(room)}>
          {texts.morePeople(others)}
        </button>
      )}
    </section>
  );
}
