// The AWS SDK as people use it: Bedrock (a message, and a stream of events) and S3 (a body that is whole, and one that streams). It
// does not read HTTPS_PROXY, so it is given an agent that does. Prints one JSON object.
import { Readable } from "node:stream";
import {
  BedrockRuntimeClient,
  ConverseCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "https-proxy-agent";

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true"; // Debian's node, as it is
const requestHandler = new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent(process.env.HTTPS_PROXY) });
const options = { region: "eu-central-1", maxAttempts: 1, requestHandler };
const modelId = "anthropic.claude-3-haiku-20240307-v1:0";

const bedrock = new BedrockRuntimeClient(options);
const converse = await bedrock.send(
  new ConverseCommand({ modelId, messages: [{ role: "user", content: [{ text: "hello" }] }] }),
);
const answer = await bedrock.send(
  new InvokeModelWithResponseStreamCommand({ modelId, contentType: "application/json", body: JSON.stringify({ prompt: "hello" }) }),
);
const stream = [];
for await (const event of answer.body) stream.push(JSON.parse(Buffer.from(event.chunk.bytes).toString()).text);

const s3 = new S3Client(options);
const whole = await s3.send(new PutObjectCommand({ Bucket: "bucket", Key: "a whole+key", Body: "hello", Metadata: { a: "b  c" } }));
const streamed = await s3.send(
  new PutObjectCommand({ Bucket: "bucket", Key: "streamed", Body: Readable.from([Buffer.alloc(30000, 1)]), ContentLength: 30000 }),
);
const listed = await s3.send(new GetObjectCommand({ Bucket: "bucket", Key: "streamed", Range: "bytes=0-9" }));
listed.Body.destroy();

let foreign = 0;
try {
  const credentials = { accessKeyId: "AKIASOMEBODYELSE0000", secretAccessKey: "theirs" };
  await new S3Client({ ...options, credentials }).send(new PutObjectCommand({ Bucket: "bucket", Key: "x", Body: "secrets" }));
} catch (error) {
  foreign = error.$metadata?.httpStatusCode ?? String(error);
}
console.log(
  JSON.stringify({
    converse: converse.output.message.content[0].text,
    stream,
    whole: whole.$metadata.httpStatusCode,
    streamed: streamed.$metadata.httpStatusCode,
    listed: listed.$metadata.httpStatusCode,
    foreign,
  }),
);
