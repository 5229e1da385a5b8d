/**
 * What `require("tls")` gets besides host and port. Certificates and keys are DER, in a string of bytes (`atob("…")`) or an
 * array; in a short string, the name of a file on an SD card. Text in PEM is refused.
 */
export interface TlsOptions {
  /** The authority that signed the broker's certificate. Espruino reads it, and verifies nothing. */
  ca?: string | Uint8Array;
  /** This client's certificate, … */
  cert?: string | Uint8Array;
  /** … and its private key. */
  key?: string | Uint8Array;
}

/** The same options, or none. Throws a TypeError when half of a client's identity is missing. */
export function checkTls(options: TlsOptions | undefined): TlsOptions {
  options = options ?? {};
  if (!options.cert !== !options.key) throw new TypeError("cert and key need each other");
  return options;
}
