// Receives the events that a call has asked for, and verifies them with Node's own crypto.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const maxBody = 1 << 20; // bytes
const tolerance = 300; // seconds; an older request is somebody's replay

const secret = process.env.WEBHOOK_SECRET ?? "";
if (!/^whsec_.{32,}$/.test(secret)) {
  console.error("WEBHOOK_SECRET must be what signs the events, which begins with whsec_");
  process.exit(2);
}
const key = Buffer.from(secret.slice("whsec_".length), "base64");
const seen = new Set(); // in a database, if it must survive a restart

// The signature is an HMAC over the id, the timestamp and the bytes of the body. There may be several.
function isOurs(headers, body) {
  const id = headers["webhook-id"] ?? "", timestamp = headers["webhook-timestamp"] ?? "", signatures = headers["webhook-signature"] ?? "";
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > tolerance) {
    return false;
  }
  const want = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures.split(" ").some((one) => {
    const [version, value] = one.split(",");
    const got = Buffer.from(value ?? "", "base64");
    return version === "v1" && got.length === want.length && timingSafeEqual(got, want);
  });
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

async function statusFor(request) {
  if (request.method !== "POST") {
    return 405;
  }
  const body = await read(request);
  if (body === null) {
    return 413;
  }
  if (!isOurs(request.headers, body)) {
    console.log(JSON.stringify({ refused: request.url }));
    return 401;
  }
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    seen.add(id); // here is the place for the work; long work belongs into a queue, as the gateway waits 30 seconds
    console.log(JSON.stringify({ id, headers: request.headers, event: JSON.parse(body) }));
  }
  return 204;
}

const server = createServer(async (request, response) => {
  const status = await statusFor(request).catch(() => 500);
  if (status === 413) {
    response.setHeader("Connection", "close"); // the rest of the body is not read
  }
  response.writeHead(status).end();
});
server.listen(Number(process.env.PORT ?? 8792), "localhost", () => {
  console.log(`Listening on http://localhost:${server.address().port}/`);
});
