// TLS on Moddable, opt-in: `mote-mqtt/moddable/tls`.

import type { Buffer } from "embedded:io/_common";
import TCP from "embedded:io/socket/tcp";
import TLSSocket from "embedded:io/socket/tcp/tls";
import type { Route, SocketClass } from "./ecma419.ts";

/** Whom to trust, and who this is. Certificates and keys are DER; a `Resource` stays in flash. */
export interface TlsOptions {
  /** The certificate that signed the broker's. Without one, those that the SDK has are tried. */
  certificateAuthority?: Buffer;
  /** This client's certificate, and those that lead from it to its authority, in this order. RSA alone. */
  clientCertificates?: readonly Buffer[];
  /** The private key of the first of them, as PKCS #8. */
  clientKey?: Buffer;
  /** The name to ask for (SNI) and to find in the certificate. The host of the URL by default. */
  serverName?: string;
  /** Application protocols to offer (ALPN), the preferred one first, such as "mqtt". */
  applicationProtocols?: readonly string[];
}

/** The route for `mqtts` in `createPlatform`: TLS above TCP. Throws a TypeError when half of a client's identity is missing. */
export function tls(options: TlsOptions): Pick<Route, "socket"> {
  const certificates = options.clientCertificates;
  if (!certificates?.length !== !options.clientKey) {
    throw new TypeError("clientCertificates and clientKey need each other");
  }
  const protocols = options.applicationProtocols;
  const serverName = options.serverName;
  return {
    socket: {
      io: TLSSocket as unknown as SocketClass, // the typings of its read and write lack views of a buffer
      TCP: { io: TCP },
      // What the SDK does not find here it takes for what was asked of it: nothing may be there that is undefined.
      secure: {
        ...(options.certificateAuthority && { certificate: options.certificateAuthority }),
        ...(certificates?.length && { clientCertificates: certificates, clientKey: options.clientKey }),
        ...(serverName !== undefined && { serverName }),
        ...(protocols?.length && { applicationLayerProtocolNegotiation: protocols }),
      },
    },
  };
}
