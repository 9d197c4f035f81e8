// Keeps what was typed but not yet saved where a killed server cannot lose it, and tells of dark and light.
// The editor component has no event that works while there is no server, hence these lines.
window.kataPage = {
  kata: "", base: "", editor: 0,
  tab: (sessionStorage.kataTab ??= Math.random().toString(36).slice(2)),
  text() { return getElement(this.editor)?.editor?.state.doc.toString(); },
  key(kata) { return `kata-draft:${kata}:${this.tab}`; },
  label() { // the component gives its text box no name
    const box = getElement(this.editor)?.editor?.contentDOM, name = `The code of ${this.kata}`;
    if (box && box.ariaLabel !== name) box.ariaLabel = name;
  },
  keep() {
    this.label();
    const text = this.kata ? this.text() : undefined;
    if (text === undefined) return;
    if (text === this.base) localStorage.removeItem(this.key(this.kata));
    else localStorage.setItem(this.key(this.kata), JSON.stringify({ base: this.base, text, at: Date.now() }));
  },
  drafts(kata) {
    const found = [];
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(`kata-draft:${kata}:`)) continue;
      const draft = JSON.parse(localStorage.getItem(key));
      const mine = key === this.key(kata);
      if (mine || Date.now() - draft.at > 120000) { found.push({ ...draft, mine }); if (!mine) localStorage.removeItem(key); }
    }
    return found;
  },
};
setInterval(() => kataPage.keep(), 250);
addEventListener("pagehide", () => kataPage.keep());
addEventListener("popstate", () => location.reload());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) => emitEvent("dark", e.matches));
