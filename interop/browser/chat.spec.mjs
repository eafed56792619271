// The full page, as people use it. See server.mjs for what must be set to run this.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { violations } from "./accessible.mjs";
import { Server } from "./server.mjs";
import { Browser, screenshot, scrollsSideways } from "./tab.mjs";

const server = Server.fromEnvironment();
let browser;

before(async () => {
  await server.start();
  browser = await Browser.launch();
});
after(async () => {
  await browser?.close();
  await server.kill();
});

// Rooms of its own for each test: what one leaves behind can't disturb the next.
let counter = 0;
const newRoom = () => `room-${process.pid}-${(counter += 1)}`;

/** A tab whose owner has entered under `name` and, if given, opened `room`. */
async function enter(t, name, { room, ...options } = {}) {
  const page = await browser.tab(t, server.url, options);
  await page.locator("#name").fill(name);
  await page.keyboard.press("Enter");
  await member(page, "lobby");
  if (room) await open(page, room);
  return page;
}

/** Until the open room is `room` and the server has let us in. */
async function member(page, room) {
  await page.locator("header h1", { hasText: room }).waitFor();
  await page.locator("header .quiet", { hasText: /\d/ }).waitFor();
}

async function open(page, room) {
  await page.getByLabel(/New room|新房间/).fill(room);
  await page.keyboard.press("Enter");
  await member(page, room);
}

const composer = (page) => page.locator(".composer textarea");
const bubbles = (page, text) => page.locator(".message", { hasText: text });
const sees = (page, text) => bubbles(page, text).first().waitFor();

async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
  await page.locator(".message.mine.delivered", { hasText: text }).waitFor();
}

test("two people see each other and talk", async (t) => {
  const room = newRoom();
  const ada = await enter(t, "Ada", { room });
  await ada.getByText("It's quiet in here").waitFor();
  await screenshot(ada, "empty");
  const bo = await enter(t, "Bo", { room });

  await ada.locator(".people li", { hasText: "Bo" }).waitFor();
  await ada.locator(".notice", { hasText: "Bo joined" }).waitFor();
  await ada.locator("header", { hasText: "2 people here" }).waitFor();
  await say(ada, "Hello Bo, see https://example.org/notes.");
  await sees(bo, "Hello Bo");
  assert.equal(await bo.locator(".message a").getAttribute("href"), "https://example.org/notes");
  await say(bo, "Hello Ada\nin two lines");
  await sees(ada, "in two lines");

  await composer(bo).pressSequentially("h");
  await ada.locator(".typing.on", { hasText: "Bo is typing" }).waitFor();
  await screenshot(ada, "talk");
  await say(bo, "hm");
  await ada.locator(".typing:not(.on)").waitFor({ state: "attached" });

  await bo.close();
  await ada.locator(".notice", { hasText: "Bo left" }).waitFor();
});

test("the round trip to the server is measured and shown", async (t) => {
  const ada = await enter(t, "Ada");
  await ada.locator(".connection", { hasText: /\d ms/ }).waitFor();
});

test("rooms are listed, joined, counted while unread, and left", async (t) => {
  const room = newRoom();
  const ada = await enter(t, "Ada");
  const bo = await enter(t, "Bo", { room });

  await ada.locator(".rooms .choose", { hasText: room }).click();
  await member(ada, room);
  await ada.locator(".rooms .choose", { hasText: "lobby" }).click();
  await say(bo, "are you there?");
  await ada.locator(".rooms .badge", { hasText: "1" }).waitFor();
  assert.equal(await ada.title(), "(1) Sockeye");
  await ada.locator(".rooms .choose", { hasText: room }).click();
  await sees(ada, "are you there?");
  await ada.waitForFunction(() => document.title === "Sockeye");

  await ada.getByRole("button", { name: `Leave ${room}` }).click({ force: true });
  await bo.locator(".notice", { hasText: "Ada left" }).waitFor();
  await member(ada, "lobby");
});

