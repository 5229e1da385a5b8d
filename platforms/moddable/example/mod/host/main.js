// Runs whatever mod is installed. The sensor's program is then replaced without the firmware, `mote-mqtt` within it.

import Modules from "modules";

if (Modules.has("mod")) Modules.importNow("mod");
else trace("No mod is installed: mcrun installs one.\n");
