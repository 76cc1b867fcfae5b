"""What the page is asked, in JavaScript: to drop what does not fit, and to say where everything is."""

from __future__ import annotations

# Headings and tables wider than their place shrink; elements marked data-trim leave, last first, until
# nothing sticks out of the page.
FIT = """() => {
  const page = document.querySelector('.page');
  for (const head of page.querySelectorAll('h1, h2, h3'))
    for (let k = 0; k < 8 && head.scrollWidth > head.clientWidth + 1; k++)
      head.style.fontSize = `${parseFloat(getComputedStyle(head).fontSize) * 0.88}px`;
  for (const table of page.querySelectorAll('table'))
    for (let k = 0; k < 8 && table.offsetWidth > table.parentElement.clientWidth + 1; k++)
      table.style.fontSize = `${parseFloat(getComputedStyle(table).fontSize) * 0.88}px`;
  const limit = page.getBoundingClientRect().bottom - parseFloat(getComputedStyle(page).paddingBottom);
  for (let round = 0; round < 4; round++) {
    let low = limit;
    for (const child of page.children) {
      const hides = child.dataset.clip !== undefined || getComputedStyle(child).overflow !== 'visible';
      const rect = child.getBoundingClientRect();
      // Arabic fonts reach a little out of their lines: that is counted as overflow though there is room.
      const fits = hides || child.scrollHeight - child.clientHeight < 4;
      low = Math.max(low, fits ? rect.bottom : rect.top + child.scrollHeight);
    }
    let over = low - limit;
    if (over < 1) break;
    const optional = [...page.querySelectorAll('[data-trim]')].reverse();
    if (!optional.length) break;
    for (const element of optional) {
      if (over < 1) break;
      over -= element.getBoundingClientRect().height;
      element.remove();
    }
  }
}"""