test("everything works with the keyboard alone", async (t) => {
  const room = newRoom();
  const ada = await browser.tab(t, server.url);
  const focused = () => ada.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.id);
  assert.equal(await focused(), "name", "the name field has the focus");
  await ada.keyboard.type("Ada");
  await ada.keyboard.press("Tab");
  await ada.keyboard.press("Space");
  await member(ada, "lobby");
  assert.equal(await focused(), "Message to lobby", "the composer has the focus");

  await ada.keyboard.type("first");
  await ada.keyboard.press("Shift+Enter");
  await ada.keyboard.type("second");
  await ada.keyboard.press("Enter");
  await ada.locator(".message.delivered", { hasText: /first\nsecond/ }).waitFor();

  // Backwards through log and side to the field for a new room.
  for (let presses = 0; (await focused()) !== "New room"; presses += 1) {
    assert.ok(presses < 20, "the field for a new room is reached by Shift+Tab");
    await ada.keyboard.press("Shift+Tab");
  }
  await ada.keyboard.type(room);
  await ada.keyboard.press("Enter");
  await member(ada, room);
});

test("Enter that ends an input method's composition does not send", async (t) => {
  const ada = await enter(t, "Ada", { room: newRoom() });
  await composer(ada).fill("你好");
  await composer(ada).dispatchEvent("keydown", { key: "Enter", isComposing: true });
  await composer(ada).dispatchEvent("keydown", { key: "Enter", keyCode: 229 });
  assert.equal(await composer(ada).inputValue(), "你好");
  await composer(ada).press("Enter");
  await sees(ada, "你好");
  assert.equal(await bubbles(ada, "你好").count(), 1);
});

test("what people write is never markup", async (t) => {
  const room = newRoom();
  const evil = `<img src=x onerror="document.title='owned'">`;
  const ada = await enter(t, "Ada", { room });
  const bo = await enter(t, "<b>Bo</b>", { room });
  await say(bo, evil);
  await sees(ada, evil);
  await ada.locator(".people li", { hasText: "<b>Bo</b>" }).waitFor();
  assert.equal(await ada.locator(".log img, .people b").count(), 0);
  await say(bo, "\u202eturned around");
  const line = bubbles(ada, "turned around");
  const isolated = await line.locator(".text").evaluate((text) => getComputedStyle(text).unicodeBidi);
  assert.equal(isolated, "isolate", "the time beside it is not turned around");
});

