// The deep sleep of an ESP32 on a computer, for the test beside this.

import deepSleep from "deep-sleep";

deepSleep(600_000);
