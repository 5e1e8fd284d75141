// Graphs run by onnxruntime-web, in this worker: on the graphics card where the browser has WebGPU, else by WebAssembly.
// Files are fetched when they are needed first, and told of while they come.

import { FACTS } from "./facts.js";
import { expanded } from "./safetensors.js";

const { runtime } = FACTS;
const MOST_THREADS = 4;
const ON_CARD = new Set(["look", "expect", "render", "translate"]); // networks; the rest is small
const ALIKE = 2e-3; // of the largest number of an answer, or a grey level: a card that is further off is not used
const ROUNDS = 2; // in which both compute: the first builds what the card runs, the second tells which is quicker
const QUIET = 3; // errors alone are told of

const nameOf = (file) => file.slice(file.lastIndexOf("/") + 1);
const isOfOne = (file) => Object.values(runtime.weights).filter((files) => files.includes(file)).length === 1; // graph
const at = (file) => new URL(`../${file}`, import.meta.url);

// The content of a file, told() in bytes while it comes; what is stored in gzip is unpacked.
async function fetched(file, told) {
  const answer = await fetch(at(file)).catch(() => null);
  if (!answer?.ok) throw new Error(`${file} of this page could not be loaded: reload it when there is a connection`);
  const parts = [];
  for (let reader = answer.body.getReader(), one = await reader.read(); !one.done; one = await reader.read()) {
    parts.push(one.value);
    told(one.value.length);
  }
  const whole = new Blob(parts), [first, second] = new Uint8Array(await whole.slice(0, 2).arrayBuffer());
  const isPacked = first === 0x1f && second === 0x8b; // some servers unpack such files themselves
  return new Uint8Array(await (isPacked ? new Response(whole.stream().pipeThrough(new DecompressionStream("gzip"))) : whole).arrayBuffer());
}

// Whether there is a graphics card, and, unless `any`, not a processor that does as if it were one.
async function hasCard(any) {
  try {
    const found = await navigator.gpu?.requestAdapter();
    return !!found && (any || !(found.info?.isFallbackAdapter ?? found.isFallbackAdapter));
  } catch { return false; }
}

const threads = () => (self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1);

// Whether two answers of a graph are the same, but for rounding.
function isAlike(one, other) {
  return Object.keys(other).every((name) => {
    const [a, b] = [one[name].data, other[name].data];
    let most = 0, size = 1e-6;
    for (let n = 0; n < b.length; n++) {
      most = Math.max(most, Math.abs(Number(a[n]) - Number(b[n])));
      size = Math.max(size, Math.abs(Number(b[n])));
    }
    return other[name].type === "uint8" ? most <= 1 : most <= ALIKE * size; // of NaN neither is true
  });
}

async function timed(work) {
  const begun = performance.now(), made = await work();
  return { made, took: performance.now() - begun };
}

// What runs graphs by their names. changed(text) is told what is loaded, and "" when nothing is. computes: "processor", "card",
// or "", whichever is quicker.
export class Engine {
  constructor(changed, computes = "") {
    Object.assign(this, { changed, computes, sessions: new Map(), files: new Map(), judged: new Map(), card: false, queue: Promise.resolve(), come: 0, expected: 0, loading: 0 });
  }

  // A file's content, fetched once.
  file(name) {
    if (!this.files.has(name)) {
      this.expected += runtime.bytes[name] || 0;
      this.loading++;
      const coming = fetched(name, (bytes) => { this.come += bytes; this.tell(); });
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
    this.card = this.computes !== "processor" && (await hasCard(this.computes === "card"));
    const { script, binary } = runtime[this.card ? "card" : "processor"];
    const [ort, wasmBinary] = await Promise.all([import(at(script)), this.file(binary)]);
    Object.assign(ort.env.wasm, { wasmBinary: wasmBinary.buffer, numThreads: threads(), proxy: false });
    ort.env.logLevel = "error";
    this.files.delete(binary);
    return ort;
  }

  // The session of a graph, whose weights lie in files beside it.
  async openStage(name, provider) {
    const ort = await this.begun(), content = await this.file(runtime.graphs[name]);
    const weights = runtime.weights[name] ?? [], data = await Promise.all(weights.map((file) => this.file(file)));
    const externalData = weights.map((file, n) => ({ path: nameOf(file), data: expanded(data[n]) }));
    const session = await ort.InferenceSession.create(content, { executionProviders: [provider], externalData, logSeverityLevel: QUIET });
    if (!this.card) for (const file of [runtime.graphs[name], ...weights.filter(isOfOne)]) this.files.delete(file); // else there are two sessions
    return session;
  }

  async session(name, provider) {
    const key = `${name} ${provider}`;
    if (!this.sessions.has(key)) {
      const opening = this.openStage(name, provider);
      opening.catch(() => this.sessions.delete(key));
      this.sessions.set(key, opening);
    }
    return this.sessions.get(key);
  }

  // A graph's outputs by name, for its inputs in their order; one graph at a time.
  run(stage, ...given) {
    const now = this.queue.then(() => this.ran(stage, given));
    this.queue = now.catch(() => {});
    return now;
  }

  async ran(stage, given) {
    const ort = await this.begun();
    const by = async (provider) => {
      const session = await this.session(stage, provider);
      const feeds = session.inputNames.map((name, n) => [name, new ort.Tensor(given[n].type, given[n].data, given[n].dims)]);
      const made = await session.run(Object.fromEntries(feeds));
      return Object.fromEntries(session.outputNames.map((name) => [name, { type: made[name].type, data: made[name].data, dims: made[name].dims }]));
    };
    if (!this.card || !ON_CARD.has(stage)) return by("wasm");
    const judged = this.judged.get(stage) ?? { rounds: 0, use: null };
    this.judged.set(stage, judged);
    if (judged.use) return by(judged.use);
    const sure = await timed(() => by("wasm")), quick = await timed(() => by("webgpu").catch(() => null));
    if (!quick.made || !isAlike(quick.made, sure.made)) judged.use = "wasm";
    else if (++judged.rounds === ROUNDS) judged.use = this.computes || quick.took < sure.took ? "webgpu" : "wasm";
    return sure.made;
  }
}
