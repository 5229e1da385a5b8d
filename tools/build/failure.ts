import type { BuildFailure } from "esbuild";
import { UserError } from "../cli/errors.ts";

/**
 * Puts the bundler's complaint into a sentence with the place of the first mistake.
 *
 * @param failed what could not be done, such as "app.ts cannot be bundled".
 */
export async function explained<Result>(failed: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const [first] = (error as Partial<BuildFailure>).errors ?? [];
    if (!first) throw error;
    const place = first.location ? `${first.location.file}:${first.location.line}: ` : "";
    throw new UserError(`${failed}: ${place}${first.text}`, undefined, { cause: error });
  }
}
