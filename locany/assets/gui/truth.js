// Where everything is: one call after a page is shown. Lengths in CSS pixels of the viewport.
//
//   elements  {id, box, full, share, seen, point, text}  of every [data-w] that has any area
//   lines     [text, x0, y0, x1, y1, seen]              of every line of text, values of fields included
//
// `full` is the whole box, `box` its part inside of its scrolling ancestors and the window, `share` how much of it
// that is; `seen` is how much of `box` answers to the pointer. Where something lies over a side of the box, that
// side is moved to where it ends.
async () => {
  // Web components draw themselves a moment after the page has loaded.
  const late = [...document.querySelectorAll("*")].filter((el) => el.updateComplete);
  await Promise.all(late.map((el) => el.updateComplete));
  for (const el of document.querySelectorAll("[data-scroll]")) el.scrollTop = +el.dataset.scroll;
  const W = window.innerWidth, H = window.innerHeight;
  const up = (n) => n.assignedSlot || n.parentNode || n.host || null;
  const hit = (x, y) => {
    let e = document.elementFromPoint(x, y);
    while (e && e.shadowRoot) {
      const d = e.shadowRoot.elementFromPoint(x, y);
      if (!d || d === e) break;
      e = d;
    }
    return e;
  };
  const within = (e, owner) => {
    for (let n = e; n; n = up(n)) if (n === owner) return true;
    return false;
  };
  const ownerOf = (el) => el.closest("label.x-inrow, .x-owner") || el;
  const clips = new Map();
  const clipOf = (el) => {  // the window in which children of `el` are visible
    if (!el || el === document || el === document.documentElement) return [0, 0, W, H];
    if (clips.has(el)) return clips.get(el);
    let c = clipOf(up(el));
    if (el instanceof Element && !(el instanceof SVGElement)) {
      const s = getComputedStyle(el);
      if (s.display !== "contents" && (s.overflowX !== "visible" || s.overflowY !== "visible")) {
        const r = el.getBoundingClientRect();
        const x = r.left + el.clientLeft, y = r.top + el.clientTop;
        const w = el.clientWidth || r.width, h = el.clientHeight || r.height;
        c = [Math.max(c[0], x), Math.max(c[1], y), Math.min(c[2], x + w), Math.min(c[3], y + h)];
      }
    }
    clips.set(el, c);
    return c;
  };
  const cut = (r, c) => [Math.max(r[0], c[0]), Math.max(r[1], c[1]), Math.min(r[2], c[2]), Math.min(r[3], c[3])];
  const area = (b) => Math.max(0, b[2] - b[0]) * Math.max(0, b[3] - b[1]);
  const AT = [0.08, 0.29, 0.5, 0.71, 0.92];

  const elements = [];
  for (const el of document.querySelectorAll("[data-w]")) {
    const target = (el.dataset.part && el.shadowRoot && el.shadowRoot.querySelector(el.dataset.part)) || el;
    const q = target.getBoundingClientRect();
    const full = [q.left, q.top, q.right, q.bottom];
    if (area(full) <= 0) continue;
    let box = cut(full, clipOf(up(target)));
    const share = area(box) / area(full);
    if (share <= 0 || box[2] <= box[0] || box[3] <= box[1]) continue;
    const owner = ownerOf(el);
    const mine = (x, y) => {
      const e = hit(x, y);
      return e !== null && within(e, owner);
    };
    const scan = (b) => AT.map((v) => AT.map((u) => mine(b[0] + u * (b[2] - b[0]), b[1] + v * (b[3] - b[1]))));
    // A round control has no corners: they say nothing.
    const corner = (i, j) => (i === 0 || i === 4) && (j === 0 || j === 4);
    const count = (g) => g.flat().filter((on, k) => on && !corner(Math.floor(k / 5), k % 5)).length;
    let grid = scan(box), seen = count(grid) / 21;
    if (seen < 1 && seen > 0.3) {
      const rows = grid.map((r) => r.slice(1, 4).every((v) => v));
      const cols = AT.map((_, j) => grid.slice(1, 4).every((r) => r[j]));
      const bisect = (on, off, test) => {
        while (Math.abs(on - off) > 0.5) {
          const mid = (on + off) / 2;
          if (test(mid)) on = mid; else off = mid;
        }
        return on;
      };
      const midX = (box[0] + box[2]) / 2, midY = (box[1] + box[3]) / 2;
      const b = box.slice();
      const sy = (i) => box[1] + AT[i] * (box[3] - box[1]), sx = (j) => box[0] + AT[j] * (box[2] - box[0]);
      if (rows.some((v) => v) && !rows.every((v) => v)) {
        const a = rows.indexOf(true), z = rows.lastIndexOf(true);
        if (a > 0) b[1] = bisect(sy(a), sy(a - 1), (y) => mine(midX, y));
        if (z < 4) b[3] = bisect(sy(z), sy(z + 1), (y) => mine(midX, y));
      } else if (cols.some((v) => v) && !cols.every((v) => v)) {
        const a = cols.indexOf(true), z = cols.lastIndexOf(true);
        if (a > 0) b[0] = bisect(sx(a), sx(a - 1), (x) => mine(x, midY));
        if (z < 4) b[2] = bisect(sx(z), sx(z + 1), (x) => mine(x, midY));
      }
      const again = scan(b);
      if (count(again) > count(grid)) {
        box = b;
        grid = again;
        seen = count(again) / 21;
      }
    }
    let point = null;
    for (const [i, j] of [[2, 2], [2, 1], [2, 3], [1, 2], [3, 2], [1, 1], [3, 3], [1, 3], [3, 1], [2, 0], [2, 4]]) {
      if (grid[i][j]) {
        point = [box[0] + AT[j] * (box[2] - box[0]), box[1] + AT[i] * (box[3] - box[1])];
        break;
      }
    }
    const text = (el.innerText || "").replace(/\s+/g, " ").trim();
    elements.push({ id: +el.dataset.w, box, full, share: share * (area(box) / area(cut(full, box)) || 1), seen, point, text });
  }

  const shortened = new Map();
  const isShort = (el) => {  // whether an ellipsis stands for a part of its text
    if (!(el instanceof HTMLElement) || el === document.body) return false;
    if (!shortened.has(el)) {
      const s = getComputedStyle(el);
      const dots = s.textOverflow === "ellipsis" && s.overflowX !== "visible" && el.scrollWidth > el.clientWidth + 1;
      const clamp = s.webkitLineClamp !== "none" && el.scrollHeight > el.clientHeight + 1;
      shortened.set(el, dots || clamp || (s.display === "inline" && isShort(up(el))));
    }
    return shortened.get(el);
  };
  const lines = [];
  const open = new Map();  // of a paragraph in pieces, its last line
  const add = (text, r, node) => {
    const whole = [r.left, r.top, r.right, r.bottom];
    const box = cut(whole, clipOf(node instanceof Element ? node : node.parentNode));
    if (area(whole) <= 0 || area(box) <= 0) return;
    const el = node.nodeType === 3 ? node.parentNode : node;
    const y = (box[1] + box[3]) / 2;
    let on = 0;
    for (const u of [0.06, 0.35, 0.65, 0.94]) {
      const e = hit(box[0] + u * (box[2] - box[0]), y);
      if (e && (within(e, el) || within(el, e) || e.contains(el))) on++;
    }
    // A line's box is taller than its letters: a sliver cut off above or below takes nothing away.
    const tall = Math.min(1, (box[3] - box[1]) / (whole[3] - whole[1]) / 0.88);
    const wide = (box[2] - box[0]) / (whole[2] - whole[0]);
    const found = [text, ...box, tall * wide * (on / 4) * (isShort(el) ? 0.5 : 1)];
    const prose = el.closest(".x-prose"), before = prose && open.get(prose);
    if (before && Math.abs((before[2] + before[4]) / 2 - y) < (box[3] - box[1]) / 2) {
      before[0] += " " + text;
      for (const k of [1, 2]) before[k] = Math.min(before[k], found[k]);
      for (const k of [3, 4]) before[k] = Math.max(before[k], found[k]);
      before[5] = Math.min(before[5], found[5]);
      return;
    }
    if (prose) open.set(prose, found);
    lines.push(found);
  };
  const range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, value = node.nodeValue;
    if (!value.trim()) continue;
    const tag = node.parentNode.nodeName;
    if (tag === "STYLE" || tag === "SCRIPT" || tag === "OPTION" || tag === "TEXTAREA" || tag === "title") continue;
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].filter((r) => r.width > 0.5 && r.height > 0.5);
    if (!rects.length) continue;
    if (rects.every((r) => Math.abs(r.top - rects[0].top) < 2)) {
      const b = range.getBoundingClientRect();
      add(value.replace(/\s+/g, " ").trim(), b, node);
      continue;
    }
    // Several lines: walk the words (or, without spaces, the characters) and start a line where they drop.
    const pieces = [...value.matchAll(/[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+/g)];
    let line = null;
    const flush = () => { if (line) add(line.text, { left: line.b[0], top: line.b[1], right: line.b[2], bottom: line.b[3] }, node); };
    let last = 0;
    for (const m of pieces) {
      range.setStart(node, m.index);
      range.setEnd(node, m.index + m[0].length);
      const r = range.getBoundingClientRect();
      if (r.width <= 0) continue;
      const gap = /\s/.test(value.slice(last, m.index)) ? " " : "";
      last = m.index + m[0].length;
      if (line && Math.abs(r.top - line.b[1]) < r.height / 2) {
        line.text += gap + m[0];
        line.b = [Math.min(line.b[0], r.left), line.b[1], Math.max(line.b[2], r.right), Math.max(line.b[3], r.bottom)];
      } else {
        flush();
        line = { text: m[0], b: [r.left, r.top, r.right, r.bottom] };
      }
    }
    flush();
  }

  // Values and placeholders are no text of the document: their place follows from the font.
  const ink = document.createElement("canvas").getContext("2d");
  const typed = [...document.querySelectorAll("input, textarea, select")];
  for (const host of document.querySelectorAll("sl-input, sl-textarea, sl-select")) {
    if (host.shadowRoot) typed.push(...host.shadowRoot.querySelectorAll("input, textarea"));
  }
  for (const el of typed) {
    if (["checkbox", "radio", "range", "password", "hidden"].includes(el.type)) continue;
    const value = el.nodeName === "SELECT" ? (el.selectedOptions[0] || {}).text : el.value || el.placeholder;
    if (!value) continue;
    const q = el.getBoundingClientRect();
    const s = getComputedStyle(el);
    if (q.width < 8 || q.height < 8 || s.opacity === "0" || s.visibility === "hidden") continue;
    ink.font = `${s.fontStyle} ${s.fontWeight} ${s.fontSize} ${s.fontFamily}`;
    const left = q.left + parseFloat(s.borderLeftWidth) + parseFloat(s.paddingLeft);
    const right = q.right - parseFloat(s.borderRightWidth) - parseFloat(s.paddingRight);
    const text = value.split("\n")[0];
    const m = ink.measureText(text);
    if (el.nodeName === "TEXTAREA" && (m.width > right - left || value.includes("\n"))) {
      lines.push([text, left, q.top, right, q.bottom, 0.5]);  // wrapped: where its lines are is not known
      continue;
    }
    const height = m.fontBoundingBoxAscent + m.fontBoundingBoxDescent;
    const line = parseFloat(s.lineHeight) || height * 1.05;
    const top = el.nodeName === "TEXTAREA"
      ? q.top + parseFloat(s.borderTopWidth) + parseFloat(s.paddingTop) + (line - height) / 2
      : (q.top + q.bottom + parseFloat(s.paddingTop) - parseFloat(s.paddingBottom)) / 2 - height / 2;
    const x0 = s.direction === "rtl" ? Math.max(left, right - m.width) : left;
    const x1 = Math.min(right, x0 + m.width);
    const whole = m.width > right - left + 1 ? 0.5 : 1;  // cut off: read in part only
    const box = cut([x0, top, x1, top + height], clipOf(up(el)));
    if (area(box) <= 0) continue;
    const e = hit((box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
    const on = e && (within(e, ownerOf(el)) || within(el, e)) ? 1 : 0;
    lines.push([text, ...box, whole * on * area(box) / Math.max(1e-6, (x1 - x0) * height)]);
  }
  return { elements, lines };
}
