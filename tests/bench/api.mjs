// The Management API as a bench needs it: HTTPS, fast, agreeing. api.mjs KEY CERTIFICATE; prints its port.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const identifier = { scheme: "business:NO:ORG", id: "987654325" };
const merchant = JSON.stringify({ businessIdentifier: identifier, name: "Fjord Kaffe AS", status: "ACTIVE",
  countryCode: "NO", createdAt: "2026-01-05T08:00:00Z", updatedAt: "2026-01-05T08:00:00Z" });
const token = JSON.stringify({ access_token: "t".repeat(1200), token_type: "Bearer", expires_in: "86399" });

function answer(path) {
  const unit = /^\/management\/v1\/sales-units\/(\d+)$/.exec(path);
  if (unit) {
    return JSON.stringify({ msn: unit[1], name: "Fjord Kaffe Torget", businessIdentifier: identifier,
      configuration: { paymentAllowed: true, captureType: "ReserveCapture" } });
  }
  return path.startsWith("/management/v1/merchants/") ? merchant : path === "/accesstoken/get" ? token : undefined;
}

const [key, cert] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createServer({ key, cert }, (request, response) => {
  const body = answer(request.url);
  response.writeHead(body ? 200 : 404, { "Content-Type": "application/json;charset=UTF-8" });
  response.end(body);
});
server.keepAliveTimeout = 60000;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
