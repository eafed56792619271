/** Simplified Chinese. */

import type { Texts } from "./texts.ts";

/** The first three by name, the others by number. */
function several(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join("、")} 等 ${names.length} 人` : `${names.join("、")} `;
}

function typing(names: readonly string[]): string {
  if (names.length === 0) return "";
  return names.length <= 2 ? `${names.join("、")} 正在输入` : "多人正在输入";
}

export const zh: Texts = {
  language: "中文",
  tagline: "起个名字就能开聊，无需注册。",
  yourName: "你的名字",
  namePlaceholder: "例如：小明",
  enter: "进入聊天",
  changeName: "更改名字",
  switchLanguage: "语言",

  rooms: "房间",
  openRooms: "房间和成员",
  closeRooms: "关闭",
  newRoom: "新房间",
  newRoomPlaceholder: "创建或加入房间",
  create: "进入",
  leaveRoom: (room) => `离开 ${room}`,
  joinRoom: (room) => `加入 ${room}`,
  unread: (count) => `${count} 条未读消息`,

  people: "在线成员",
  peopleHere: (count) => `${count} 人在线`,
  morePeople: (count) => `再显示 ${count} 人`,
  you: "你",

  log: (room) => `${room} 的消息`,
  empty: "这里还很安静",
  emptyHint: "打个招呼吧，房间里的每个人都会立刻看到。",
  joined: (names) => `${several(names)}加入了房间`,
  left: (names) => `${several(names)}离开了房间`,
  gap: (seconds) => `你离线了 ${seconds} 秒，期间的消息不会显示。`,
  newMessages: "有新消息",

  message: (room) => `发送到 ${room}`,
  composeHint: "Enter 发送，Shift + Enter 换行",
  send: "发送",
  tooLong: (surplus) => `超出 ${surplus} 个字`,
  paced: "发得有点快，未发出的消息会自动陆续发送。",
  typing,
  sending: "发送中",
  waiting: "等待连接",
  failed: (why) => `未发送：${why}`,
  retry: "重试",
  discard: "丢弃",

  connecting: "连接中",
  online: "已连接",
  offline: "离线",
  roundTrip: (ms) => `到服务器的往返时间：${ms} 毫秒`,
  lost: (seconds) => (seconds > 0 ? `连接已断开，${seconds} 秒后重试` : "连接已断开，正在重试"),
  reconnecting: "正在重新连接",
  retryNow: "立即重试",
  joining: (room) => `正在加入 ${room}`,
  cannotJoin: (room, why) => `无法加入 ${room}：${why}`,

  slowDown: (seconds) => `太快了，请等 ${seconds} 秒`,
  refusals: {
    "name-empty": "请输入名字。",
    "name-too-long": "名字太长，最多 32 个字。",
    "name-control": "名字中含有无法显示的字符。",
    "key-length": "浏览器里保存的密钥已损坏，请清除本页面的数据。",
    "room-empty": "房间需要名字",
    "room-too-long": "房间名太长，最多 32 个字",
    "room-control": "房间名中含有无法显示的字符",
    "text-empty": "消息为空",
    "text-too-long": "消息太长",
    "not-in-room": "你不在这个房间",
    "too-many-rooms": "你加入的房间已达上限，请先离开一个",
    "too-many-made": "剩余空间不多，而你已创建了多个房间，请加入已有的房间",
    "rooms-full": "房间数量已达上限",
    "no-answer": "服务器没有回应",
  },
};
