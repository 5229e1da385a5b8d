// Certificates for tests, made when they run: none is kept.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "./require.ts";

export const openssl = program("openssl", "on Debian: apt-get install openssl");

/** A folder of certificates and keys with RSA, which is all that Moddable's TLS has. */
export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), "mote-certificates-"));

  file(name: string): string {
    return join(this.folder, name);
  }

  /** `name`.pem and `name`.key: an authority that vouches for itself. */
  makeAuthority(name: string): void {
    this._run("req", "-x509", ...this._key(name), "-out", `${name}.pem`, "-days", "2", "-subj", `/CN=${name}`);
  }

  /** `name`.pem and `name`.key, signed by the authority; `subjects` as in "IP:127.0.0.1,DNS:localhost". */
  make(name: string, authority: string, subjects: string): void {
    this._run("req", ...this._key(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    writeFileSync(this.file("extensions"), `subjectAltName=${subjects}\n`);
    const by = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-CAcreateserial", "-extfile", "extensions"];
    this._run("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-days", "2", ...by);
  }

  /** The certificate as DER, written to `path`. */
  exportCertificate(name: string, path: string): void {
    this._run("x509", "-in", `${name}.pem`, "-outform", "DER", "-out", path);
  }

  /** The key as PKCS #8 in DER, written to `path`. */
  exportKey(name: string, path: string): void {
    this._run("pkcs8", "-topk8", "-nocrypt", "-in", `${name}.key`, "-outform", "DER", "-out", path);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private _key(name: string): string[] {
    return ["-newkey", "rsa:2048", "-nodes", "-keyout", `${name}.key`];
  }

  private _run(...args: string[]): void {
    execFileSync(openssl.path, args, { stdio: "pipe", cwd: this.folder });
  }
}
