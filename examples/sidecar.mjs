#!/usr/bin/env node
// A minimal desktop program that runs slow work in its own Cloakroom server, which stops with the program.
//
//     node sidecar.mjs FOLDER ARCHIVE [CLOAKROOM]
//
// Starts `cloakroom serve` as a child process, zips FOLDER with it, shows the progress, saves the result as ARCHIVE and
// stops the server. CLOAKROOM is the server's executable, by default `cloakroom`. Needs Node 18 or newer and no packages.

import { spawn } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { createWriteStream, rmSync } from "node:fs";
import { mkdtemp, rename } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A private server on a free port, with a token that only this program knows. */
class Sidecar {
  static async start(program, data, roots) {
    const sidecar = new Sidecar();
    sidecar.token = randomBytes(32).toString("base64url");
    // The server reads the token from the first line of its standard input. It stops when its standard input ends, which
    // happens even if this program is killed.
    const args = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--announce", "json"];
    args.push("--token-fd", "0", "--exit-with-parent", ...roots.flatMap((root) => ["--root", root]));
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    sidecar.process = child;
    sidecar.exited = new Promise((resolve, reject) => {
      child.once("exit", (code) => resolve(code ?? 1));
      child.once("error", reject);
    });
    // If the server has ended already, its exit code says why.
    child.stdin.on("error", () => {});
    child.stdin.write(`${sidecar.token}\n`);
    const lines = createInterface({ input: child.stdout });
    const [line] = await Promise.race([once(lines, "line"), sidecar.exited.then(() => [])]);
    if (line === undefined) {
      process.exit(await sidecar.exited);
    }
    sidecar.url = JSON.parse(line).urls[0];
    return sidecar;
  }

  async stop() {
    this.process.stdin.end();
    await this.exited;
  }

  /** Sends a request; `link` is a path or a link of another response. */
  async request(method, link, { params, headers = {}, ok = [] } = {}) {
    const response = await fetch(new URL(link, this.url), {
      method,
      headers: {
        Authorization: `Bearer ${this.token}`,
        ...(params && { "Content-Type": "application/json" }),
        ...headers,
      },
      body: params && JSON.stringify(params),
    });
    if (!response.ok && !ok.includes(response.status)) {
      throw new Error((await response.json()).detail);
    }
    return response;
  }

  async submit(operation, params) {
    // The key makes it safe to send the request again if no response arrives: the server creates only one job.
    const headers = { "Idempotency-Key": randomUUID() };
    return (await this.request("POST", `/v1/operations/${operation}`, { params, headers })).json();
  }

  /** Yields the job after each change, until it has finished. */
  async *watch(job) {
    let version;
    while (!job.finishedAt) {
      // The server responds when the job changes, or after 30 seconds.
      const link = new URL(job.links.self, this.url);
      if (version) {
        link.searchParams.set("wait", "30s");
      }
      const headers = version ? { "If-None-Match": version } : {};
      const response = await this.request("GET", link, { headers, ok: [304] });
      if (response.status === 304) {
        continue;
      }
      version = response.headers.get("ETag");
      job = await response.json();
      yield job;
    }
  }

  /** Downloads the result to a temporary name, verifies its SHA-256 and renames it. */
  async save(job, file) {
    const { body } = await this.request("GET", job.output.uri);
    const digest = createHash("sha256");
    const hashed = new Transform({
      transform(chunk, _, done) {
        digest.update(chunk);
        done(null, chunk);
      },
    });
    const part = `${file}.part`;
    await pipeline(Readable.fromWeb(body), hashed, createWriteStream(part));
    if (digest.digest("hex") !== job.output.sha256) {
      throw new Error("the result is damaged");
    }
    await rename(part, file);
  }
}

async function main() {
  const [folder, archive, program = "cloakroom"] = process.argv.slice(2);
  if (!archive) {
    throw new Error("usage: sidecar.mjs FOLDER ARCHIVE [CLOAKROOM]");
  }
  // A real program would use a permanent folder, for example `--data auto`, so that jobs survive a restart.
  const data = await mkdtemp(path.join(tmpdir(), "sidecar-"));
  process.once("exit", () => rmSync(data, { recursive: true, force: true }));
  const sidecar = await Sidecar.start(program, data, [`source=${path.resolve(folder)}:ro`]);
  try {
    let job = await sidecar.submit("zip", { path: "/source", name: path.basename(archive) });
    process.once("SIGINT", () => sidecar.request("POST", job.links.cancel, { ok: [409] }));
    for await (job of sidecar.watch(job)) {
      const done = job.percentComplete;
      console.error(job.status, done === null ? "" : `${done} %`);
    }
    if (job.status !== "succeeded") {
      throw new Error(job.error?.message ?? job.status);
    }
    await sidecar.save(job, path.resolve(archive));
    console.log(path.resolve(archive));
  } finally {
    await sidecar.stop();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
