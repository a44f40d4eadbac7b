// The @google/genai package as people use it: with a key (GEMINI_API_KEY), or on Vertex AI with the file that
// GOOGLE_APPLICATION_CREDENTIALS names. Prints one JSON object.
import { GoogleGenAI } from "@google/genai";

const vertex = process.argv[2] === "vertex";
const client = vertex
  ? new GoogleGenAI({ vertexai: true, project: process.env.GOOGLE_CLOUD_PROJECT, location: process.env.GOOGLE_CLOUD_LOCATION })
  : new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
const answer = await client.models.generateContent({ model: "gemini-2.5-flash", contents: "hello" });
console.log(JSON.stringify({ text: answer.text }));
