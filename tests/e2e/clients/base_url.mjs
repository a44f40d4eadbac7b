// The openai package as somebody uses it who sets a base URL and no proxy: a completion, one that is streamed, and what an error says.
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 0, baseURL: process.env.CLAWBOX_BASE_URL + "/api.openai.com/v1" });
const messages = [{ role: "user", content: "hello" }];
const whole = await client.chat.completions.create({ model: "test", messages });
const parts = [];
for await (const chunk of await client.chat.completions.create({ model: "test", stream: true, messages })) {
  parts.push(chunk.choices[0]?.delta?.content ?? "");
}
let refused = {};
try {
  await new OpenAI({ maxRetries: 0, baseURL: process.env.CLAWBOX_BASE_URL + "/elsewhere.example/v1" }).models.list();
} catch (error) {
  refused = { status: error.status, message: error.message };
}
console.log(JSON.stringify({ whole: whole.choices[0].message.content, parts, refused }));
