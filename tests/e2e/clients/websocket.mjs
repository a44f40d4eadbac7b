// A WebSocket as people open one with undici: five messages, each echoed, and a proper end. Prints one JSON object.
import { WebSocket } from "undici";

const socket = new WebSocket("wss://api.openai.com/v1/ws/echo", {
  headers: { Authorization: `Bearer ${process.env.OPENAI_API_KEY}` },
});
const got = [];
socket.addEventListener("open", () => socket.send("0"));
socket.addEventListener("message", (event) => {
  got.push(event.data);
  if (got.length < 5) socket.send(String(got.length));
  else socket.close(1000);
});
socket.addEventListener("close", (event) => console.log(JSON.stringify({ got, code: event.code })));
socket.addEventListener("error", (event) => console.error(event.message ?? event.error));
