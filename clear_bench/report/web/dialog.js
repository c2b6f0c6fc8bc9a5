/* ---- what is behind a number: the browser's own modal dialog keeps the focus and hears Escape */

const dialog = document.getElementById("behind");

function explain(place) {
  const cell = known.cells[place];
  const group = known.groups[cell.group];
  const facts = make("dl");
  facts.className = "facts";
  for (const [name, text] of group.facts) facts.append(make("dt", name), make("dd", text));
  const command = make("pre", group.command);
  document.getElementById("behind-title").textContent = cell.title;
  document.getElementById("behind-body").replaceChildren(
    ...cell.lines.map((line) => make("p", line)),
    ...(group.runs.length ? [perSeed(cell, group)] : []),
    make("h3", "Where it comes from"), facts,
    make("h3", "To make it again"), command,
  );
  offerCopy(command);
  dialog.showModal();
  dialog.scrollTop = 0;
}

function perSeed(cell, group) {
  const cells = (tag, scope, words) => words.map((word) => {
    const node = make(tag, word);
    if (scope) node.scope = scope;
    return node;
  });
  const head = make("tr", ...cells("th", "col", ["seed", "value", "commit", "run", "record"]));
  const rows = group.runs.map((run, place) => make(
    "tr", ...cells("th", "row", [run.seed]), ...cells("td", "", [cell.values[place], run.commit]),
    make("td", make("code", run.id), ...(run.parent ? [" on top of ", make("code", run.parent)] : [])),
    make("td", button("Save", attempt(async () => save(await fileOf(run.record), `${run.id}.json`)),
      ` the record of ${run.id}`)),
  ));
  return make("table", make("thead", head), make("tbody", ...rows));
}
