// A tool server (MCP over stdin and stdout) that plays what deploys a shop: deploy.status reads, deploy.rollback changes something.
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";

const file = process.env.DEPLOYS ?? "data/on-call/deploys.jsonl"; // what was rolled back, a line of JSON each

const service = { type: "string", enum: ["checkout", "search"] };
const tools = [
  {
    name: "status",
    description: "The version that a service runs, when it was deployed, the version before it, and its error rate.",
    inputSchema: { type: "object", properties: { service }, required: ["service"], additionalProperties: false },
    annotations: { readOnlyHint: true },
  },
  {
    name: "rollback",
    description: "Puts a service back to a version that it ran before.",
    inputSchema: { type: "object", properties: { service, version: { type: "string" } }, required: ["service", "version"], additionalProperties: false },
    annotations: { readOnlyHint: false, destructiveHint: true },
  },
];

function rollbacks() {
  try {
    return readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  } catch (error) {
    if (error.code === "ENOENT") {
      return [];
    }
    throw error;
  }
}

function status({ service }) {
  const last = rollbacks().filter((r) => r.service === service).at(-1);
  return last
    ? { service, version: last.version, deployed: last.at, errorRate: "0.1 %" }
    : { service, version: "v42", deployed: "3 minutes ago", before: "v41", errorRate: "31 %" };
}

function rollback({ service, version }) {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, JSON.stringify({ service, version, at: new Date().toISOString() }) + "\n");
  return { service, version, done: true };
}

const calls = { status, rollback };

function answer({ method, params }) {
  switch (method) {
    case "initialize":
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "deploy", version: "1.0.0" } };
    case "ping":
      return {};
    case "tools/list":
      return { tools };
    case "tools/call": {
      if (!Object.hasOwn(calls, params.name)) {
        throw { code: -32602, message: `there is no tool ${params.name}` };
      }
      return { content: [{ type: "text", text: JSON.stringify(calls[params.name](params.arguments)) }] };
    }
    default:
      throw { code: -32601, message: `${method} is not known here` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.id === undefined) {
    continue; // a notification
  }
  let reply;
  try {
    reply = { result: answer(message) };
  } catch (error) {
    reply = { error: { code: error.code === Number(error.code) ? error.code : -32603, message: error.message } };
  }
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...reply }) + "\n");
}
