/* ---- a table as a grid: one stop for Tab, arrow keys from cell to cell, heads that sort */

function enliven(table) {
  if (table.getAttribute("role") === "grid") return;
  table.setAttribute("role", "grid");
  table.closest(".scroll").removeAttribute("tabindex");
  for (const head of table.tHead.rows[0].cells) {
    head.dataset.head = head.textContent;
    if (!head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", "none");
    wrap(head);
  }
  for (const cell of table.tBodies[0].querySelectorAll("td[data-cell]")) {
    wrap(cell).setAttribute("aria-haspopup", "dialog");
  }
  for (const row of table.rows) {
    for (const cell of row.cells) target(cell).tabIndex = -1;
  }
  target(table.tHead.rows[0].cells[0]).tabIndex = 0;
  table.addEventListener("keydown", onGridKey);
  table.addEventListener("focusin", (event) => stopAt(table, event.target));
}

function wrap(cell) {
  const node = make("button", ...cell.childNodes);
  node.type = "button";
  cell.append(node);
  return node;
}

/* What of a cell takes the focus: what can be pressed in it, or the cell. */
function target(cell) {
  return cell.querySelector("a, button") ?? cell;
}

function stopAt(table, node) {
  for (const other of table.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  node.tabIndex = 0;
}

function onGridKey(event) {
  const cell = event.target.closest("th, td");
  const rows = [...event.currentTarget.rows].filter((row) => !row.hidden);
  const cells = (row) => [...row.cells].filter((other) => !other.hidden);
  const y = rows.indexOf(cell.parentElement);
  const x = cells(rows[y]).indexOf(cell);
  const [lastRow, lastCell] = [rows.length - 1, cells(rows[y]).length - 1];
  const whole = event.ctrlKey || event.metaKey;
  const goal = {
    ArrowRight: [y, x + 1], ArrowLeft: [y, x - 1], ArrowDown: [y + 1, x], ArrowUp: [y - 1, x],
    Home: [whole ? 0 : y, 0], End: [whole ? lastRow : y, lastCell],
    PageDown: [Math.min(y + 10, lastRow), x], PageUp: [Math.max(y - 10, 0), x],
  }[event.key];
  if (!goal) return;
  event.preventDefault();
  const row = rows[goal[0]];
  const next = row && cells(row)[goal[1]];
  if (next) target(next).focus();
}

/* ---- sorting: a press sorts by what is better first, another turns it round; gaps stay last */

function headOf(table, name) {
  return [...table.tHead.rows[0].cells].find((head) => head.dataset.head === name);
}

function sorting(table) {
  const head = [...table.tHead.rows[0].cells].find((h) => h.getAttribute("aria-sort") !== "none");
  return head ? [head.dataset.head, head.getAttribute("aria-sort")] : ["", ""];
}

function turned(head) {
  const { first } = head.dataset;
  const other = first === "descending" ? "ascending" : "descending";
  return head.getAttribute("aria-sort") === first ? other : first;
}

function sortBy(head, order) {
  for (const other of head.parentElement.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const body = head.closest("table").tBodies[0];
  const rows = [...body.rows].map((line, place) => ({ line, place, key: keyOf(line, head.cellIndex) }));
  rows.sort((a, b) => compare(a.key, b.key, sign) || a.place - b.place);
  body.append(...rows.map((entry) => entry.line));
}

function keyOf(line, column) {
  const { value } = line.cells[column].dataset;
  if (value === undefined) return null;
  const number = Number(value);
  return value === "" || Number.isNaN(number) ? value : number;
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) [a, b] = [String(a), String(b)];
  if (typeof a === "string") return sign * a.localeCompare(b, "en");
  return sign * (a - b);
}

/* ---- what of a table is seen: rows that hold all the words and values, columns not hidden */

function showRows(table, find, values) {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = Object.entries(values).filter(([, value]) => value)
    .map(([name, value]) => [headOf(table, name), value]).filter(([head]) => head);
  let seen = 0;
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    const fits = words.every((word) => text.includes(word))
      && wanted.every(([head, value]) => row.cells[head.cellIndex].textContent === value);
    row.hidden = !fits;
    seen += fits;
  }
  return seen;
}

function showColumns(table, hidden) {
  for (const head of table.tHead.rows[0].cells) {
    const off = hidden.has(head.dataset.head);
    if (off === head.hidden) continue;
    for (const row of table.rows) row.cells[head.cellIndex].hidden = off;
  }
  const stop = table.querySelector('[tabindex="0"]');
  if (stop && !stop.checkVisibility()) stopAt(table, target(table.tHead.rows[0].cells[0]));
}
