// grammy as people use it for a Telegram bot: who am I, a message, a file and its download. Prints one JSON object.
import { Bot } from "grammy";
import https from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";

const agent = new HttpsProxyAgent(process.env.HTTPS_PROXY);
const bot = new Bot(process.env.TELEGRAM_BOT_TOKEN, { client: { baseFetchConfig: { agent, compress: true } } });
const me = await bot.api.getMe();
const sent = await bot.api.sendMessage(7, "hello");
const file = await bot.api.getFile("f1");
const url = `https://api.telegram.org/file/bot${process.env.TELEGRAM_BOT_TOKEN}/${file.file_path}`;
const content = await new Promise((resolve, reject) =>
  https.get(url, { agent }, (answer) => {
    let text = "";
    answer.on("data", (part) => (text += part)).on("end", () => resolve(text));
  }).on("error", reject),
);
console.log(JSON.stringify({ me: me.username, sent: sent.text, path: file.file_path, content }));
