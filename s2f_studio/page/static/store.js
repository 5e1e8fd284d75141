// What the browser keeps of this page, in its own storage: the pad's drawing and settings. Of several tabs each comes back with
// its own; a new one begins with the newest.

const NAME = "sketch-to-face";

// A value that was kept under a key; null where nothing was, or the browser keeps nothing.
export function kept(key) {
  const name = `${NAME}.${key}`;
  try { return JSON.parse(sessionStorage.getItem(name) ?? localStorage.getItem(name)); } catch { return null; }
}

// Keep a value, or forget it (null); whether the browser did.
export function keep(key, value) {
  const name = `${NAME}.${key}`, text = JSON.stringify(value);
  try {
    for (const one of [sessionStorage, localStorage]) one.removeItem(name); // an older drawing is not to come back
    if (value !== null) for (const one of [sessionStorage, localStorage]) one.setItem(name, text);
    return true;
  } catch { return false; } // private windows, full storage
}
