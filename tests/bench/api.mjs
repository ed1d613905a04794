// The Management API as a bench needs it: HTTPS, fast, agreeing. api.mjs KEY CERTIFICATE [MS]; prints its port. MS: how
// long each answer takes. GET /bench tells what was asked since it was last asked, and what CPU time that took.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const identifier = { scheme: "business:NO:ORG", id: "987654325" };
const merchant = JSON.stringify({ businessIdentifier: identifier, name: "Fjord Kaffe AS", status: "ACTIVE",
  countryCode: "NO", createdAt: "2026-01-05T08:00:00Z", updatedAt: "2026-01-05T08:00:00Z" });
const token = JSON.stringify({ access_token: "t".repeat(1200), token_type: "Bearer", expires_in: "86399" });
const [key, cert] = process.argv.slice(2, 4).map((file) => readFileSync(file));
const wait = Number(process.argv[4] ?? 0);
let told, cpu;

// units: asked for by MSN, and how often in all; fields: the header fields of the last question, names and values.
function begin() {
  told = { units: new Set(), asked: 0, merchants: 0, tokens: 0, wrong: 0, connections: 0, fields: [] };
  cpu = process.cpuUsage();
}

function report() {
  const { user, system } = process.cpuUsage(cpu);
  const text = JSON.stringify({ ...told, units: told.units.size, cpu_s: (user + system) / 1e6 });
  begin();
  return text;
}

function answer(path, request) {
  const unit = /^\/management\/v1\/sales-units\/(\d+)$/.exec(path);
  if (unit) {
    told.units.add(unit[1]);
    told.asked++;
    told.fields = request.rawHeaders;
    return JSON.stringify({ msn: unit[1], name: "Fjord Kaffe Torget", businessIdentifier: identifier,
      configuration: { paymentAllowed: true, captureType: "ReserveCapture" } });
  }
  if (path === "/management/v1/merchants/business%3ANO%3AORG/987654325") {
    told.merchants++;
    return merchant;
  }
  if (path === "/accesstoken/get") {
    told.tokens++;
    return token;
  }
  if (path === "/bench") {
    return report();
  }
  told.wrong++;
  return undefined;
}

const server = createServer({ key, cert }, (request, response) => {
  const body = answer(request.url, request);
  const send = () => {
    response.writeHead(body ? 200 : 404, { "Content-Type": "application/json;charset=UTF-8" });
    response.end(body);
  };
  wait > 0 ? setTimeout(send, wait) : send();
});
server.on("secureConnection", () => told.connections++);
server.keepAliveTimeout = 60000;
begin();
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
