// Icon sets that come as one JSON file each, as SVG files: node_modules/unpacked/SET/{outline,filled}/NAME.svg
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

// What the end of a name says about style; "" is any name, and one that fits none is left out.
const STYLES = {
  ri: [["-line", "outline"], ["-fill", "filled"], ["", "outline"]],
  mingcute: [["-line", "outline"], ["-fill", "filled"]],
  mdi: [["-outline", "outline"], ["", "filled"]],
  "fluent-emoji-flat": [["", "filled"]],
  "fluent-emoji-high-contrast": [["", "filled"]],
  "noto-v1": [["", "filled"]],
  fxemoji: [["", "filled"]],
};
// Found by looking at all of them: a name by which another thing is drawn.
const NOT_WHAT_IT_SAYS = new Set([
  ...["construction", "desktopcomputer", "gamedie", "keyboard", "sunglasses", "window"].map((name) => `fxemoji/${name}`),
  "noto-v1/laptop",
]);
const SKIN = /-(light|medium-light|medium|medium-dark|dark)(-skin-tone)?$/;

for (const [set, styles] of Object.entries(STYLES)) {
  const { icons, width = 16, height = width } = JSON.parse(readFileSync(`node_modules/@iconify-json/${set}/icons.json`));
  for (const [, style] of styles) mkdirSync(`node_modules/unpacked/${set}/${style}`, { recursive: true });
  for (const [name, icon] of Object.entries(icons)) {
    if (SKIN.test(name) && name.replace(SKIN, "") in icons) continue;
    if (NOT_WHAT_IT_SAYS.has(`${set}/${name}`)) continue;
    const found = styles.find(([end]) => name.endsWith(end));
    if (!found) continue;
    const [end, style] = found;
    const box = [icon.left ?? 0, icon.top ?? 0, icon.width ?? width, icon.height ?? height].join(" ");
    const file = `node_modules/unpacked/${set}/${style}/${end ? name.slice(0, -end.length) : name}.svg`;
    writeFileSync(file, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="${box}">${icon.body}</svg>`);
  }
}
