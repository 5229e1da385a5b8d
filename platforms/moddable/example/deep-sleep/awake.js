// Ends a waking in any case. As part of Moddable's set-up it runs before the network is there, without which the
// program never begins: a battery would be empty by the time that Wi-Fi is back.

import config from "mc/config";
import deepSleep from "deep-sleep";
import Timer from "timer";

/** @param {() => void} done */
export default function awake(done) {
  Timer.set(() => deepSleep(Number(config.sleepMs)), Number(config.awakeMs));
  done();
}