# Returns marked elements and words, in CSS pixels, as JSON in one text: the driver checks anything else value
# by value, which takes longer than the page. A word: [text, block, chain, look, glued, rect (4), ink (4)];
# its ink is what the font says, since the rect reaches from the font's ascent to its descent.
FACTS = """() => {
  const page = document.querySelector('.page');
  const edges = (r) => [r.left, r.top, r.right, r.bottom];
  const padded = (element) => {  // data-ink may hold how far ink reaches over the element's place
    const r = element.getBoundingClientRect(), pad = parseFloat(element.dataset.ink) || 0;
    return [r.left - pad, r.top - pad, r.right + pad, r.bottom + pad];
  };
  const marked = [...page.querySelectorAll('[data-r],[data-o]')];
  const number = new Map(marked.map((element, i) => [element, i]));
  const grounds = new Map();
  const ground = (element) => {
    if (!element || element === document) return 'rgb(255, 255, 255)';
    if (grounds.has(element)) return grounds.get(element);
    const css = getComputedStyle(element);
    let color = css.backgroundColor;
    if (css.backgroundImage !== 'none' || element.dataset.photo !== undefined) color = '';
    else if (color === 'rgba(0, 0, 0, 0)') color = ground(element.parentElement);
    else if (color.startsWith('rgba')) color = '';
    grounds.set(element, color);
    return color;
  };
  const chain = (element) => {
    const found = [];
    for (; element && element !== page; element = element.parentElement)
      if (number.has(element)) found.push(number.get(element));
    return found;
  };
  const clip = (element) => {
    const held = page.getBoundingClientRect(), box = [held.left, held.top, held.right, held.bottom];
    for (const [holder, slack] of [[element.closest('[data-clip]'), 3], [element.closest('svg'), 0]]) {
      if (!holder) continue;
      const r = holder.getBoundingClientRect();
      box[0] = Math.max(box[0], r.left - slack); box[1] = Math.max(box[1], r.top - slack);
      box[2] = Math.min(box[2], r.right + slack); box[3] = Math.min(box[3], r.bottom + slack);
    }
    return box;
  };
  const elements = marked.map((e) => ({
    category: e.dataset.r || '', part: e.dataset.o || '', names: e.dataset.n || '',
    rects: [...e.getClientRects()].map(edges), clip: clip(e), ground: ground(e.parentElement),
    parents: chain(e.parentElement),
    ink: [...(e.dataset.ink !== undefined ? [e] : e.querySelectorAll('[data-ink]'))]
      .map((inner) => [...padded(inner), ground(inner.parentElement)])
      .concat(e.dataset.area !== undefined ? [[...edges(e.getBoundingClientRect()), '']] : []),
  }));

  const blocks = new Map(), looks = [], lookNumbers = new Map(), texts = new Map();
  const context = document.createElement('canvas').getContext('2d');
  const measured = new Map();
  const measure = (look, text) => {
    const key = look + ' ' + text;
    let m = measured.get(key);
    if (!m) {
      context.font = looks[look].font;
      context.letterSpacing = looks[look].spacing;
      m = context.measureText(text);
      measured.set(key, m);
    }
    return m;
  };
  const about = (parent) => {
    if (texts.has(parent)) return texts.get(parent);
    const css = getComputedStyle(parent);
    let block = parent;
    while (block !== page && block.tagName !== 'text' && getComputedStyle(block).display === 'inline')
      block = block.parentElement;
    if (!blocks.has(block)) blocks.set(block, blocks.size);
    const color = parent.closest('svg') ? css.fill : css.color;
    const look = { font: `${css.fontStyle} ${css.fontWeight} ${css.fontSize} ${css.fontFamily}`,
      spacing: css.letterSpacing === 'normal' ? '0px' : css.letterSpacing, color,
      ground: parent.dataset.ground || ground(parent), size: parseFloat(css.fontSize) };
    const key = JSON.stringify(look);
    if (!lookNumbers.has(key)) { lookNumbers.set(key, looks.length); looks.push(look); }
    const found = { block: blocks.get(block), chain: chain(parent), look: lookNumbers.get(key),
      raised: css.verticalAlign !== 'baseline', clip: clip(parent),
      skip: parent.closest('[data-skip]') !== null || css.visibility === 'hidden' };
    texts.set(parent, found);
    return found;
  };

  const chains = [], chainNumbers = new Map();
  const chainNumber = (found) => {
    const key = found.chain.join() + '|' + found.clip.join();
    if (!chainNumbers.has(key)) {
      chainNumbers.set(key, chains.length);
      chains.push({ elements: found.chain, clip: found.clip });
    }
    return chainNumbers.get(key);
  };

  const wide = /[\\u2e80-\\u30ff\\u3400-\\u9fff\\uff00-\\uffef]/;
  const pause = /[\\u3001\\u3002\\uff0c\\uff1a\\uff1b]/;
  const words = [];
  const range = document.createRange();
  const add = (text, found, glued, rects) => {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const r of rects) {
      x0 = Math.min(x0, r.left); y0 = Math.min(y0, r.top);
      x1 = Math.max(x1, r.right); y1 = Math.max(y1, r.bottom);
    }
    const m = measure(found.look, text);
    const base = y0 + m.fontBoundingBoxAscent;
    // Slanted glyphs reach over their rect, a hyphen lies beyond it; wide characters do neither, and end
    // before it where a pause is the last: the next one may begin right there.
    const isWide = wide.test(text), size = looks[found.look].size;
    const before = isWide ? 0 : 0.2 * size;
    const afterWide = pause.test(text.at(-1)) ? -0.15 : 0;
    const after = (isWide ? afterWide : text.endsWith('-') ? 0.6 : 0.2) * size;
    words.push([text, found.block, chainNumber(found), found.look, glued, x0, y0, x1, y1,
      Math.max(x0 - m.actualBoundingBoxLeft, x0 - before), base - m.actualBoundingBoxAscent,
      Math.min(Math.max(x1, x0 + m.actualBoundingBoxRight), x1 + after),
      base + m.actualBoundingBoxDescent]);
  };
  // Runs of characters on one line: words that a line end breaks, and scripts without spaces.
  const run = (node, from, to, found, glued, isWide) => {
    let start = from, rects = [], last = null;
    const close = (end) => {
      if (!rects.length) return;
      let text = node.data.slice(start, end).replaceAll('\\u00ad', '');
      if (end < to && node.data[end - 1] === '\\u00ad') text += '-';
      if (text) add(text, found, glued && start === from, rects);
      rects = [];
    };
    for (let i = from; i < to; i++) {
      range.setStart(node, i); range.setEnd(node, i + 1);
      // The letter after a hyphen reports the hyphen first, then itself.
      const r = [...range.getClientRects()].findLast((part) => part.width > 0);
      if (!r) continue;
      if (last && r.top > last.top + last.height * 0.6) { close(i); start = i; }
      else if (last && r.bottom < last.bottom - last.height * 0.6) { close(i); start = i; }
      rects.push(r); last = r;
      if (isWide && pause.test(node.data[i])) { close(i + 1); start = i + 1; last = null; }
    }
    close(to);
  };
  let before = null;
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, data = node.data;
    const parent = node.parentElement;
    if (!/\\S/.test(data) || parent.tagName === 'STYLE') { before = null; continue; }
    const found = about(parent);
    if (found.skip) { before = null; continue; }
    const pattern = /[^\\s]+/g;
    let match;
    while ((match = pattern.exec(data))) {
      const end = match.index + match[0].length;
      const glued = match.index === 0 && before === found.block && !found.raised;
      range.setStart(node, match.index); range.setEnd(node, end);
      const rects = [...range.getClientRects()].filter((r) => r.width > 0);
      if (!rects.length) continue;
      const tall = Math.max(...rects.map((r) => r.bottom)) - Math.min(...rects.map((r) => r.top));
      if (wide.test(match[0])) run(node, match.index, end, found, glued, true);
      else if (tall > rects[0].height * 1.5) run(node, match.index, end, found, glued, false);
      else add(match[0].replaceAll('\\u00ad', ''), found, glued, rects);
    }
    before = /\\S$/.test(data) && !found.raised ? found.block : null;
  }
  return JSON.stringify({ elements, words, chains, looks });
}"""
