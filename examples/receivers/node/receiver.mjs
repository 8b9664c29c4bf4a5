// Receives the events of a Beckon gateway: verifies each, takes it once, and prints a line for it.
import { createServer } from "node:http";
import { Webhook } from "svix";

const maxBody = 1 << 20; // bytes; an event holds an agent's answer, so allow for a long one
const remembered = 10_000; // events

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!/^whsec_.{32,}$/.test(secret)) {
  console.error("WEBHOOK_SECRET must be the endpoint's secret, which begins with whsec_");
  process.exit(2);
}
const webhook = new Webhook(secret);

// What was taken already. One that must survive a restart belongs into the database, in the same transaction as what
// the event changes there.
const seen = new Set();

function take(id, event) {
  if (seen.has(id)) {
    console.log("seen before", JSON.stringify(id));
    return;
  }
  console.log("received", JSON.stringify(event.type ?? ""), JSON.stringify(event.runId ?? ""), JSON.stringify(id));
  // Here is the place for the work. Only what has been done is remembered: if it fails, the gateway sends the event
  // again. Long work belongs into a queue, as the gateway waits 30 seconds.
  seen.add(id);
  if (seen.size > remembered) {
    seen.delete(seen.values().next().value); // a Set keeps the order in which things came
  }
}

// The signature is over the bytes as they came: parsed and written anew, they would be others.
async function read(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > maxBody) {
      return null;
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function handle(request) {
  if (request.method !== "POST") {
    return 405;
  }
  const body = await read(request);
  if (body === null) {
    return 413;
  }
  let event;
  try {
    event = webhook.verify(body, request.headers);
  } catch (error) {
    console.log("refused:", error.message);
    return 401;
  }
  take(request.headers["webhook-id"], event);
  return 204;
}

const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, async (request, response) => {
  let status = 500;
  try {
    status = await handle(request);
  } catch (error) {
    console.error("failed:", error.message);
  }
  if (status === 413) {
    response.setHeader("Connection", "close"); // the rest of the body is not read
  }
  response.writeHead(status).end();
});
server.on("error", (error) => {
  console.error("cannot listen:", error.message);
  process.exit(1);
});
server.listen(Number(process.env.PORT ?? 8790), "localhost", () => {
  console.log(`Listening on http://localhost:${server.address().port}/`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => server.close(() => process.exit(0)));
}
