// Graphs run by onnxruntime-web, in this worker, by WebAssembly. Files are fetched when they are needed first, and told of
// while they come.

import { FACTS } from "./facts.js";
import { expanded } from "./safetensors.js";

const { runtime } = FACTS;
const MOST_THREADS = 4;
const QUIET = 3; // errors alone are told of
const CUT_OFF = "a part of this page could not be loaded: reload it when there is a connection";
export const UNABLE = "the models cannot run here: close other tabs, reload the page, or take another browser";

const saying = (text) => (error) => { throw new Error(text, { cause: error }); };
const nameOf = (file) => file.slice(file.lastIndexOf("/") + 1);
const isOfOne = (file) => Object.values(runtime.weights).filter((files) => files.includes(file)).length === 1; // graph
const at = (file) => new URL(`../${file}`, import.meta.url);
const threads = () => (self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1);

// The content of a file, told() in bytes while it comes; what is stored in gzip is unpacked.
async function fetched(file, told) {
  const answer = await fetch(at(file));
  if (!answer.ok) throw new Error(`${answer.status} ${file}`);
  const parts = [];
  for (let reader = answer.body.getReader(), one = await reader.read(); !one.done; one = await reader.read()) {
    parts.push(one.value);
    told(one.value.length);
  }
  const whole = new Blob(parts), [first, second] = new Uint8Array(await whole.slice(0, 2).arrayBuffer());
  const isPacked = first === 0x1f && second === 0x8b; // some servers unpack such files themselves
  return new Uint8Array(await (isPacked ? new Response(whole.stream().pipeThrough(new DecompressionStream("gzip"))) : whole).arrayBuffer());
}

// What runs graphs by their names. changed(text) is told what is loaded, and "" when nothing is.
export class Engine {
  constructor(changed) {
    Object.assign(this, { changed, sessions: new Map(), files: new Map(), queue: Promise.resolve() });
    Object.assign(this, { come: 0, expected: 0, loading: 0 });
  }

  // A file's content, fetched once.
  file(name) {
    if (!this.files.has(name)) {
      this.expected += runtime.bytes[name] || 0;
      this.loading++;
      const coming = fetched(name, (bytes) => { this.come += bytes; this.tell(); }).catch(saying(CUT_OFF));
      coming.catch(() => this.files.delete(name)).finally(() => { this.loading--; this.tell(); });
      this.files.set(name, coming);
    }
    return this.files.get(name);
  }

  tell() {
    const mb = (bytes) => (bytes / 1e6).toFixed(0);
    this.changed(this.loading ? `the model is being loaded, ${mb(this.come)} of ${mb(Math.max(this.come, this.expected))} MB` : "");
  }

  // Begin to fetch what these graphs need.
  prefetch(...stages) {
    this.begun();
    const files = stages.flatMap((stage) => [runtime.graphs[stage], ...(runtime.weights[stage] ?? [])]);
    for (const file of new Set(files)) this.file(file).catch(() => {});
  }

  begun() {
    this.ready ??= this.begin().catch((error) => {
      this.ready = null; // the next question tries again
      throw error;
    });
    this.ready.catch(() => {});
    return this.ready;
  }

  async begin() {
    const { script, binary } = runtime;
    const [ort, wasmBinary] = await Promise.all([import(at(script)).catch(saying(CUT_OFF)), this.file(binary)]);
    Object.assign(ort.env.wasm, { wasmBinary: wasmBinary.buffer, numThreads: threads(), proxy: false });
    ort.env.logLevel = "error";
    this.files.delete(binary);
    return ort;
  }

  // The session of a graph, whose weights lie in files beside it.
  async openStage(name) {
    const ort = await this.begun(), content = await this.file(runtime.graphs[name]);
    const weights = runtime.weights[name] ?? [], data = await Promise.all(weights.map((file) => this.file(file)));
    const externalData = weights.map((file, n) => ({ path: nameOf(file), data: expanded(data[n]) }));
    const options = { executionProviders: ["wasm"], externalData, logSeverityLevel: QUIET };
    const session = await ort.InferenceSession.create(content, options).catch(saying(UNABLE));
    for (const file of [runtime.graphs[name], ...weights.filter(isOfOne)]) this.files.delete(file);
    return session;
  }

  session(name) {
    if (!this.sessions.has(name)) {
      const opening = this.openStage(name);
      opening.catch(() => this.sessions.delete(name));
      this.sessions.set(name, opening);
    }
    return this.sessions.get(name);
  }

  // A graph's outputs by name, for its inputs in their order; one graph at a time.
  run(stage, ...given) {
    const now = this.queue.then(() => this.ran(stage, given));
    this.queue = now.catch(() => {});
    return now;
  }

  async ran(stage, given) {
    const ort = await this.begun(), session = await this.session(stage);
    const feeds = session.inputNames.map((name, n) => [name, new ort.Tensor(given[n].type, given[n].data, given[n].dims)]);
    return session.run(Object.fromEntries(feeds)).catch(saying(UNABLE));
  }
}
