/** What a sample publishes with QoS 1, besides the number of the sample itself, which comes last. */
const MEASUREMENTS = ["temperature", "humidity"] as const;

/**
 * The books of what the example sensors' subscriber received. Each sample of a sensor is a message for each measurement,
 * and then its number: from the numbers follows, exactly, which messages are missing and which came twice. That it is online
 * has no number: how often it said so, the sensor itself has to tell.
 */
export class Ledger {
  /** Messages of samples, with QoS 1, each counted once. */
  received = 0;
  /** Messages with QoS 1 that came again. */
  duplicates = 0;
  /** Messages with QoS 1 that later ones show to be missing. */
  lost = 0;
  /** Messages with QoS 0. */
  receivedQos0 = 0;
  private readonly _sensors = new Map<string, Sensor>();

  /** Takes a message of sensor `id`: the last level of its topic, its payload, and the QoS it was published with. */
  take(id: string, name: string, payload: string, qos: number): void {
    if (qos === 0) {
      this.receivedQos0++;
      return;
    }
    const sensor = this._sensor(id);
    if (name === "state") {
      // The will is published by the broker, not by the sensor.
      if (payload === "online") sensor.online++;
    } else if (name === "samples") {
      this._endSample(sensor, Number(payload));
    } else {
      sensor.sinceSample.set(name, (sensor.sinceSample.get(name) ?? 0) + 1);
    }
  }

  /** Messages of samples, with QoS 1, received from a sensor, each counted once. */
  receivedFrom(id: string): number {
    return this._sensor(id).received;
  }

  /** How often it came that a sensor is online. */
  onlineFrom(id: string): number {
    return this._sensor(id).online;
  }

  private _endSample(sensor: Sensor, number: number): void {
    const samples = number - sensor.lastSample;
    for (const name of MEASUREMENTS) {
      const came = sensor.sinceSample.get(name) ?? 0;
      const expected = Math.max(samples, 0);
      for (let count = Math.min(came, expected); count > 0; count--) this._count(sensor);
      this.lost += Math.max(0, expected - came);
      this.duplicates += Math.max(0, came - expected);
    }
    sensor.sinceSample.clear();
    if (samples <= 0) {
      this.duplicates++;
      return;
    }
    this._count(sensor);
    this.lost += samples - 1;
    sensor.lastSample = number;
  }

  private _count(sensor: Sensor): void {
    sensor.received++;
    this.received++;
  }

  private _sensor(id: string): Sensor {
    let sensor = this._sensors.get(id);
    if (!sensor) {
      sensor = { received: 0, online: 0, lastSample: 0, sinceSample: new Map() };
      this._sensors.set(id, sensor);
    }
    return sensor;
  }
}

interface Sensor {
  received: number;
  online: number;
  lastSample: number;
  sinceSample: Map<string, number>;
}
