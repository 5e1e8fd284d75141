// What is under way: one job of a kind, each with a signal that says when nobody waits for it any
// more.

export class Jobs {
  constructor() {
    this.running = new Map(); // {kind: {kind, controller}}
  }

  // Job {kind, signal}: act(signal) in place of the job of this kind that is under way.
  async start(kind, act) {
    this.abort(kind);
    const job = { kind, controller: new AbortController() };
    this.running.set(kind, job);
    try {
      return await act(job.controller.signal);
    } finally {
      if (this.running.get(kind) === job) this.running.delete(kind);
    }
  }

  has(kind) {
    return this.running.has(kind);
  }

  get isEmpty() {
    return !this.running.size;
  }

  abort(...kinds) {
    for (const kind of kinds) {
      this.running.get(kind)?.controller.abort();
      this.running.delete(kind);
    }
  }

  abortAll() {
    this.abort(...this.running.keys());
  }
}

// Until then, unless the signal aborts it.
export function rest(ms, signal) {
  return new Promise((done, fail) => {
    const resting = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(resting);
      fail(signal.reason);
    });
  });
}

// A queue of one at a time, for hosts that answer so: what is aborted while it waits is not sent.
export function oneByOne() {
  let last = Promise.resolve();
  return (send, signal) => {
    const begun = () => {
      signal?.throwIfAborted();
      return send();
    };
    const now = last.then(begun, begun);
    last = now.catch(() => {});
    return now;
  };
}
