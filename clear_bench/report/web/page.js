"use strict";

const known = JSON.parse(document.getElementById("known").textContent);

/* Make an element with text or children; text is never read as HTML. */
function make(tag, ...children) {
  const node = document.createElement(tag);
  node.append(...children);
  return node;
}

/* ---- sorting: a press sorts by what is better first, another turns it round; gaps stay last */

function sortBy(button) {
  const head = button.closest("th");
  const row = head.parentElement;
  const column = [...row.children].indexOf(head);
  const before = head.getAttribute("aria-sort");
  const first = head.dataset.first;
  const turned = first === "descending" ? "ascending" : "descending";
  const order = before === first ? turned : first;
  for (const other of row.children) {
    if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  }
  head.setAttribute("aria-sort", order);
  const body = head.closest("table").tBodies[0];
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...body.rows].map((line, place) => ({ line, place, key: keyOf(line, column) }));
  rows.sort((a, b) => compare(a.key, b.key, sign) || a.place - b.place);
  body.append(...rows.map((entry) => entry.line));
  document.getElementById("said").textContent = `Sorted by ${button.textContent}, ${order}`;
}

function keyOf(line, column) {
  const { value } = line.children[column].dataset;
  if (value === undefined) return null;
  const number = Number(value);
  return value === "" || Number.isNaN(number) ? value : number;
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a !== typeof b) [a, b] = [String(a), String(b)];
  return sign * (a < b ? -1 : a > b ? 1 : 0);
}

/* ---- tabs: one of each list is in the tab order, arrows go to the others */

function choose(tab, focus) {
  for (const other of tab.parentElement.children) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (focus) tab.focus();
}

function onTabKey(event) {
  const tabs = [...event.currentTarget.children];
  const here = tabs.indexOf(document.activeElement);
  const goal = {
    ArrowRight: (here + 1) % tabs.length,
    ArrowLeft: (here + tabs.length - 1) % tabs.length,
    Home: 0,
    End: tabs.length - 1,
  }[event.key];
  if (goal === undefined || here < 0) return;
  event.preventDefault();
  choose(tabs[goal], true);
}

/* ---- what is behind a number: the browser's own modal dialog keeps the focus and hears Escape */

const dialog = document.getElementById("behind");

function explain(button) {
  const cell = known.cells[Number(button.dataset.cell)];
  const group = known.groups[cell.group];
  const facts = make("dl");
  facts.className = "facts";
  for (const [name, text] of group.facts) facts.append(make("dt", name), make("dd", text));
  document.getElementById("behind-title").textContent = cell.title;
  document.getElementById("behind-body").replaceChildren(
    ...cell.lines.map((line) => make("p", line)),
    ...(group.runs.length ? [perSeed(cell, group)] : []),
    make("h3", "Where it comes from"), facts,
    make("h3", "To make it again"), make("pre", group.command),
  );
  dialog.showModal();
  dialog.scrollTop = 0;
}

function perSeed(cell, group) {
  const cells = (tag, scope, words) => words.map((word) => {
    const node = make(tag, word);
    if (scope) node.scope = scope;
    return node;
  });
  const head = make("tr", ...cells("th", "col", ["seed", "value", "commit", "run"]));
  const rows = group.runs.map((run, place) => make(
    "tr", ...cells("th", "row", [run.seed]), ...cells("td", "", [cell.values[place], run.commit]),
    make("td", make("code", run.id), ...(run.parent ? [" on top of ", make("code", run.parent)] : [])),
  ));
  return make("table", make("thead", head), make("tbody", ...rows));
}

/* ---- start */

for (const list of document.querySelectorAll("[data-tabs]")) {
  list.setAttribute("role", "tablist");
  list.hidden = list.children.length < 2;
  for (const tab of list.children) {
    tab.addEventListener("click", () => choose(tab, false));
  }
  list.addEventListener("keydown", onTabKey);
  if (list.children.length) choose(list.children[0], false);
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.cell !== undefined) explain(button);
  else if (button?.closest("th[aria-sort]")) sortBy(button);
  else if (event.target === dialog || button?.classList.contains("close")) dialog.close();
});
