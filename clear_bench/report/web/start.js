/* ---- start */

document.documentElement.classList.add("scripted");
for (const block of document.querySelectorAll("pre")) offerCopy(block);
for (const figure of document.querySelectorAll("figure")) offerPicture(figure);
choosers = [...document.querySelectorAll("section.chosen")].map((section) => new Chooser(section));
for (const chooser of choosers) chooser.show();
read();
window.addEventListener("hashchange", read);

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  const head = pressed?.closest("th[data-head]");
  const cell = pressed?.closest("td[data-cell]");
  if (event.target === dialog || pressed?.classList.contains("close")) dialog.close();
  else if (cell) explain(Number(cell.dataset.cell));
  else if (pressed?.dataset.archive) save(packed(), pressed.dataset.archive);
  else if (head) {
    const section = head.closest("section.chosen").id;
    const order = turned(head);
    const chooser = choosers.find((c) => c.id === section);
    chooser.change(() => { chooser.sort = [head.dataset.head, order]; });
    say(`Sorted by ${head.dataset.head}, ${order}`);
  }
});
