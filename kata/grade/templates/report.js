"use strict";
// Sorts, filters, folds, and makes a student's page of the data. Text is only ever set as text, never as HTML.
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const island = (id) => JSON.parse(find(`#${id}`)?.textContent ?? "null");
  const once = (make) => { let made; return () => (made ??= make()); };
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // What stands between backticks is code.
  const sentence = (text) => {
    const parts = text.split("`");
    return parts.length % 2 ? parts.map((part, i) => (i % 2 ? make("code", { textContent: part }) : part)) : [text];
  };

  const table = find("#student-table");
  if (!table) return; // nobody was graded
  const about = once(() => island("class-data"));
  const details = once(() => island("details-data")); // megabytes: read when the first page or filter asks for it
  const rows = [...table.tBodies[0].rows];
  const links = rows.map((row) => find("a", row));
  const numberOf = new Map(links.map((link, i) => [link.hash, i]));
  const nameOf = (i) => links[i].textContent;

  // Times: they are no part of the table in the file, so that without them it is the same for the same results.
  const times = island("times-data");
  if (times) {
    find('nav a[href="#about"]').before(make("a", { href: "#time", textContent: "Time" }), " ");
    const head = make("th", { scope: "col", className: "n", textContent: "Seconds" });
    head.dataset.sort = "number";
    table.tHead.rows[0].append(head);
    rows.forEach((row, i) => {
      const cell = make("td", { className: "n", textContent: times[i] === null ? "" : times[i].toFixed(1) });
      cell.dataset.label = "s";
      row.append(cell);
    });
  }

  // Sorting: as one reads it, then the other way round, then as it was.
  const byText = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
  const sortable = (table) => {
    const bodies = [...table.tBodies].map((body) => [body, [...body.rows]]);
    const originals = bodies.flatMap(([, rows]) => rows.filter((row) => !row.classList.contains("chapter")));
    const heads = all("th[data-sort]", table.tHead);
    for (const head of heads) {
      const isNumber = head.dataset.sort === "number";
      const button = make("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const first = isNumber ? "descending" : "ascending";
        const second = isNumber ? "ascending" : "descending";
        const now = head.getAttribute("aria-sort");
        const next = now === null ? first : now === first ? second : null;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        table.classList.toggle("sorted", next !== null);
        if (next === null) {
          bodies.forEach(([body, rows]) => body.append(...rows));
        } else {
          head.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          const column = head.cellIndex;
          const value = (row) => {
            const cell = row.cells[column];
            const text = cell.dataset.value ?? cell.textContent;
            // An empty cell of a count is 0, one of a measure is none and goes last.
            return isNumber ? (text === "" ? (cell.classList.contains("zero") ? 0 : -sign * Infinity) : parseFloat(text)) : text;
          };
          const keyed = originals.map((row, i) => [value(row), i, row]);
          const compare = isNumber ? (a, b) => (a === b ? 0 : a < b ? -1 : 1) : byText;
          keyed.sort((a, b) => {
            if (!isNumber && (a[0] === "") !== (b[0] === "")) return a[0] === "" ? 1 : -1;
            return sign * compare(a[0], b[0]) || a[1] - b[1];
          });
          bodies[0][0].append(...keyed.map(([, , row]) => row));
        }
        all(".chapter", table).forEach((row) => { row.hidden = next !== null; });
      });
    }
  };
  sortable(find("#kata-table"));
  sortable(table);

  // Filters: what is asked for is in the address, so that it can be sent and gone back to.
  const form = find("#filters");
  const { text: textField, kata: kataField, outcome: outcomeField } = form.elements;
  const nothing = make("p", { className: "none", textContent: "No student fits.", hidden: true });
  table.after(nothing);
  form.hidden = false;
  const outcomeOf = (student, kata) => {
    const number = details().students[student][0][kata];
    return number < 0 ? "" : details().results[number][0];
  };
  const fits = (outcome, wanted) => (wanted === "not-solved" ? outcome !== "" && outcome !== "solved" : outcome === wanted);
  let kataCells = [];
  const filter = () => {
    const text = textField.value.trim().toLocaleLowerCase();
    const wanted = outcomeField.value;
    const katas = about().katas;
    const kata = katas.findIndex(([chapter, name]) => `${chapter}.${name}` === kataField.value);
    kataCells.forEach((cell) => cell.remove());
    kataCells = [];
    let count = 0;
    rows.forEach((row, i) => {
      const outcomes = () => (kata < 0 ? katas.map((_, k) => outcomeOf(i, k)) : [outcomeOf(i, kata)]);
      const shown = (!text || row.cells[0].textContent.toLocaleLowerCase().includes(text)) &&
        (!wanted || outcomes().some((outcome) => fits(outcome, wanted)));
      row.hidden = !shown;
      count += shown;
      if (kata >= 0 && shown) {
        const cell = make("td", { textContent: about().outcomes[outcomeOf(i, kata)] ?? "" });
        kataCells.push(cell);
        row.append(cell);
      }
    });
    if (kata >= 0) {
      const head = make("th", { scope: "col" }, make("code", { textContent: katas[kata][1] }));
      kataCells.push(head);
      table.tHead.rows[0].append(head);
    }
    nothing.hidden = count > 0;
    find("#shown").textContent = `${count} of ${rows.length} students`;
  };
  const fields = [textField, kataField, outcomeField];
  const address = () => {
    const asked = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.name, field.value]));
    return String(asked) ? `#students?${asked}` : "#students";
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  const ask = () => { filter(); history.replaceState(null, "", address()); here = location.hash; };
  form.addEventListener("input", ask); // as one types
  form.addEventListener("change", ask); // not every way to choose says that something was put in
  form.addEventListener("reset", () => setTimeout(ask)); // once the fields are empty
  for (const row of all("#kata-table tr[data-kata]")) {
    const name = find("code", row);
    const link = make("a", { href: `#students?kata=${encodeURIComponent(row.dataset.kata)}&outcome=not-solved`, title: "Who has not solved it" });
    name.replaceWith(link);
    link.append(name);
  }
  filter();

  // A student's page
  const TOLD = ["solved", "todo", "missing"]; // of these there is nothing to read but the names
  const page = (i) => {
    const { texts, results, students } = details();
    const { katas, chapters, outcomes } = about();
    const [numbers, notes] = students[i];
    const given = numbers.map((number) => (number < 0 ? null : results[number]));
    const count = given.filter((one) => one?.[0] === "solved").length;
    const points = find('td[data-label="points"]', rows[i])?.textContent;
    const parts = [make("h2", { id: "student-heading", tabIndex: -1 }, make("bdi", { textContent: nameOf(i) }))];
    const facts = [`${count} of ${given.filter(Boolean).length} katas solved`];
    if (points) facts.push(`${points} points`);
    if (times && times[i] !== null) facts.push(`${times[i].toFixed(1)} s`);
    const id = find("small", rows[i])?.textContent.trim();
    if (id) facts.push(id);
    parts.push(make("p", { textContent: facts.join(" · ") }));
    if (notes.length) {
      const items = notes.map((note) => make("li", {}, make("bdi", { textContent: texts[note] })));
      parts.push(make("h3", { textContent: "When it was taken in" }), make("ul", {}, ...items));
    }
    for (const [chapter, title] of Object.entries(chapters)) {
      const own = katas.map(([of, name], k) => ({ of, name, one: given[k] })).filter(({ of, one }) => of === chapter && one);
      if (!own.length) continue;
      const solved = own.filter(({ one }) => one[0] === "solved").length;
      parts.push(make("h3", {}, title, " ", make("span", { className: "count", textContent: `${solved} of ${own.length}` })));
      const read = own.filter(({ one }) => !TOLD.includes(one[0]));
      if (read.length) parts.push(tableOf(read, title, texts, outcomes));
      for (const told of TOLD) {
        const names = own.filter(({ one }) => one[0] === told).map(({ name }) => name);
        if (!names.length) continue;
        const line = make("p", { className: "lines" }, `${outcomes[told].replace(/^./, (c) => c.toUpperCase())}: `);
        names.forEach((name, n) => line.append(n ? ", " : "", make("code", { textContent: name })));
        parts.push(line);
      }
    }
    return parts;
  };
  const tableOf = (read, title, texts, outcomes) => {
    const body = make("tbody", {}, ...read.map(({ name, one }) => {
      const [outcome, passed, total, cause, diagnosis, law, input, hint, message] = one;
      const what = make("td", {});
      if (diagnosis !== null && texts[diagnosis]) what.append(make("div", {}, ...sentence(texts[diagnosis])));
      else if (texts[cause]) what.append(make("div", {}, make("bdi", { textContent: texts[cause] })));
      const stops = [];
      if (texts[law]) stops.push(`stops at “${texts[law].replace(/^test_/, "").replaceAll("_", " ")}”`);
      if (hint !== null) stops.push(`hint ${hint} helps`);
      if (stops.length) what.append(make("div", { className: "where", textContent: stops.join(" · ") }));
      const pairs = message.slice(1).map((number) => texts[number]);
      const lines = [];
      for (let at = 0; at < pairs.length; at += 2) lines.push([pairs[at], pairs[at + 1]]);
      if (texts[input] && !lines.some(([label]) => label === "input")) lines.unshift(["input", texts[input]]);
      if (texts[cause] && texts[diagnosis] && !lines.length) lines.push(["cause", texts[cause]]);
      if (lines.length) {
        const terms = lines.flatMap(([label, text]) => [make("dt", { textContent: label }), make("dd", { textContent: text })]);
        what.append(make("details", {}, make("summary", { textContent: "Message" }), make("dl", { className: "rows" }, ...terms)));
      }
      const kind = outcome === "wrong" || outcome === "infrastructure" ? outcome : "other";
      return make("tr", {},
        make("th", { scope: "row" }, make("code", { textContent: name })),
        make("td", {}, make("span", { className: `outcome is-${kind}`, textContent: outcomes[outcome] }),
          make("span", { className: "where", textContent: `${passed} of ${total} laws hold` })),
        what);
    }));
    const heads = ["Kata", "Outcome", "Mistake or cause"].map((text) => make("th", { scope: "col", textContent: text }));
    const caption = make("caption", { className: "hidden", textContent: `${title}: what is not solved` });
    return make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), body);
  };

  // What the address asks for
  const everybody = find("#class");
  const one = find("#student");
  const notice = find("#notice");
  let left = null; // where in the class's report one was: address, height, link
  const turn = (i) => {
    const inOrder = all("tbody tr:not([hidden])", table).map((row) => numberOf.get(find("a", row).hash));
    const at = inOrder.indexOf(i);
    const step = (to, text) => (to === undefined || at < 0 ? "" : make("a", { href: links[to].hash, textContent: text, title: nameOf(to) }));
    const unfold = make("button", { type: "button", className: "act", textContent: "Unfold all messages" });
    unfold.addEventListener("click", () => {
      const folded = all("details:not([open])", one);
      (folded.length ? folded : all("details", one)).forEach((item) => { item.open = folded.length > 0; });
      unfold.textContent = folded.length ? "Fold all messages" : "Unfold all messages";
    });
    return make("div", { className: "turn" }, make("a", { href: address(), textContent: "← All students" }),
      step(inOrder[at - 1], "Previous"), step(inOrder[at + 1], "Next"), unfold);
  };
  const route = () => {
    const hash = location.hash;
    const i = numberOf.get(hash);
    notice.hidden = true;
    if (i !== undefined) {
      if (!everybody.hidden) left = { hash: here, y: lastY, link: links[i] };
      one.replaceChildren(turn(i), ...page(i));
      everybody.hidden = true;
      one.hidden = false;
      document.title = `${nameOf(i)} · Class report`;
      scrollTo(0, 0);
      find("h2", one).focus({ preventScroll: true });
    } else {
      const cameBack = everybody.hidden;
      everybody.hidden = false;
      one.hidden = true;
      one.replaceChildren();
      document.title = "Class report";
      if (hash.startsWith("#students?")) {
        const asked = new URLSearchParams(hash.slice("#students?".length));
        fields.forEach((field) => { field.value = asked.get(field.name) ?? ""; });
        filter();
      }
      if (hash.startsWith("#student-")) {
        notice.textContent = "This report has no such student.";
        notice.hidden = false;
        scrollTo(0, 0);
      } else if (cameBack && left?.hash === hash) {
        scrollTo(0, left.y);
        left.link.focus({ preventScroll: true });
      } else if (hash.length > 1) {
        find(`[id="${CSS.escape(hash.slice(1).split("?")[0])}"]`)?.scrollIntoView();
      }
    }
    here = hash;
  };
  let here = location.hash;
  let lastY = 0;
  addEventListener("scroll", () => { if (!everybody.hidden) lastY = scrollY; }, { passive: true });
  addEventListener("hashchange", route);
  route();

  // Paper has nothing to unfold.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = all("details:not([open])", one.hidden ? everybody : one);
    unfolded.forEach((item) => { item.open = true; });
  });
  addEventListener("afterprint", () => unfolded.forEach((item) => { item.open = false; }));
})();
