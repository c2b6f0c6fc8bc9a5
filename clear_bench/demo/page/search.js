// A query, and a gallery ranked by two methods side by side.
import { ask, byId, element, latest, option, track } from "./dom.js";
import { recogniseHit } from "./picture.js";

const working = latest(byId("search-status"));
let galleries = [];
const chosen = () => galleries.find((each) => each.key === byId("gallery").value);

export function start(found) {
  galleries = found;
  byId("gallery").append(...found.map((each) => option(each.key, each.title)));
  byId("gallery").addEventListener("change", fill);
  byId("any").disabled ||= !found.length;
  byId("any").addEventListener("click", () => {
    recogniseHit(byId("left").value, "any");
  });
  byId("attributes").addEventListener("change", (event) =>
    event.target.classList.toggle("said", event.target.value !== ""));
  const form = byId("search-form");
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  form.addEventListener("reset", () => setTimeout(fill));
  for (const radio of form.elements.kind) radio.addEventListener("change", kind);
  if (found.length) fill();
  else byId("search-status").textContent = "No retrieval run is at hand.";
}

function kind() {
  const words = byId("search-form").elements.kind.value === "words";
  byId("words").hidden = !words;
  byId("attributes").hidden = words;
}

function fill() {
  const gallery = chosen();
  const options = () => gallery.runs.map((run) => option(run.id, run.title));
  byId("left").replaceChildren(...options());
  byId("right").replaceChildren(...options(), option("", "none"));
  const clear = gallery.runs.findIndex((run) => /^clear-retrieval-/.test(run.id));
  byId("left").selectedIndex = Math.max(clear, 0);
  byId("right").selectedIndex = byId("left").selectedIndex ? 0 : 1;
  const groups = Map.groupBy(gallery.attributes, (each) => each.group || ` ${each.name}`);
  byId("attributes").replaceChildren(
    element("legend", { class: "vh" }, "attributes"),
    ...[...groups.values()].map((members) => {
      const lone = members.length === 1 && !members[0].group;
      const says = (pairs, text) => option(JSON.stringify(pairs), text);
      const none = says(members.map((each) => [each.name, false]), lone ? "no" : "none");
      const some = members.map((each) => says([[each.name, true]], lone ? "yes" : each.words));
      return element("label", {}, (lone ? members[0].name : members[0].group).replaceAll("_", " "),
        element("select", {}, option("", "any"), ...some, none));
    }));
  byId("answers").replaceChildren();
  byId("search-status").textContent = "";
  kind();
}

function query() {
  const words = byId("search-form").elements.kind.value === "words";
  const said = [...byId("attributes").querySelectorAll("select")]
    .filter((each) => each.value !== "").flatMap((each) => JSON.parse(each.value));
  return {
    attributes: words ? {} : Object.fromEntries(said),
    text: words ? byId("text").value.trim() : "",
    unspecified: byId("unspecified").value,
  };
}

function search() {
  const asked = query();
  const runs = [byId("left").value, byId("right").value].filter(Boolean);
  const titles = new Map(chosen().runs.map((run) => [run.id, run.title]));
  working("ranking; a gallery is read once by each method, which takes a while the first time ...",
    async () => {
      const found = await Promise.allSettled(
        runs.map((run) => ask("search", JSON.stringify({ ...asked, run }))));
      return () => byId("answers").replaceChildren(...found.map((each, k) => each.value
        ? answer(runs[k], titles.get(runs[k]), each.value)
        : element("article", { class: "answer" }, element("h3", {}, titles.get(runs[k])),
            element("p", { class: "error" }, each.reason.message))));
    });
}

function answer(run, title, content) {
  const best = content.hits.filter((hit) => hit.right).length;
  const count = content.right === null ? "" : ` ${best} of the best ${content.hits.length} have `
    + `all that was said by their labels, as ${content.right} of all have.`;
  const left = content.unreadable ? ` ${content.unreadable} files cannot be read.` : "";
  return element("article", { class: "answer", "aria-label": title },
    element("h3", {}, title),
    element("p", { class: "soft" }, `${content.images} pictures.${count}${left}`),
    became(content.query),
    element("ol", { class: "hits" }, ...content.hits.map((each) => hit(run, each))));
}

function hit(run, each) {
  const right = each.right === null ? "" : each.right ? "✓" : "✗";
  const words = each.right === null ? "" : each.right ? "all that was said is true" : "not all is true";
  const button = element("button",
    { type: "button", class: each.right ? "right" : "", title: `${each.file}: ${each.attributes.join(", ")}` },
    element("img", { src: `picture/${encodeURIComponent(run)}/${each.row}`, alt: "", loading: "lazy" }),
    element("span", { class: "rank" },
      element("span", {}, `${each.rank} `, element("span", { class: "yes", "aria-hidden": "true" }, right),
        element("span", { class: "vh" }, words)),
      element("span", { class: "soft" }, each.score.toFixed(3).replace("-", "\u2212"))),
    element("span", { class: "vh" }, "; show its attributes"));
  button.addEventListener("click", () => {
    recogniseHit(run, each.row);
    byId("picture-title").focus();
  });
  return element("li", {}, button);
}

function became(query) {
  const parts = [element("p", {}, query.reading)];
  if (query.text) parts.push(element("p", {}, `embedded by ${query.encoder}:`), element("blockquote", {}, query.text));
  for (const each of query.descriptions) {
    parts.push(
      element("p", {}, `pseudo-description for ${query.encoder}, weight ${each.weight.toFixed(2)}`
        + (each.sentences.length > 1 ? `, mean of ${each.sentences.length}:` : ":")),
      ...each.sentences.slice(0, 3).map((sentence) => element("blockquote", {}, sentence)));
  }
  const hidden = query.stands_for - query.descriptions.length;
  if (query.descriptions.length && hidden > 0) parts.push(element("p", { class: "soft" }, `and ${hidden} more`));
  if (!query.encoder) parts.push(element("p", {}, "The method reads no text."));
  if (query.code) {
    parts.push(element("p", {}, query.stands_for > 1
      ? `attribute vector, mean of ${query.stands_for}:` : "attribute vector:"));
    parts.push(element("ul", { class: "vector" }, ...query.vector.map((each) =>
      element("li", { class: each.said ? "said" : "" }, each.name,
        element("span", {}, each.share.toFixed(2)), track(each.share)))));
  } else parts.push(element("p", {}, "The method reads no attribute vector, the text alone."));
  return element("details", {}, element("summary", {}, "what the query became"), ...parts);
}
