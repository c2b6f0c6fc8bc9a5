"use strict";

const known = JSON.parse(document.getElementById("known").textContent);

/* Make an element with text or children; text is never read as HTML. */
function make(tag, ...children) {
  const node = document.createElement(tag);
  node.append(...children);
  return node;
}

function button(words, press, hidden = "") {
  const node = make("button", words);
  node.type = "button";
  if (hidden) node.append(hiddenWords(hidden));
  node.addEventListener("click", press);
  return node;
}

/* Words for whoever hears the page and does not see what they belong to. */
function hiddenWords(words) {
  const node = make("span", words);
  node.className = "vh";
  return node;
}

/* Say what happened: seen for a while at the foot of the window, and heard. */
let silence;
function say(words) {
  const said = document.getElementById("said");
  said.textContent = words;
  said.classList.add("seen");
  clearTimeout(silence);
  silence = setTimeout(() => said.classList.remove("seen"), 4000);
}
