// Shows the page that the address names: #draw, #train, #write or #look. A page is a module with
// `mount(root)`, called once, which may return `{ show(), hide() }`.
import { el, say } from "./ui.js";

const names = ["draw", "train", "write", "look"];
const pages = new Map();
const main = document.getElementById("page");

async function open() {
  const name = names.find((name) => location.hash.slice(1).split("/")[0] === name) ?? names[0];
  document.title = `${name[0].toUpperCase()}${name.slice(1)} – ONNX playground`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
  for (const [other, page] of pages) {
    if (other === name || page.root.hidden) continue;
    page.root.hidden = true;
    page.hooks?.hide?.();
  }
  let page = pages.get(name);
  if (!page) {
    page = { root: el("section", { "aria-label": name }) };
    pages.set(name, page);
    main.append(page.root);
    try {
      const module = await import(`./${name}.js`);
      page.hooks = await module.mount(page.root);
    } catch (error) {
      say(error.message, true);
      console.error(error);
    }
  }
  page.root.hidden = false;
  page.hooks?.show?.();
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  window.dispatchEvent(new Event("themechange"));
}

const dark = matchMedia("(prefers-color-scheme: dark)");
theme(localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => {
  const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", name);
  theme(name);
});
window.addEventListener("hashchange", open);
open();
