// The openai package as people use it: a completion, and one that is streamed. Prints one JSON object.
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 0 });
const whole = await client.chat.completions.create({ model: "test", messages: [{ role: "user", content: "hello" }] });
const stream = await client.chat.completions.create({
  model: "test",
  stream: true,
  messages: [{ role: "user", content: "hello" }],
});
const parts = [];
for await (const chunk of stream) parts.push(chunk.choices[0]?.delta?.content ?? "");

let refused = {};
try {
  const elsewhere = new OpenAI({ maxRetries: 0, baseURL: "https://elsewhere.example/v1" });
  await elsewhere.models.list();
} catch (error) {
  refused = { status: error.status, message: error.message };
}
console.log(JSON.stringify({ whole: whole.choices[0].message.content, parts, refused }));
