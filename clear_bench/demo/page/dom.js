// What both halves of the page use.  Text from outside becomes text, never markup.

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function option(value, text) {
  return element("option", { value }, text);
}

export function track(share, limit = null) {
  const fill = element("div", { class: "fill" });
  fill.style.width = `${100 * share}%`;
  const made = element("div", { class: "track" }, fill);
  if (limit !== null) {
    const line = element("div", { class: "limit" });
    line.style.left = `calc(${100 * limit}% - 1px)`;
    made.append(line);
  }
  return made;
}

export async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} : { method: "POST", body });
  } catch {
    throw new Error("the server does not answer; is clear-bench demo still running?");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

// Only the newest request of a place may write there.
export function latest(status) {
  let newest = 0;
  return async (words, work) => {
    const own = ++newest;
    status.className = "status soft";
    status.textContent = words;
    try {
      const show = await work();
      if (own === newest) status.textContent = show() ?? "";
    } catch (error) {
      if (own !== newest) return;
      status.className = "status error";
      status.textContent = error.message;
    }
  };
}
