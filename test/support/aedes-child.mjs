// aedes in a process of its own, so that a test can kill it: node aedes-child.mjs <json of AedesChildOptions>
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Aedes } from "aedes";

const { port, witness, tls } = JSON.parse(process.argv[2]);
const aedes = await Aedes.createBroker({
  // Written down before it is acknowledged: what is in the file, the broker has got.
  authorizePublish(client, packet, callback) {
    if (client && witness) appendFileSync(witness, `${packet.topic} ${packet.payload}\n`);
    callback(null);
  },
});
const server = tls
  ? createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, aedes.handle)
  : createServer(aedes.handle);
server.listen(port, "127.0.0.1", () => console.log("running"));
// Whoever started it is gone.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
