import type { Board } from "../simulator/machine.ts";
import { buildHost } from "../simulator/xs/build.ts";
import { XsMachine } from "../simulator/xs/machine.ts";
import type { CompiledModule } from "./modules.ts";

/**
 * Bytes of bytecode that the XS host's compiler makes of a script: the instructions alone, without names and without debug
 * information.
 */
export async function bytecodeOf(script: string): Promise<number> {
  const compile = async (source: string): Promise<number> => {
    const machine = await XsMachine.create(NO_NETWORK, { settings: "{}", seed: 1, host: await buildHost(), ...ROOM });
    await machine.start(`${source}\nhost.listen(${LISTENER});`);
    const { codeBytes } = await machine.statistics(0);
    await machine.stop();
    return codeBytes;
  };
  return (await compile(script)) - (await compile(""));
}

/** The same of a module that imports nothing. */
export function bytecodeOfModule({ code }: CompiledModule): Promise<number> {
  // A script has no exports: the names go into an object, which costs as much or a little more.
  const script = code.trim().replace(/export\{([^}]*)\};?$/, (_, list: string) => {
    const names = list.split(",").map((name) => name.split(" as "));
    return `globalThis.module={${names.map(([name, exported]) => `${exported ?? name}:${name}`).join()}};`;
  });
  return bytecodeOf(`"use strict";(()=>{${script}})();`);
}

const ROOM = { slots: 16_384, chunkBytes: 1024 * 1024 };

const LISTENER = "new (class { onWake() {} onOpen() {} onReadable() {} onWritable() {} onClose() {} onReport() {} })()";

/** What is compiled here opens nothing and prints nothing. */
const NO_NETWORK: Board = {
  open: () => undefined,
  write: () => undefined,
  close: () => undefined,
  wakeAt: () => undefined,
  print: (line) => console.log(line),
  onEnd: (message) => {
    throw new Error(message);
  },
};
