// Make from the installed packages what pages load as files: antd's styles as plain CSS, in light and dark,
// and the web components of Shoelace as one script.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

const require = createRequire(import.meta.url);
const React = require("react");
const { renderToStaticMarkup } = require("react-dom/server");
const { createCache, extractStyle, StyleProvider } = require("@ant-design/cssinjs");
const antd = require("antd");
const h = React.createElement;

const items = [{ key: "1", label: "One" }, { key: "2", label: "Two" }];
// One of each component whose markup our pages write; rendering it is what makes antd write its styles.
const gallery = [
  h(antd.Button, { type: "primary" }, "Save"),
  h(antd.Input, { defaultValue: "text" }),
  h(antd.Input.Password, {}),
  h(antd.Input.TextArea, { rows: 3 }),
  h(antd.Checkbox, { checked: true }, "on"),
  h(antd.Radio, { checked: true }, "on"),
  h(antd.Switch, { checked: true }),
  h(antd.Select, { value: "1", options: [{ value: "1", label: "One" }] }),
  h(antd.Slider, { value: 30 }),
  h(antd.Tabs, { items }),
  h(antd.Menu, { mode: "inline", selectedKeys: ["1"], items }),
  h(antd.Breadcrumb, { items: [{ title: "A" }, { title: "B" }] }),
  h(antd.Pagination, { total: 50, current: 2, onChange() {} }),
  h(antd.Card, { title: "Title" }, "body"),
  h(antd.Tag, { color: "success" }, "new"),
  h(antd.Progress, { percent: 30 }),
  h(antd.Alert, { type: "info", showIcon: true, title: "note" }),
  h(antd.Table, { columns: [{ title: "A", dataIndex: "a" }], dataSource: [{ key: "1", a: "1" }] }),
];

function antdStyles(algorithm) {
  const cache = createCache();
  const theme = { algorithm, hashed: false, cssVar: { key: "ant-root" } };
  renderToStaticMarkup(
    h(StyleProvider, { cache }, h(antd.ConfigProvider, { theme }, h("div", {}, ...gallery))),
  );
  return extractStyle(cache, true);
}

mkdirSync("built", { recursive: true });
writeFileSync("built/antd-light.css", antdStyles(antd.theme.defaultAlgorithm));
writeFileSync("built/antd-dark.css", antdStyles(antd.theme.darkAlgorithm));

const components = ["alert", "badge", "breadcrumb", "breadcrumb-item", "button", "card", "checkbox", "dialog",
  "divider", "input", "menu", "menu-item", "option", "progress-bar", "radio", "radio-group", "range", "select",
  "switch", "tab", "tab-group", "tag", "textarea"];
const parts = components.map((name) => `import "@shoelace-style/shoelace/dist/components/${name}/${name}.js";`);
await build({
  stdin: { contents: parts.join("\n"), resolveDir: "." },
  bundle: true,
  minify: true,
  format: "iife",
  logLevel: "error",
  outfile: "built/shoelace.js",
});
