// The @anthropic-ai/sdk package as people use it: a message, and one that is streamed. Prints one JSON object.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ maxRetries: 0 });
const request = { model: "test", max_tokens: 16, messages: [{ role: "user", content: "hello" }] };
const whole = await client.messages.create(request);
const parts = [];
const stream = client.messages.stream(request).on("text", (text) => parts.push(text));
await stream.finalMessage();
console.log(JSON.stringify({ whole: whole.content[0].text, parts }));
