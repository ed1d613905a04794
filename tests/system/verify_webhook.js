// Verifies webhooks with npm's standardwebhooks: a line of JSON each way, {secret, body, headers, at} in, null or the error out.
// at: the receiver's clock in seconds, where a test has moved the sender's.
const { Webhook } = require("standardwebhooks");
const now = Date.now;

for (const line of require("fs").readFileSync(0, "utf8").split("\n")) {
  if (line === "") continue;
  const { secret, body, headers, at } = JSON.parse(line);
  Date.now = at === null ? now : () => at * 1000;
  let error = null;
  try {
    new Webhook(secret).verify(body, headers);
  } catch (e) {
    error = String(e);
  }
  console.log(JSON.stringify(error));
}
