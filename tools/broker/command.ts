import { Command } from "commander";
import { parseHost, parsePort } from "../cli/arguments.ts";
import { untilInterrupted } from "../cli/interrupt.ts";
import { eventPrinter } from "../cli/terminal.ts";
import { Broker } from "./broker.ts";

export function brokerCommand(): Command {
  return new Command("broker")
    .description("run the bundled MQTT 3.1.1 broker; it keeps everything in memory")
    .option("--host <address>", "address to listen at", parseHost, "127.0.0.1")
    .option("--port <number>", "port to listen at; 0 for any that is free", parsePort, 1883)
    .option("--json", "print a JSON object for each event")
    .action(async ({ host, port, json }: { host: string; port: number; json?: boolean }) => {
      const tell = eventPrinter(json);
      const broker = await Broker.start(
        { host, port },
        {
          onConnect: (clientId) => tell("connect", { clientId }, `+ ${clientId}`),
          onDisconnect: (clientId) => tell("disconnect", { clientId }, `- ${clientId}`),
          onError: (clientId, message) =>
            tell("error", { clientId, message }, `! ${clientId ?? "a connection without CONNECT"}: ${message}`),
        },
      );
      tell("listening", { url: broker.url }, `The broker listens at ${broker.url}. Ctrl-C ends it.`);
      await untilInterrupted();
      await broker.stop();
    });
}
