// Sessions that outlive a reboot: an optional part, imported as "mote-mqtt/store".

export { SavedSession, type SavedSessionOptions } from "./session/saved-session.ts";
