// The plain page: the protocol by hand. See server.mjs for what must be set to run this.

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

let counter = 0;
const newRoom = () => `plain-${process.pid}-${(counter += 1)}`;

async function enter(t, name, room, options) {
  const page = await browser.tab(t, `${server.url}/plain`, options);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Room").fill(room);
  await page.keyboard.press("Enter");
  await page.locator("#log p", { hasText: `You are in ${room}` }).waitFor();
  return page;
}

async function say(page, text) {
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
  await page.locator("#log p:not(.sending, .failed)", { hasText: text }).waitFor();
}

const sees = (page, text) => page.locator("#log p", { hasText: text }).waitFor();

test("two people see each other and talk", async (t) => {
  const room = newRoom();
  const ada = await enter(t, "Ada", room);
  const bo = await enter(t, "Bo", room);
  await ada.locator("#people", { hasText: "Here: Ada, Bo" }).waitFor();
  await say(ada, "Hello Bo");
  await sees(bo, "Hello Bo");
  await say(bo, "你好 <b>Ada</b>");
  await sees(ada, "你好 <b>Ada</b>");
  await screenshot(ada, "plain");
  await bo.close();
  await sees(ada, "Bo left");
  await ada.locator("#people", { hasText: /^Here: Ada$/ }).waitFor();
});

test("one room after the other", async (t) => {
  const [first, second] = [newRoom(), newRoom()];
  const ada = await enter(t, "Ada", first);
  const bo = await enter(t, "Bo", first);
  await ada.getByLabel("Room").fill(second);
  await ada.getByLabel("Room").press("Enter");
  await sees(ada, `You are in ${second}`);
  await sees(bo, "Ada left");
});

test("it talks with the full page", async (t) => {
  const plain = await enter(t, "Ada", "lobby");
  const full = await browser.tab(t, server.url);
  if ((await full.locator("#app").count()) === 0) return t.skip("this build has only the plain page");
  await full.locator("#name").fill("Bo");
  await full.keyboard.press("Enter");
  await sees(plain, "Bo joined");
  await say(plain, "from plain to full");
  await full.locator(".message", { hasText: "from plain to full" }).waitFor();
  await full.locator(".composer textarea").fill("from full to plain");
  await full.keyboard.press("Enter");
  await sees(plain, "from full to plain");
});

test("a refused name is told", async (t) => {
  const ada = await browser.tab(t, `${server.url}/plain`);
  await ada.getByLabel("Your name").fill("x".repeat(33));
  await ada.keyboard.press("Enter");
  await ada.getByRole("status").filter({ hasText: "Refused" }).waitFor();
});

test("360 pixels are enough", async (t) => {
  const ada = await enter(t, "Ada", newRoom(), { viewport: { width: 360, height: 740 }, colorScheme: "dark" });
  await say(ada, "w".repeat(200));
  assert.equal(await scrollsSideways(ada), false);
  assert.deepEqual(await violations(ada), []);
  await screenshot(ada, "plain-phone");
});

test("a killed server that comes back is found again", { skip: !server.canBeKilled }, async (t) => {
  const room = newRoom();
  const ada = await enter(t, "Ada", room, { expectErrors: true });
  await server.kill();
  await ada.getByRole("status").filter({ hasText: "Connection lost" }).waitFor();
  await server.start();
  await ada.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await say(ada, "still here");
});