test("a message that the server refuses can be sent again", async (t) => {
  const refuseFirst = async (page) => {
    let refused = false;
    await page.routeWebSocket(/socket\.io/, (ws) => {
      const upstream = ws.connectToServer();
      ws.onMessage((message) => {
        const say = /^42\/chat,(\d+)\["say"/.exec(message);
        if (!say || refused) return upstream.send(message);
        refused = true;
        ws.send(`43/chat,${say[1]}[{"error":{"code":"slow-down","message":"wait a moment"}}]`);
      });
    });
  };
  const room = newRoom();
  const ada = await enter(t, "Ada", { room, prepare: refuseFirst });
  const bo = await enter(t, "Bo", { room });
  await composer(ada).fill("important");
  await composer(ada).press("Enter");
  await ada.locator(".failure", { hasText: "Not sent: wait a moment" }).waitFor();
  await screenshot(ada, "failed");
  await ada.getByRole("button", { name: "Try again" }).click();
  await ada.locator(".message.delivered", { hasText: "important" }).waitFor();
  await sees(bo, "important");
});

test("who writes too fast is told once, and all follows by itself in its order", async (t) => {
  const room = newRoom();
  const ada = await enter(t, "Ada", { room });
  const bo = await enter(t, "Bo", { room });
  const lines = Array.from({ length: 26 }, (_, n) => `line ${n + 1}.`);
  for (const line of lines) {
    await composer(ada).fill(line);
    await composer(ada).press("Enter");
  }
  await ada.locator(".banner", { hasText: "follows by itself" }).waitFor();
  await screenshot(ada, "too-fast");
  await ada.waitForFunction((count) => document.querySelectorAll(".message.mine.delivered").length === count, lines.length);
  await ada.locator(".banner").waitFor({ state: "detached" });
  assert.equal(await ada.locator(".failure").count(), 0);
  const read = await bo.locator(".message .text").allTextContents();
  assert.deepEqual(read, lines);
});

test("the room is in the address, which can be shared, and the back button goes back", async (t) => {
  const room = `${newRoom()} 小明 #1`;
  const ada = await enter(t, "Ada");
  assert.equal(new URL(ada.url()).hash, "#lobby");
  await open(ada, room);
  const link = ada.url();
  await ada.goBack();
  await member(ada, "lobby");
  await ada.goForward();
  await member(ada, room);
  assert.equal(ada.url(), link);
  await ada.reload();
  await member(ada, room);

  // Somebody who is here for the first time takes the link.
  const bo = await browser.tab(t, link);
  await bo.locator("#name").fill("Bo");
  await bo.keyboard.press("Enter");
  await member(bo, room);
  await say(bo, "I took your link");
  await sees(ada, "I took your link");
  // And by hand, in the address line.
  await bo.evaluate(() => (location.hash = "#lobby"));
  await member(bo, "lobby");
});

test("tabs of one person and reloads say nothing to others", async (t) => {
  const room = newRoom();
  const bo = await enter(t, "Bo", { room });
  const ada = await enter(t, "Ada", { room });
  await bo.locator(".notice", { hasText: "Ada joined" }).waitFor();

  const other = await ada.context().newPage();
  await other.goto(ada.url());
  await member(other, room);
  await ada.reload();
  await member(ada, room);
  await other.close();
  await say(ada, "still one");
  await sees(bo, "still one");
  assert.equal(await bo.locator(".people li", { hasText: "Ada" }).count(), 1);
  assert.equal(await bo.locator(".notice").count(), 1);

  const tab = await ada.context().newPage();
  await tab.goto(ada.url());
  await member(tab, room);
  await say(ada, "from my first tab");
  await tab.locator(".message.mine", { hasText: "from my first tab" }).waitFor();
  assert.equal(await tab.title(), "Sockeye", "what I say is not unread");
  await tab.close();
  await ada.close();
  await bo.locator(".notice", { hasText: "Ada left" }).waitFor();
});

test("a crowd is listed in part, and by request in full", async (t) => {
  const room = newRoom();
  const ada = await enter(t, "Ada", { room });
  const sockets = await ada.evaluate(async (room) => {
    const enter = (n) =>
      new Promise((resolve) => {
        const ws = new WebSocket(`${location.origin.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
        ws.onmessage = ({ data }) => {
          if (data[0] === "0") ws.send(`40/chat,${JSON.stringify({ name: `guest ${String(n).padStart(3, "0")}` })}`);
          if (data === "2") ws.send("3");
          if (data.startsWith("40/chat")) ws.send(`42/chat,0${JSON.stringify(["join", room])}`);
          if (data.startsWith("43/chat,0")) resolve(ws);
        };
      });
    globalThis.crowd = await Promise.all(Array.from({ length: 120 }, (_, n) => enter(n)));
    return globalThis.crowd.length;
  }, room);
  assert.equal(sockets, 120);
  await ada.locator("header", { hasText: "121 people here" }).waitFor();
  const bo = await enter(t, "Bo", { room });
  await bo.locator("header", { hasText: "122 people here" }).waitFor();
  const more = bo.getByRole("button", { name: /^Show \d+ more$/ });
  await more.click();
  await more.waitFor({ state: "detached" });
  await bo.waitForFunction(() => document.querySelectorAll(".people li").length === 122);
  await screenshot(bo, "crowd");
});

test("a message whose ack was lost with the connection arrives once", async (t) => {
  const cutAtFirstAck = async (page) => {
    let cut = false;
    let lost;
    await page.routeWebSocket(/socket\.io/, (ws) => {
      const upstream = ws.connectToServer();
      ws.onMessage((message) => {
        if (!cut) lost = /^42\/chat,(\d+)\["say"/.exec(message)?.[1] ?? lost;
        upstream.send(message);
      });
      upstream.onMessage((message) => {
        if (cut || lost === undefined || !message.startsWith(`43/chat,${lost}[`)) return ws.send(message);
        cut = true;
        ws.close();
        upstream.close();
      });
    });
  };
  const room = newRoom();
  const ada = await enter(t, "Ada", { room, prepare: cutAtFirstAck });
  const bo = await enter(t, "Bo", { room });
  await composer(ada).fill("only once");
  await composer(ada).press("Enter");
  await sees(bo, "only once");
  await ada.locator(".message.delivered", { hasText: "only once" }).waitFor();
  await say(ada, "and then");
  await sees(bo, "and then");
  assert.equal(await bubbles(bo, "only once").count(), 1);
});

test("a name that the server refuses leads back to the form, which says why", async (t) => {
  const remembered = (page) => page.addInitScript(() => localStorage.setItem("sockeye.name", "x".repeat(33)));
  const ada = await browser.tab(t, server.url, { prepare: remembered });
  await ada.getByRole("alert").filter({ hasText: "too long" }).waitFor();
  assert.equal(await ada.locator("#name").inputValue(), "x".repeat(33));
});

test("a phone of 360 pixels has no sideways scrolling, and a drawer for the rest", async (t) => {
  const room = newRoom();
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, reducedMotion: "reduce" };
  const ada = await browser.tab(t, server.url, phone);
  assert.equal(await scrollsSideways(ada), false, "welcome");
  await screenshot(ada, "phone-welcome");
  await ada.locator("#name").fill("Ada");
  await ada.keyboard.press("Enter");
  await member(ada, "lobby");

  await ada.getByRole("button", { name: "Rooms and people" }).click();
  await ada.getByRole("button", { name: "Close" }).waitFor();
  await screenshot(ada, "phone-drawer");
  await ada.keyboard.press("Escape");
  await ada.getByRole("button", { name: "Close" }).waitFor({ state: "hidden" });
  await ada.waitForFunction(() => document.activeElement?.getAttribute("aria-controls") === "side");

  await ada.getByRole("button", { name: "Rooms and people" }).click();
  // It takes the focus once it is out; before that, the focus would be taken from the field below.
  await ada.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Close");
  await open(ada, room);
  await say(ada, "an unbroken word: " + "w".repeat(200));
  assert.equal(await scrollsSideways(ada), false, "chat");
  await screenshot(ada, "phone-chat");
});

test("a visitor who prefers dark gets dark", async (t) => {
  const luminance = (page) =>
    page.evaluate(() => {
      const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
  const room = newRoom();
  const ada = await enter(t, "Ada", { room, colorScheme: "dark" });
  const bo = await enter(t, "Bo", { room, colorScheme: "light" });
  assert.ok((await luminance(ada)) < 60);
  assert.ok((await luminance(bo)) > 200);
  await say(bo, "bright here");
  await say(ada, "dark here");
  await screenshot(ada, "dark");
});

test("Chinese is found, can be switched, and is remembered", async (t) => {
  const ming = await browser.tab(t, server.url, { locale: "zh-TW" });
  const language = () => ming.evaluate(() => document.documentElement.lang);
  assert.equal(await language(), "zh-CN");
  await ming.getByLabel("你的名字").fill("小明");
  await ming.getByRole("button", { name: "进入聊天" }).click();
  await open(ming, newRoom());
  await say(ming, "大家好！今天的天气真不错，我们去公园吧？");
  await screenshot(ming, "chinese");

  await ming.locator(".languages").selectOption("en");
  await ming.getByText("Here now").waitFor();
  assert.equal(await language(), "en");
  await ming.reload();
  await ming.getByText("Here now").waitFor();
  await ming.locator(".me", { hasText: "小明" }).waitFor();
});

test("a name of any colour can be read, wherever it stands, in light and dark", async (t) => {
  for (const colorScheme of ["light", "dark"]) {
    const room = newRoom();
    const ada = await enter(t, "Ada", { room, colorScheme, reducedMotion: "reduce" });
    for (const name of ["Bo", "Cy", "Di", "Ed", "Fay", "Guy", "Hal", "Ida", "Jo", "Kim", "小明"]) {
      const guest = await enter(t, name, { room });
      await say(guest, `I am ${name}`);
      await sees(ada, `I am ${name}`);
      await guest.close();
    }
    assert.deepEqual(await violations(ada), [], colorScheme);
    await screenshot(ada, `names-${colorScheme}`);
    // A list that may be old is greyed.
    await ada.evaluate(() => document.querySelector(".people").classList.add("stale"));
    assert.deepEqual(await violations(ada), [], `${colorScheme}, greyed`);
  }
});

test("my own name stands in full beside what is around it", async (t) => {
  for (const locale of ["en-GB", "zh-CN"]) {
    for (const viewport of [{ width: 1200, height: 800 }, { width: 360, height: 740 }]) {
      const viewer = await browser.tab(t, server.url, { locale, viewport, reducedMotion: "reduce" });
      await viewer.locator("#name").fill("A longer name");
      await viewer.keyboard.press("Enter");
      await member(viewer, "lobby");
      if (viewport.width < 800) await viewer.locator("header .narrow").click();
      const cut = await viewer.locator(".me .name").evaluate((name) => name.scrollWidth > name.clientWidth);
      assert.equal(cut, false, `${locale}, ${viewport.width} px`);
      await screenshot(viewer, `side-${locale}-${viewport.width}`);
    }
  }
});

test("nothing breaks WCAG 2.2 AA, in light and dark, wide and narrow", async (t) => {
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of [{ width: 1200, height: 800 }, { width: 360, height: 740 }]) {
      const where = `${colorScheme}, ${viewport.width} px`;
      const options = { colorScheme, viewport, reducedMotion: "reduce" };
      const room = newRoom();
      const ada = await browser.tab(t, server.url, options);
      assert.deepEqual(await violations(ada), [], `welcome, ${where}`);
      await ada.locator("#name").fill("Ada");
      await ada.keyboard.press("Enter");
      await member(ada, "lobby");
      assert.deepEqual(await violations(ada), [], `empty room, ${where}`);
      const bo = await enter(t, "Bo", { room: "lobby" });
      await say(bo, "see https://example.org/");
      await say(ada, "I saw https://example.org/");
      await open(bo, room);
      assert.deepEqual(await violations(ada), [], `talk, ${where}`);
      if (viewport.width < 800) {
        await ada.getByRole("button", { name: "Rooms and people" }).click();
        assert.deepEqual(await violations(ada), [], `drawer, ${where}`);
      }
      await ada.close();
      await bo.close();
    }
  }
});

test("a killed server that comes back finds everything as it was", { skip: !server.canBeKilled }, async (t) => {
  const room = newRoom();
  // A browser logs every refused connection as an error.
  const ada = await enter(t, "Ada", { room, expectErrors: true });
  const bo = await enter(t, "Bo", { room, expectErrors: true });
  await say(ada, "before");
  await sees(bo, "before");

  await server.kill();
  await ada.locator(".banner", { hasText: "Connection lost" }).waitFor();
  await ada.locator(".connection", { hasText: "Offline" }).waitFor();
  await composer(ada).fill("said while offline");
  await composer(ada).press("Enter");
  await ada.locator(".message.sending", { hasText: "said while offline" }).waitFor();
  await screenshot(ada, "offline");

  // Ada's network stays away until Bo is back: the room has no history that would give him her message later.
  await ada.context().setOffline(true);
  await server.start();
  await member(bo, room);
  await ada.context().setOffline(false);
  await ada.locator(".message.delivered", { hasText: "said while offline" }).waitFor();
  await sees(bo, "said while offline");
  assert.equal(await bubbles(bo, "said while offline").count(), 1, "once, not twice");
  await ada.locator(".notice.gap", { hasText: "You were offline" }).waitFor();
  await ada.locator(".banner").waitFor({ state: "detached" });
  await say(bo, "welcome back");
  await sees(ada, "welcome back");
  await screenshot(ada, "back");
});
