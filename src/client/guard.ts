/**
 * Calls the application's functions. One that throws must not leave the client between two states, so the exception is
 * kept until the client is done with the event, and thrown then: it ends up where uncaught exceptions do.
 */
export class Guard {
  private _error: unknown;
  private _caught = false;

  call<Argument>(callback: ((argument: Argument) => void) | undefined, argument: Argument): void {
    try {
      callback?.(argument);
    } catch (error) {
      if (!this._caught) this._error = error;
      this._caught = true;
    }
  }

  /** Throws the first exception caught since the last call, if there is one. */
  rethrow(): void {
    if (!this._caught) return;
    const error = this._error;
    this._caught = false;
    this._error = undefined;
    throw error;
  }
}
