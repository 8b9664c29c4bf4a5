// Receives the events of lead magnets: verifies each, keeps the leads in a file, and says when one of them reads their page.
import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";

const maxBody = 1 << 20; // bytes
const file = process.env.LEADS_FILE ?? "data/lead-magnets/leads.json";
const secret = process.env.LEADS_SECRET ?? "";
if (secret.length < 16) {
  console.error("LEADS_SECRET must be the endpoint's secret, of at least 16 characters");
  process.exit(2);
}

// The leads by id. Each keeps the ids of the deliveries that it was made of, since an event may come twice.
const leads = load();

function load() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") {
      return {};
    }
    throw error;
  }
}

// A crash leaves the old file or the new one.
function save() {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file + ".new", JSON.stringify(leads, null, 2) + "\n", { mode: 0o600 });
  renameSync(file + ".new", file);
}

// The signature is over the bytes as they came: parsed and written anew, they would be others.
function isSigned(body, header = "") {
  const want = Buffer.from("sha256=" + createHmac("sha256", secret).update(body).digest("hex"));
  const got = Buffer.from(header);
  return got.length === want.length && timingSafeEqual(got, want);
}

// Events come in no order, so each adds what it knows and takes nothing away.
function take(event, delivery) {
  const lead = (leads[event.lead_id] ??= { organization: event.organization_id, project: event.project_id, deliveries: [], views: [] });
  if (lead.deliveries.includes(delivery)) {
    return false;
  }
  lead.deliveries.push(delivery);
  lead.visitor = event.input_data;
  switch (event.event) {
    case "research.completed":
      lead.research = event.research_results;
      break;
    case "content.generated":
      lead.contentLength = event.generated_content.contentLength;
      break;
    case "lead.completed":
      lead.page = event.page_url;
      break;
    case "lead.failed":
      lead.error = event.error;
      break;
    case "lead.viewed":
      lead.views.push({ at: event.viewed_at, address: event.viewer_ip, agent: event.user_agent });
      followUp(lead);
  }
  save();
  return true;
}

// Here is the place for what you do with a lead who reads: call them, write to them, score them.
function followUp(lead) {
  console.error(`${lead.visitor.name} of ${lead.visitor.company} has opened the page ${lead.views.length} times: write to ${lead.visitor.email}`);
}

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
  if (request.method !== "POST" || request.url !== "/leads") {
    return 404;
  }
  const body = await read(request);
  if (body === null) {
    return 413;
  }
  if (!isSigned(body, request.headers["x-magnet-signature"])) {
    return 401;
  }
  const event = JSON.parse(body);
  if (take(event, request.headers["x-magnet-delivery"])) {
    console.log(JSON.stringify({ event, headers: request.headers }));
  }
  return 204;
}

const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, async (request, response) => {
  let status = 500; // the gateway sends the event again
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
server.listen(Number(process.env.PORT ?? 8792), "localhost", () => {
  console.error(`Listening on http://localhost:${server.address().port}/leads`);
});
