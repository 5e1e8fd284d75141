// The tabs of the page: one panel at a time, named in the address; arrow keys go from tab to tab.

const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

// opened(name) is called when another panel is shown. Gives a function that opens one.
export function tabs(opened) {
  const all = [...document.querySelectorAll("[role=tab]")], panels = [...document.querySelectorAll("[role=tabpanel]")];
  function open(name, focus = false) {
    const chosen = all.find((tab) => tab.dataset.panel === name) || all[0];
    for (const tab of all) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    for (const panel of panels) panel.hidden = panel.id !== chosen.dataset.panel;
    if (focus) chosen.focus();
    opened(chosen.dataset.panel);
  }
  const go = (name, focus) => { history.replaceState(null, "", `#${name}`); open(name, focus); };
  for (const [n, tab] of all.entries()) {
    tab.addEventListener("click", () => go(tab.dataset.panel));
    tab.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step) go(all[(n + step + all.length) % all.length].dataset.panel, true);
    });
  }
  addEventListener("hashchange", () => open(location.hash.slice(1)));
  open(location.hash.slice(1));
  return go;
}
