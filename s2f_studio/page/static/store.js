// What this browser keeps of the page: the drawings and the settings. Of several tabs each comes
// back with its own; a new one begins with the newest.

const KEY = "sketch-to-face.drawing-5"; // another number where settings have changed

const places = () => [sessionStorage, localStorage];

// What was kept; null where nothing was, or the browser keeps nothing.
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

// Keep a value instead of the older one, which goes only when this one is written. Returns whether
// the browser kept it: a private window does not, nor a full storage.
export function keep(value) {
  try {
    for (const place of places()) place.setItem(KEY, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

// Keep nothing any more. Where the browser blocks storage, nothing was kept.
export function forget() {
  try {
    for (const place of places()) place.removeItem(KEY);
  } catch {
    return;
  }
}
