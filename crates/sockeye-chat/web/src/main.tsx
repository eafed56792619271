/** Starts the page: one store, one chat, one tree. */

import { render } from "preact";
import { Chat } from "./chat/chat.ts";
import { LOBBY } from "./chat/contract.ts";
import { settings } from "./state/settings.ts";
import { hasUnsent } from "./state/state.ts";
import { Store } from "./state/store.ts";
import { App } from "./view/app.tsx";

const store = new Store({
  language: settings.language(),
  name: null,
  lastName: "",
  refusal: null,
  link: { kind: "idle" },
  you: "",
  paced: false,
  rooms: [],
  views: new Map(),
  open: LOBBY,
});
const chat = new Chat(store);

const name = settings.name();
if (name !== null) chat.enter(name);

document.addEventListener("visibilitychange", () => {
  // Coming back to the tab reads what arrived in the open room meanwhile.
  if (document.visibilityState === "visible") store.dispatch({ do: "open", room: store.state.open });
});

window.addEventListener("beforeunload", (event) => {
  // Unsent messages live in this tab only; the browser asks before they are thrown away.
  if (hasUnsent(store.state)) event.preventDefault();
});

const root = document.getElementById("app");
if (root) render(<App store={store} chat={chat} />, root);
