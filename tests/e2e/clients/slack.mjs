// The @slack/web-api package as people use it: a client with a token, Bolt's way with a token for each call (which stands in the
// body as well), and the app's token for Socket Mode. Prints one JSON object.
import { WebClient } from "@slack/web-api";

const options = { retryConfig: { retries: 0 }, logLevel: "error" };
const bot = process.env.SLACK_BOT_TOKEN;
const header = await new WebClient(bot, options).auth.test();
const body = await new WebClient(undefined, options).chat.postMessage({ token: bot, channel: "C1", text: "a & b" });
const app = await new WebClient(process.env.SLACK_APP_TOKEN, options).apps.connections.open();

let foreign = 0;
try {
  await new WebClient(bot, options).apiCall("chat.postMessage", { token: "xoxb-somebody-elses", channel: "C1", text: "x" });
} catch (error) {
  foreign = error.statusCode ?? error.original?.status ?? String(error);
}
console.log(JSON.stringify({ header: header.ok, body: body.ok, app: app.ok, foreign }));
