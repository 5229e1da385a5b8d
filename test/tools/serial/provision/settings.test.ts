import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  describeSettings,
  readSettingsFile,
  resolveSettings,
  settingsFromJson,
  settingsFromNvs,
  settingsToJson,
  settingsToNvs,
} from "../../../../tools/serial/provision/settings.ts";

const SETTINGS = {
  wifiSsid: "garden",
  wifiPassword: "do not show me",
  host: "broker.example",
  port: 8883,
  tls: true,
  clientId: "greenhouse-7",
  username: "anna",
  password: "nor me",
  ca: Uint8Array.of(0x30, 1, 2),
  key: Uint8Array.of(0x30, 3, 4),
};

test("settings survive NVS and JSON", () => {
  expect(settingsFromNvs(settingsToNvs(SETTINGS))).toEqual(SETTINGS);
  expect(settingsFromJson(settingsToJson(SETTINGS))).toEqual(SETTINGS);
});

test("passwords and keys are masked", () => {
  const shown = describeSettings(SETTINGS);
  expect(shown).toMatch(/^wifiSsid +garden$/m);
  expect(shown).not.toMatch(/do not show me|nor me|MAME/);
  expect(shown).toMatch(/^key +\*{8}$/m);
});

test("a broker is one URL", async () => {
  expect(await resolveSettings({ broker: "mqtts://broker.example" })).toEqual({
    host: "broker.example",
    port: 8883,
    tls: true,
  });
  expect(await resolveSettings({ broker: "mqtt://[::1]:2000" })).toEqual({ host: "::1", port: 2000, tls: false });
});

test.each([
  [{ broker: "http://broker.example" }, /mqtts:\/\/broker\.example:8883/],
  [{ broker: "mqtt://anna:secret@broker.example" }, /settings of their own/],
  [{ wifiSsid: "x".repeat(33) }, /33 bytes.*1 to 32/],
  [{ wifiPassword: "short" }, /5 bytes/],
  [{ clientId: "a\0b" }, /U\+0000/],
  [{ ca: "/nowhere.pem" }, /cannot be read/],
])("%j is refused without repeating a secret", async (given, message) => {
  const error = await resolveSettings(given).then(
    () => expect.unreachable(),
    (reason: Error) => reason,
  );
  expect(error.message).toMatch(message);
  expect(error.message).not.toMatch(/secret|short/);
});

test.each(["null", "[]", '"text"', '{"wifiPassword": topsecret}', '{"wifiPassword": "topsecret'])(
  "a settings file that is no JSON object is refused without a word of it: %s",
  async (text) => {
    const file = join(mkdtempSync(join(tmpdir(), "mote-settings-")), "bad.json");
    writeFileSync(file, text);
    await expect(readSettingsFile(file)).rejects.toThrow(
      `${file} is no settings file: it has to be a JSON object, such as {"wifiSsid": "…"}.`,
    );
  },
);

test("a settings file with a name nobody knows is refused", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "mote-settings-")), "settings.json");
  writeFileSync(file, JSON.stringify({ wifiSsid: "garden", hots: "broker" }));
  await expect(readSettingsFile(file)).rejects.toThrow(/"hots" is no setting.*wifiSsid/);
});
