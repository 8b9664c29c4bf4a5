// A stand-in for Slack with one channel. It takes messages as chat.postMessage does, prints each as a line of JSON, and shows the
// channel as a page, with the buttons that a message has.
import { createServer } from "node:http";

const maxBody = 1 << 20; // bytes
const token = process.env.SLACK_TOKEN ?? "";
if (!token.startsWith("xoxb-")) {
  console.error("SLACK_TOKEN must be the token that the gateway sends, which begins with xoxb-");
  process.exit(2);
}
const messages = []; // each has a ts, as Slack calls it

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
  return JSON.parse(Buffer.concat(pieces));
}

// take keeps a message, or says with Slack's word why not.
function take(request, message) {
  if (request.headers.authorization !== `Bearer ${token}`) {
    return { ok: false, error: "invalid_auth" };
  }
  if (!message?.channel || !message.text) {
    return { ok: false, error: message?.channel ? "no_text" : "channel_not_found" };
  }
  if (message.thread_ts && !messages.some((m) => m.ts === message.thread_ts)) {
    return { ok: false, error: "thread_not_found" };
  }
  const ts = `${Math.floor(Date.now() / 1000)}.${String(messages.length + 1).padStart(6, "0")}`;
  messages.push({ ts, ...message });
  console.log(JSON.stringify({ ts, ...message }));
  return { ok: true, channel: message.channel, ts };
}

const buttonsOf = (message) => message.blocks.filter((b) => b.type === "actions").flatMap((b) => b.elements);
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

function page() {
  const shown = messages.map((m) => {
    const text = m.blocks.flatMap((b) => [b.text, ...(b.elements ?? [])]).filter((t) => t?.type === "mrkdwn").map((t) => t.text).join("\n");
    const buttons = buttonsOf(m).map((b) => `<a href="${escape(b.url)}">[ ${escape(b.text.text)} ]</a>`).join(" ");
    return `<pre style="margin-left: ${m.thread_ts ? 4 : 0}em">${escape(text)}</pre>${buttons}`;
  });
  return `<!doctype html><meta charset="utf-8"><title>#ops</title><h1>#ops</h1>${shown.join("<hr>")}`;
}

const server = createServer(async (request, response) => {
  const send = (type, text) => response.setHeader("Content-Type", type).end(text);
  if (request.method === "POST" && request.url === "/api/chat.postMessage") {
    const message = await read(request).catch(() => null);
    return send("application/json", JSON.stringify(take(request, message)));
  }
  if (request.method === "GET" && request.url === "/") {
    return send("text/html", page());
  }
  if (request.method === "GET" && request.url === "/button") { // where the last button leads, for curl
    return send("text/plain", messages.flatMap(buttonsOf).at(-1)?.url ?? "");
  }
  response.writeHead(404).end();
});
server.listen(Number(process.env.PORT ?? 8793), "localhost", () => {
  console.log(`Listening on http://localhost:${server.address().port}/`);
});
