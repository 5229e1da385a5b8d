// The core as a Moddable project has it. XS preloads modules into flash: what is not frozen there takes memory, too.

import { Published, Reason, utf8Text } from "../../src/index.ts";

export * from "../../src/index.ts";

Object.freeze(Published);
Object.freeze(Reason);
Object.freeze(utf8Text);
