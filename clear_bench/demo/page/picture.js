// A picture, its attributes as bars, and where the network looked.
import { ask, byId, element, latest, option, track } from "./dom.js";

const working = latest(byId("picture-status"));
let again = null; // asks for the same picture once more, by another method

export function start(runs) {
  byId("recogniser").append(...runs.map((run) => option(run.id, run.title)));
  if (!runs.length) {
    byId("picture-status").textContent = "No recognition run is at hand.";
    for (const control of byId("picture-form").elements) control.disabled = true;
    return;
  }
  byId("picture-form").addEventListener("submit", (event) => event.preventDefault());
  byId("recogniser").addEventListener("change", () => again?.());
  byId("file").addEventListener("change", (event) => recognise(event.target.files[0]));
  const drop = byId("drop");
  for (const name of ["dragover", "dragleave", "drop"]) {
    // everywhere: a picture that misses the box must not replace the page
    window.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
    });
  }
  window.addEventListener("drop", (event) => recognise(event.dataTransfer.files[0]));
}

function recognise(file) {
  if (!file) return;
  send(`reading ${file.name} ...`, (run) => ask(`recognise/${run}`, file));
}

export function recogniseHit(run, row) {
  send("reading a picture of the gallery ...", (by) => ask(`recognise/${by}/${run}/${row}`, ""));
}

function send(words, request) {
  if (!byId("recogniser").value) return;
  again = () => {
    const run = encodeURIComponent(byId("recogniser").value);
    working(words, async () => {
      const answer = await request(run);
      return () => show(answer);
    });
  };
  again();
}

function show(answer) {
  const figures = [["the picture", answer.picture, ""]];
  figures.push(...answer.maps.map((map) => [map.title, map.picture, "map"]));
  byId("pictures").replaceChildren(...figures.map(([title, src, kind]) =>
    element("figure", { class: kind }, element("img", { src, alt: "" }),
      element("figcaption", {}, title))));
  byId("picture-note").textContent = answer.maps.length
    ? "Bright is much looked at, each map by its own greatest value. Where a network looks is not why it decides."
    : `No map of attention: ${answer.note}.`;
  byId("bars").tBodies[0].replaceChildren(...answer.attributes.map((each) =>
    element("tr", { class: each.present ? "present" : "" },
      element("th", { scope: "row" }, each.name,
        element("span", { class: "vh" }, each.present ? " (present)" : " (absent)")),
      element("td", { class: "number" }, `${(100 * each.probability).toFixed(1)} %`),
      element("td", { class: "bar" }, track(each.probability, each.threshold)))));
  byId("picture-answer").hidden = false;
  const present = answer.attributes.filter((each) => each.present).length;
  return `${present} of ${answer.attributes.length} attributes are above their threshold, the line across each bar.`;
}
