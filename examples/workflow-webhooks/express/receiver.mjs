// Receives the events of workflow runs with express, and verifies them with svix's Webhook.
import express from "express";
import { Webhook } from "svix";

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!/^whsec_.{32,}$/.test(secret)) {
  console.error("WEBHOOK_SECRET must be what signs the events, which begins with whsec_");
  process.exit(2);
}
const webhook = new Webhook(secret);
const seen = new Set(); // in a database, if it must survive a restart
let failures = Number(process.env.FAIL ?? 0); // how many requests to answer with 500, to see that they come again

const app = express();

// The signature is over the bytes as they came, so nothing may parse them before: no express.json() here.
app.post("/webhooks/runs", express.raw({ type: "application/json", limit: "1mb" }), (request, response) => {
  let event;
  try {
    event = webhook.verify(request.body, request.headers);
  } catch (error) {
    console.log(JSON.stringify({ refused: error.message }));
    return response.status(401).end();
  }
  const id = request.get("svix-id");
  if (failures > 0) {
    failures--;
    console.log(JSON.stringify({ failed: id }));
    return response.status(500).end();
  }
  if (!seen.has(id)) {
    seen.add(id);
    handle(event);
    console.log(JSON.stringify({ id, headers: request.headers, event }));
  }
  response.status(204).end();
});

// Here is the place for the work. Long work belongs into a queue, as the gateway waits 30 seconds.
function handle(event) {
  switch (event.type) {
    case "run.completed":
      console.log(`order ${event.metadata?.orderId ?? "-"}: ${event.data.output}`);
      break;
    case "run.failed":
      console.log(`order ${event.metadata?.orderId ?? "-"} failed: ${event.error} (${event.data.errorCode})`);
      break;
  }
}

const server = app.listen(Number(process.env.PORT ?? 8790), "localhost", () => {
  console.log(`Listening on http://localhost:${server.address().port}/`);
});
