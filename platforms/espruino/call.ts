import type { Engine } from "./engine.ts";

declare const console: Engine["console"];

/**
 * Calls a function that may throw. What it throws is shown as the engine would show it, and not thrown on: the engine leaves
 * out the events, of a client too, that were to follow an event that throws.
 */
export function call<Argument>(callback: ((argument: Argument) => void) | undefined, argument?: Argument): void {
  try {
    if (callback) callback(argument as Argument);
  } catch (error) {
    console.log(`Uncaught ${error}`, error && (error as Error).stack);
  }
}
