// What the browser keeps of this page, in its own storage: the pad's drawing and settings.

const NAME = "sketch-to-face";

// A value that was kept under a key; null where nothing was, or the browser keeps nothing.
export function kept(key) {
  try { return JSON.parse(localStorage.getItem(`${NAME}.${key}`)); } catch { return null; }
}

// Keep a value, or forget it (null); whether the browser did.
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(`${NAME}.${key}`);
    else localStorage.setItem(`${NAME}.${key}`, JSON.stringify(value));
    return true;
  } catch { return false; } // private windows, full storage
}
