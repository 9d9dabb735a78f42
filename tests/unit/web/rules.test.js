/** What holds for every module of the page. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../services/gallery/atelier_gallery/web/", import.meta.url));
const files = readdirSync(WEB, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(WEB, join(entry.parentPath ?? entry.path, entry.name)))
  .filter((path) => !path.startsWith("vendor"));
const modules = files.filter((path) => path.endsWith(".js")).map((path) => ({ path, text: readFileSync(join(WEB, path), "utf8") }));
/** Without comments and texts in quotes: what the code does, not what it says. */
const code = (text) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");

const LAYERS = ["vendor", "core", "ui", "pages"];
const layer = (path) => (path.includes("/") ? LAYERS.indexOf(path.split("/")[0]) : LAYERS.length);
const imports = ({ path, text }) => [...code(text).matchAll(/(?:from|import)\s*"([^"]+)"/g)]
  .map(([, name]) => ({ name, to: relative(WEB, join(WEB, dirname(path), name)) }));

test("there are modules", () => assert.ok(modules.length > 30));

for (const module of modules) {
  test(`${module.path} imports downwards, by paths that exist`, () => {
    for (const { name, to } of imports(module)) {
      assert.match(name, /^\.\.?\/.*\.js$/, "relative and with its ending: no browser resolves anything else");
      assert.ok(layer(to) >= 0 && layer(to) <= layer(module.path), `${module.path} must not know ${to}`);
      assert.ok(files.includes(to) || to.startsWith("vendor/"), `${to} does not exist`);
    }
  });
  test(`${module.path} is short, and markup never comes from text`, () => {
    assert.ok(module.text.split("\n").length <= 251);
    const text = code(module.text);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
    assert.doesNotMatch(text, /<\$\{/, "components are h(Component, props): only there are props checked");
    if (module.path !== "core/api.js") assert.doesNotMatch(text, /[^.\w]fetch\(/);
    if (!["core/socket.js", "main.js"].includes(module.path)) assert.doesNotMatch(text, /WebSocket/);
    assert.doesNotMatch(text, /https?:\/\//, "everything is served from us");
  });
}

test("no cycles", () => {
  const edges = new Map(modules.map((module) => [module.path, imports(module).map(({ to }) => to)]));
  const visit = (path, way) => {
    assert.ok(!way.includes(path), [...way, path].join(" > "));
    for (const to of edges.get(path) ?? []) visit(to, [...way, path]);
  };
  visit("main.js", []);
});

test("styles, templates and the page bring nothing from elsewhere and no inline code", () => {
  for (const path of files.filter((name) => /\.(css|html)$/.test(name))) {
    const text = readFileSync(join(WEB, path), "utf8").replaceAll("http://www.w3.org/2000/svg", "");
    assert.doesNotMatch(text, /https?:|@import|url\(|\bon\w+=|style=/, path);
  }
  const page = readFileSync(join(WEB, "index.html"), "utf8");
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)/);
  for (const [, path] of page.matchAll(/"\/assets\/__VERSION__\/([^"]+)"/g)) assert.ok(files.includes(path), path);
});

test("every sheet is linked", () => {
  const page = readFileSync(join(WEB, "index.html"), "utf8");
  for (const path of files.filter((name) => name.endsWith(".css"))) assert.ok(page.includes(`/${path}"`), path);
});
