// Graphs run by onnxruntime-web, by WebAssembly. Files are fetched when they are needed first.

import { FACTS } from "./facts.js";
import { expanded } from "./weights.js";

const { runtime } = FACTS;
const MOST_THREADS = 4;
const QUIET = 3; // only errors are logged
const CUT_OFF = "a part of this page could not be loaded: reload it when there is a connection";
export const UNABLE =
  "the models cannot run here: close other tabs, reload the page, or take another browser";

function failing(text) {
  return (error) => {
    throw new Error(text, { cause: error });
  };
}

function placeOf(file) {
  return new URL(`../${file}`, import.meta.url);
}

// Threads share memory, which browsers allow on isolated pages.
function numThreads() {
  if (!self.crossOriginIsolated) return 1;
  return Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
}

// Whether one graph alone needs a file of weights.
function isOfOne(file) {
  return Object.values(runtime.weights).filter((files) => files.includes(file)).length === 1;
}

// A file's content; came(bytes) is called while it comes. What is stored in gzip is unpacked.
async function fetched(file, came) {
  const answer = await fetch(placeOf(file));
  if (!answer.ok) throw new Error(`${answer.status} ${file}`);
  const parts = [];
  const reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    came(part.value.length);
  }
  const whole = new Blob(parts);
  const [first, second] = new Uint8Array(await whole.slice(0, 2).arrayBuffer());
  if (first !== 0x1f || second !== 0x8b) return new Uint8Array(await whole.arrayBuffer());
  const unpacked = whole.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

export class Engine {
  // changed(text) is called with what is loaded, and "" when nothing is.
  constructor(changed) {
    this.changed = changed;
    this.sessions = new Map();
    this.files = new Map();
    this.last = Promise.resolve(); // the graph that runs
    this.numLoading = 0;
    this.bytes = 0;
    this.expectedBytes = 0;
  }

  tell() {
    const mb = (this.bytes / 1e6).toFixed(0);
    const of = (Math.max(this.bytes, this.expectedBytes) / 1e6).toFixed(0);
    this.changed(this.numLoading ? `the model is being loaded, ${mb} of ${of} MB` : "");
  }

  // A file's content, fetched once; after a failure it is fetched again.
  file(name) {
    if (!this.files.has(name)) this.files.set(name, this.load(name));
    return this.files.get(name);
  }

  async load(name) {
    this.expectedBytes += runtime.bytes[name] || 0;
    this.numLoading++;
    try {
      return await fetched(name, (bytes) => {
        this.bytes += bytes;
        this.tell();
      });
    } catch (error) {
      this.files.delete(name);
      throw new Error(CUT_OFF, { cause: error });
    } finally {
      this.numLoading--;
      this.tell();
    }
  }

  // Begin to fetch what these graphs need.
  prefetch(stages) {
    const names = stages.flatMap((one) => [runtime.graphs[one], ...runtime.weights[one]]);
    for (const name of new Set([runtime.binary, ...names])) this.file(name).catch(() => {});
  }

  // onnxruntime-web, opened once.
  async runtime() {
    this.ort ??= this.open().catch((error) => {
      this.ort = null; // the next answer tries again
      throw error;
    });
    return this.ort;
  }

  async open() {
    const ort = await import(placeOf(runtime.script)).catch(failing(CUT_OFF));
    const binary = await this.file(runtime.binary);
    const settings = { wasmBinary: binary.buffer, numThreads: numThreads(), proxy: false };
    Object.assign(ort.env.wasm, settings);
    ort.env.logLevel = "error";
    this.files.delete(runtime.binary);
    return ort;
  }

  session(stage) {
    if (!this.sessions.has(stage)) {
      const opening = this.openStage(stage);
      opening.catch(() => this.sessions.delete(stage));
      this.sessions.set(stage, opening);
    }
    return this.sessions.get(stage);
  }

  // The session of a graph, whose weights lie in files beside it.
  async openStage(stage) {
    const ort = await this.runtime();
    const graph = runtime.graphs[stage];
    const weights = runtime.weights[stage];
    const contents = await Promise.all([graph, ...weights].map((name) => this.file(name)));
    const externalData = weights.map((name, n) => {
      return { path: name.slice(name.lastIndexOf("/") + 1), data: expanded(contents[n + 1]) };
    });
    const options = { executionProviders: ["wasm"], externalData, logSeverityLevel: QUIET };
    const opening = ort.InferenceSession.create(contents[0], options);
    const session = await opening.catch(failing(UNABLE));
    for (const name of [graph, ...weights.filter(isOfOne)]) this.files.delete(name);
    return session;
  }

  // A graph's outputs by name, for its inputs in their order; one graph at a time.
  run(stage, ...inputs) {
    const now = this.last.then(() => this.runNow(stage, inputs));
    this.last = now.catch(() => {});
    return now;
  }

  async runNow(stage, inputs) {
    const ort = await this.runtime();
    const session = await this.session(stage);
    const feeds = session.inputNames.map((name, n) => {
      const { type, data, dims } = inputs[n];
      return [name, new ort.Tensor(type, data, dims)];
    });
    const made = await session.run(Object.fromEntries(feeds)).catch(failing(UNABLE));
    const names = runtime.outputs[stage]; // a graph calls an output otherwise than an input
    return Object.fromEntries(names.map((name, n) => [name, made[session.outputNames[n]]]));
  }
}
