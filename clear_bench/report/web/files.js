/* ---- the files inside the page: a .tar.gz in base64, unpacked when the first one is asked for */

function packed() {
  const text = atob(document.getElementById("archive").textContent);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

let unpacked;
function files() {
  unpacked ??= unpack();
  return unpacked;
}

async function unpack() {
  const stream = new Blob([packed()]).stream().pipeThrough(new DecompressionStream("gzip"));
  return untar(new Uint8Array(await new Response(stream).arrayBuffer()));
}

/* A header of 512 bytes before each file; a long name is a file of type L before it. */
function untar(bytes) {
  const decoder = new TextDecoder();
  const text = (start, length) => decoder.decode(bytes.subarray(start, start + length));
  const upToZero = (words) => words.split("\0", 1)[0];
  const found = new Map();
  let long = "";
  for (let at = 0; at + 512 <= bytes.length && bytes[at]; ) {
    const size = parseInt(text(at + 124, 12), 8);
    const content = text(at + 512, size);
    if (text(at + 156, 1) === "L") {
      long = upToZero(content);
    } else {
      found.set(long || upToZero(text(at, 100)), content);
      long = "";
    }
    at += 512 + 512 * Math.ceil(size / 512);
  }
  return found;
}

async function fileOf(name) {
  const text = (await files()).get(name);
  if (text === undefined) throw new Error(`${name} is not in this page`);
  return text;
}

function save(content, name) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([content]));
  link.download = name.split("/").pop();
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say(`Saved ${link.download}`);
}

/* ---- the clipboard; a browser that forbids it still obeys the older command */

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", text);
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("this browser lets no page copy; select the text instead");
  }
  say(`Copied ${what}`);
}

/* Do what may fail, and say it if it does. */
function attempt(work) {
  return () => work().catch((error) => say(`Not done: ${error.message}`));
}

const FORMS = { LaTeX: ".tex", CSV: ".csv", Markdown: ".md" };

/* Buttons that copy a table and links that save it, in place of the links to files beside. */
function offerFiles(panel) {
  const { stem } = panel.dataset;
  const { profile } = JSON.parse(panel.dataset.facets);
  const name = (suffix) => `tables/${profile}/${stem}${suffix}`;
  const bar = make("div");
  bar.className = "files";
  bar.append("Copy");
  for (const [form, suffix] of Object.entries(FORMS)) {
    const press = attempt(async () => copy(await fileOf(name(suffix)), `${stem} as ${form}`));
    bar.append(button(form, press, ` of ${stem}, copy`));
  }
  bar.append("Download");
  for (const suffix of [...Object.values(FORMS), ".json"]) {
    const press = attempt(async () => save(await fileOf(name(suffix)), name(suffix)));
    bar.append(button(suffix, press, ` of ${stem}, download`));
  }
  panel.querySelector("p.files")?.remove();
  panel.querySelector(".scroll").before(bar);
}

function offerCopy(block) {
  const box = make("div");
  box.className = "command";
  block.replaceWith(box);
  const press = attempt(() => copy(block.textContent, "the text"));
  box.append(block, button("Copy", press, " this text"));
  return box;
}

/* A figure is an SVG in the page: save just that. */
function offerPicture(figure) {
  const { stem } = figure.dataset;
  const press = attempt(async () => {
    const picture = await fetch(figure.querySelector("img").src);
    save(await picture.blob(), `${stem}.svg`);
  });
  figure.querySelector("figcaption").append(" ", button("Save SVG", press, ` of ${stem}`));
}
