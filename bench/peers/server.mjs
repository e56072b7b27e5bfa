// What the peers share: an HTTP server that checks the caller's key, reads JSON and answers with JSON.

import { createServer } from "node:http";

const { API_KEY, PORT } = process.env;
const authorization = `Bearer ${API_KEY}`;

/** An answer that is not a success. */
export class Refusal extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
  }
}

function read(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (part) => (text += part));
    request.on("end", () => {
      try {
        resolve(JSON.parse(text));
      } catch {
        reject(new Refusal(400, "invalid_json"));
      }
    });
    request.on("error", reject);
  });
}

function send(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

async function answer(routes, request) {
  if (request.headers.authorization !== authorization) throw new Refusal(401, "unauthenticated");
  const [path, query] = request.url.split("?");
  const route = routes[`${request.method} ${path}`];
  if (!route) throw new Refusal(404, "not_found");
  const fields = request.method === "GET" ? Object.fromEntries(new URLSearchParams(query)) : await read(request);
  if (typeof fields.userId !== "string") throw new Refusal(400, "invalid_field");
  return route(fields, request.headers["idempotency-key"]);
}

/** Serves `routes`: by "METHOD /path", what answers the fields of the body or of the query. */
export function serve(routes) {
  const server = createServer(async (request, response) => {
    try {
      send(response, 200, await answer(routes, request));
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      send(response, error.status ?? 500, { success: false, code: error.message });
    }
  });
  server.listen(Number(PORT), "127.0.0.1");
}
