/** The list of rooms, and the field that makes one more. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { chars, LOBBY, MAX_NAME_CHARS } from "../chat/contract.ts";
import type { State } from "../state/state.ts";
import { useChat, useTexts } from "./context.ts";
import { Icon } from "./icon.tsx";

export function Rooms({ state, chosen }: { readonly state: State; readonly chosen: () => void }): JSX.Element {
  const texts = useTexts();
  return (
    <nav aria-labelledby="rooms-title">
      <h2 id="rooms-title">{texts.rooms}</h2>
      <ul class="rooms">
        {names(state).map((room) => (
          <Line key={room} room={room} state={state} chosen={chosen} />
        ))}
      </ul>
      <NewRoom chosen={chosen} />
    </nav>
  );
}

function Line({ room, state, chosen }: { room: string; state: State; chosen: () => void }): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const view = state.views.get(room);
  // The list comes a moment later than what the room itself tells.
  const people = view?.membership === "member" ? view.count : (state.rooms.find((listed) => listed.name === room)?.people ?? 0);
  const open = state.open === room;
  const unread = view?.unread ?? 0;
  return (
    <li class={view ? "mine" : ""}>
      <button
        type="button"
        class="choose"
        aria-current={open ? "page" : undefined}
        title={view ? undefined : texts.joinRoom(room)}
        onClick={() => {
          chat.open(room);
          chosen();
        }}
      >
        <span class="hash" aria-hidden="true">
          #
        </span>
        <span class="name">{room}</span>
        {unread > 0 ? (
          <span class="badge">
            <span aria-hidden="true">{unread > 99 ? "99+" : unread}</span>
            <span class="unseen">{texts.unread(unread)}</span>
          </span>
        ) : (
          <span class="count" aria-label={texts.peopleHere(people)}>
            {people > 0 && people}
          </span>
        )}
      </button>
      {view && room !== LOBBY && (
        <button type="button" class="plain leave" aria-label={texts.leaveRoom(room)} title={texts.leaveRoom(room)} onClick={() => chat.leave(room)}>
          <Icon name="close" />
        </button>
      )}
    </li>
  );
}

function NewRoom({ chosen }: { readonly chosen: () => void }): JSX.Element {
  const chat = useChat();
  const texts = useTexts();
  const [name, setName] = useState("");
  return (
    <form
      class="new-room"
      onSubmit={(event) => {
        event.preventDefault();
        const room = name.trim();
        if (room === "" || chars(room) > MAX_NAME_CHARS) return;
        chat.open(room);
        setName("");
        chosen();
      }}
    >
      <Icon name="plus" />
      <input
        aria-label={texts.newRoom}
        placeholder={texts.newRoomPlaceholder}
        value={name}
        maxLength={MAX_NAME_CHARS}
        autocomplete="off"
        enterkeyhint="go"
        onInput={(event) => setName(event.currentTarget.value)}
      />
      {name.trim() !== "" && (
        <button type="submit" class="small">
          {texts.create}
        </button>
      )}
    </form>
  );
}

/** My rooms in my order, the lobby first; then the others by name. */
function names(state: State): readonly string[] {
  const others = state.rooms.map((room) => room.name).filter((room) => !state.views.has(room));
  return [...state.views.keys(), ...others.sort((a, b) => a.localeCompare(b))];
}
