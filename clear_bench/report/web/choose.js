/* ---- which table of a section is shown, and what of it; all that stands in the page's address */

class Chooser {
  constructor(section) {
    this.id = section.id;
    this.panels = [...section.querySelectorAll(".panel")];
    this.facets = new Map(this.panels.map((p) => [p, JSON.parse(p.dataset.facets)]));
    this.names = Object.keys(this.facets.get(this.panels[0]));
    this.bar = make("div");
    this.bar.className = "bar";
    this.panels[0].before(this.bar);
    this.selects = new Map(this.names.map((name) => [name, this.select(name, () => this.choose(name))]));
    this.search();
    this.filters = make("span");
    this.columns = make("fieldset", make("legend", "Columns"));
    this.menu = make("details", make("summary", "Columns"), this.columns);
    this.count = make("p");
    this.count.className = "count";
    this.bar.append(this.filters, this.menu, button("Copy link", attempt(() => this.link())), this.count);
    this.reset();
  }

  reset() {
    [this.panel] = this.panels;
    this.find = "";
    this.values = {};
    this.hidden = new Set();
    this.sort = ["", ""];
  }

  get table() {
    return this.panel.querySelector("table");
  }

  select(name, changed) {
    const node = make("select");
    node.addEventListener("change", changed);
    const label = make("label", name, node);
    this.bar.append(label);
    return node;
  }

  search() {
    this.box = make("input");
    this.box.type = "search";
    this.box.addEventListener("input", () => this.change(() => { this.find = this.box.value; }));
    this.bar.append(make("label", "search", this.box));
  }

  async link() {
    write(this, false);
    await copy(location.href, "the address of what is shown");
  }

  /* Do something to the state, show it, and write it into the address. */
  change(work, push = false) {
    work();
    this.show();
    write(this, push);
  }

  /* Of the tables with the value chosen, that one which has most of the others' values. */
  choose(name) {
    const wanted = Object.fromEntries(this.names.map((n) => [n, this.selects.get(n).value]));
    const fit = (panel) => this.names.reduce((sum, n, place) => {
      const same = this.facets.get(panel)[n] === wanted[n];
      return sum + same * (n === name ? 1000 : 10 - place);
    }, 0);
    const best = this.panels.reduce((a, b) => (fit(b) > fit(a) ? b : a));
    this.change(() => { this.panel = best; this.sort = ["", ""]; }, true);
  }

  show() {
    for (const panel of this.panels) panel.hidden = panel !== this.panel;
    if (this.table.getAttribute("role") !== "grid") prepare(this.panel);
    const { table } = this;
    const [head, order] = this.sort[0] ? this.sort : table.asMade.sorting;
    if (String(sorting(table)) !== String([head, order])) {
      table.tBodies[0].append(...table.asMade.rows);
      for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
      if (head && headOf(table, head)) sortBy(headOf(table, head), order);
    }
    const seen = showRows(table, this.find, this.values);
    showColumns(table, this.hidden);
    this.fill();
    this.say(seen);
  }

  say(seen) {
    const { rows } = this.table.tBodies[0];
    const off = [...this.table.tHead.rows[0].cells].filter((head) => head.hidden).length;
    const parts = [seen < rows.length ? `${seen} of ${rows.length} rows` : "",
      off ? `${off} columns hidden` : ""].filter(Boolean);
    this.count.textContent = parts.join(", ");
  }

  /* Fill the selectors: of each what fits the ones before it. */
  fill() {
    const mine = this.facets.get(this.panel);
    let fits = this.panels;
    for (const name of this.names) {
      const options = [...new Set(fits.map((p) => this.facets.get(p)[name]))];
      fillSelect(this.selects.get(name), options, mine[name]);
      const all = new Set(this.panels.map((p) => this.facets.get(p)[name]));
      this.selects.get(name).parentElement.hidden = all.size < 2;
      fits = fits.filter((p) => this.facets.get(p)[name] === mine[name]);
    }
    if (this.box.value !== this.find) this.box.value = this.find;
    if (this.filled !== this.table) this.fillOfTable();
    this.filled = this.table;
    for (const node of this.filters.querySelectorAll("select")) {
      node.value = this.values[node.name] ?? "";
    }
    for (const node of this.columns.querySelectorAll("input")) {
      node.checked = !this.hidden.has(node.value);
    }
  }

