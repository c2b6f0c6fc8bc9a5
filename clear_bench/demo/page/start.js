import { ask, byId } from "./dom.js";
import * as picture from "./picture.js";
import * as search from "./search.js";

try {
  const about = await ask("about");
  picture.start(about.recognition);
  search.start(about.galleries);
} catch (error) {
  byId("picture-status").className = "status error";
  byId("picture-status").textContent = error.message;
}