  /* Filters and columns of the table shown. */
  fillOfTable() {
    const heads = [...this.table.tHead.rows[0].cells];
    const filtered = heads.filter((head) => head.hasAttribute("data-filtered"));
    this.filters.replaceChildren(...filtered.map((head) => this.filter(head)));
    const boxes = heads.filter((head) => !head.classList.contains("name")).map((head) => {
      const box = make("input");
      box.type = "checkbox";
      box.value = head.dataset.head;
      box.addEventListener("change", () => this.change(() => {
        if (box.checked) this.hidden.delete(box.value);
        else this.hidden.add(box.value);
      }));
      return make("label", box, head.dataset.head);
    });
    this.columns.replaceChildren(make("legend", "Columns shown"), ...boxes);
  }

  filter(head) {
    const { head: name } = head.dataset;
    const rows = [...this.table.tBodies[0].rows];
    const values = [...new Set(rows.map((row) => row.cells[head.cellIndex].textContent))];
    const node = make("select", new Option("all", ""));
    node.append(...values.filter(Boolean).sort().map((value) => new Option(value, value)));
    node.name = name;
    node.addEventListener("change", () => this.change(() => { this.values[name] = node.value; }));
    const label = make("label", name, node);
    label.hidden = node.options.length < 3;
    return label;
  }

  /* ---- the state as parameters of an address, and back */

  parameters(focus) {
    const values = Object.entries(this.values).filter(([, value]) => value);
    const made = {
      table: focus || this.panel === this.panels[0] ? "" : this.panel.id,
      sort: this.sort.join("."),
      find: this.find,
      only: values.map((pair) => pair.map(encodeURIComponent).join(":")).join(","),
      hide: [...this.hidden].map(encodeURIComponent).join(","),
    };
    if (made.sort === ".") made.sort = "";
    return Object.entries(made).filter(([, value]) => value)
      .map(([name, value]) => [`${this.id}.${name}`, value]);
  }

  take(parameters, panel) {
    const given = (name) => parameters.get(`${this.id}.${name}`) ?? "";
    const list = (name) => given(name).split(",").filter(Boolean);
    const plain = (word) => new URLSearchParams(`word=${word}`).get("word");
    this.reset();
    this.panel = panel ?? this.panels.find((p) => p.id === given("table")) ?? this.panels[0];
    this.find = given("find");
    this.values = Object.fromEntries(list("only").map((pair) => pair.split(":").map(plain)));
    this.hidden = new Set(list("hide").map(plain));
    const [, head, order] = /^(.*)\.(ascending|descending)$/.exec(given("sort")) ?? [];
    if (head) this.sort = [head, order];
  }
}

function fillSelect(select, options, value) {
  const now = [...select.options].map((option) => option.value);
  if (String(now) !== String(options)) {
    select.replaceChildren(...options.map((option) => new Option(option, option)));
  }
  select.value = value;
}

/* Make a table ready the first time that it is shown. */
function prepare(panel) {
  const table = panel.querySelector("table");
  enliven(table);
  table.asMade = { rows: [...table.tBodies[0].rows], sorting: sorting(table) };
  offerFiles(panel);
  const box = panel.querySelector(".scroll");
  const hint = make("p", "This table is wider than the page: scroll it sideways\u00a0\u2192");
  hint.className = "hint";
  box.before(hint);
  new ResizeObserver(() => {
    hint.hidden = box.scrollWidth <= box.clientWidth;
  }).observe(box);
}

/* ---- the address: #TABLE?leaderboards.find=words&tables.table=ANOTHER */

let choosers = [];

function write(focus, push) {
  const parameters = new URLSearchParams(choosers.flatMap((c) => c.parameters(c === focus)));
  const query = String(parameters);
  const address = `#${encodeURIComponent(focus.panel.id)}${query ? `?${query}` : ""}`;
  history[push ? "pushState" : "replaceState"](null, "", address);
}

function read() {
  const [first, query = ""] = location.hash.slice(1).split("?", 2);
  const key = new URLSearchParams(`key=${first}`).get("key");
  const goal = key ? document.getElementById(key) : null;
  const panel = goal?.closest(".panel");
  if (key && !panel && !query) {
    if (!goal) say(`There is no ${key} in this page`);
    return;
  }
  for (const chooser of choosers) {
    chooser.take(new URLSearchParams(query), chooser.panels.find((p) => p === panel));
    chooser.show();
  }
  goal?.scrollIntoView();
}
