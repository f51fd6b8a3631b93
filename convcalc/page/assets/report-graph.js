// The network as a graph. Ranks, their order and the edges come with the page; here boxes get sizes and
// places. An open block is a box that holds the layout of its own group, so it grows and the rest moves.

(function (convcalc) {
  const {s, h, percent, described, HEATS} = convcalc.parts;
  const GAP = 28; // between two ranks: room for a shape
  const BETWEEN = 16; // between two boxes of a rank
  const LANE = 9; // between two arcs at the side
  const PAD = 10; // inside an open block
  const HEAD = 26; // its heading
  const PIECE = 1000; // height of a piece in print
  const PAPER = 690; // and the width of what it is printed on
  const STRAIGHT = 1e6; // how much more the longest way weighs than what stands beside it
  const LONG = 4; // ranks that a line passes between boxes; a longer one goes around them
  const SMALLEST = 0.72; // of its size, where a graph is wider than its place

  // ---- layout: sizes and places, from the inside out ------------------------------------------------

  /** The boxes and edges of a group, placed: {width, height, boxes, edges, inX, outX}. */
  function layout(model, id, look) {
    const group = model.groups[id] || {ranks: [], edges: [], ports: []};
    const items = new Map();
    let ranks = group.ranks.map((rank) => rank.filter((one) => model.rows.has(one)));
    if (look.spine) ranks = ranks.flat().map((one) => [one]);
    for (const one of ranks.flat()) items.set(one, box(model, one, look));
    const port = (name) => {
      const known = (group.ports || []).find((one) => one.id === name);
      return known ? known.side : name.startsWith('out') ? 'out' : 'in';
    };
    const ends = {in: [], out: []};
    for (const edge of group.edges) {
      for (const name of [edge.from, edge.to]) {
        if (items.has(name)) continue;
        const side = port(name);
        const label = (group.ports || []).find((one) => one.id === name);
        items.set(name, {id: name, port: side, width: 14, height: 0, inX: 7, outX: 7, label: label || {shape: edge.shape, name: ''}});
        ends[side].push(name);
      }
    }
    const lines = [ends.in, ...ranks, ends.out].filter((rank) => rank.length).map((rank) => rank.map((one) => items.get(one)));
    lines.forEach((line, number) => line.forEach((item) => (item.rank = number)));
    const edges = joined(group.edges.filter((edge) => items.has(edge.from) && items.has(edge.to)))
      .map((edge) => ({...edge, a: items.get(edge.from), b: items.get(edge.to)}));
    for (const edge of edges) {
      const apart = edge.b.rank - edge.a.rank;
      edge.lane = apart < 1 || (apart > 1 && (edge.skip || look.spine)) || apart > LONG;
    }
    thread(lines, edges);
    spine(lines, edges);
    align(lines, edges);
    return finish(model, id, lines, edges, look);
  }

  /** Several tensors from one box to the same other one are one line, which says all their shapes. */
  function joined(edges) {
    const found = new Map();
    for (const edge of edges) {
      const key = JSON.stringify([edge.from, edge.to]);
      const known = found.get(key);
      if (!known) found.set(key, {...edge});
      else if (!known.shape.split(', ').includes(edge.shape)) known.shape += `, ${edge.shape}`;
    }
    return [...found.values()];
  }

  /** A closed block, a layer or an input by its text; an open block by what is in it. */
  function box(model, id, look) {
    const row = model.rows.get(id);
    if (row.kind === 'block' && model.open.has(id)) {
      const inner = layout(model, id, look);
      const width = Math.max(inner.width + 2 * PAD, look.width);
      const shift = (width - inner.width) / 2;
      return {id, row, inner, shift, width, height: inner.height + HEAD + PAD, inX: inner.inX + shift, outX: inner.outX + shift};
    }
    const two = described(model, row) !== '';
    return {id, row, two, width: look.width, height: two ? 42 : 26, inX: look.width / 2, outX: look.width / 2};
  }

  /** Long edges that are no arcs get a narrow place in every rank they pass; those of one source share it. */
  function thread(lines, edges) {
    const shared = new Map();
    for (const edge of edges) {
      edge.way = [edge.a];
      if (!edge.lane) {
        if (!shared.has(edge.a)) shared.set(edge.a, []);
        const way = shared.get(edge.a);
        for (let rank = edge.a.rank + 1; rank < edge.b.rank; rank += 1) {
          const before = edge.way[edge.way.length - 1];
          const at = rank - edge.a.rank - 1;
          if (!way[at]) {
            way[at] = {width: 10, height: 0, inX: 5, outX: 5, rank, weight: 30, thread: true, before};
            const index = lines[rank].findIndex((other) => Math.min(...sources(other, edges, lines)) > lines[rank - 1].indexOf(before));
            lines[rank].splice(index < 0 ? lines[rank].length : index, 0, way[at]);
          }
          edge.way.push(way[at]);
        }
      }
      edge.way.push(edge.b);
    }
  }

  /** Where in the rank above the sources of a box stand. */
  function sources(item, edges, lines) {
    const above = lines[item.rank - 1];
    if (item.thread) return [above.indexOf(item.before)];
    const found = edges.filter((edge) => edge.b === item && !edge.lane && edge.a.rank === item.rank - 1).map((edge) => above.indexOf(edge.a));
    return found.length ? found : [Infinity];
  }

  /** The longest way through a group weighs most, so that it runs straight down. */
  function spine(lines, edges) {
    for (const item of lines.flat()) Object.assign(item, {steps: 0, above: null, weight: item.weight || 1});
    const ways = edges.filter((edge) => edge.b.rank > edge.a.rank).sort((one, other) => one.a.rank - other.a.rank);
    for (const {a, b} of ways) if (a.steps + 1 > b.steps) Object.assign(b, {steps: a.steps + 1, above: a});
    let item = lines.flat().reduce((last, one) => (last && last.steps >= one.steps ? last : one), null);
    for (; item; item = item.above) item.weight = STRAIGHT;
  }

  /** Places boxes from left to right: near what they join, in their order, without overlap. */
  function align(lines, edges) {
    const up = new Map();
    const down = new Map();
    for (const edge of edges) {
      if (edge.lane) continue;
      for (let at = 1; at < edge.way.length; at += 1) {
        const [a, b] = [edge.way[at - 1], edge.way[at]];
        if (!up.has(b)) up.set(b, new Set());
        if (!down.has(a)) down.set(a, new Set());
        up.get(b).add(a);
        down.get(a).add(b);
      }
    }
    for (const line of lines) {
      let x = -line.reduce((sum, item) => sum + item.width + BETWEEN, -BETWEEN) / 2;
      for (const item of line) {
        item.x = x;
        x += item.width + BETWEEN;
      }
    }
    const settle = (line, near, theirs, own) => {
      const mean = (others) => others.reduce((sum, other) => sum + other.weight * (other.x + other[theirs]), 0) /
        others.reduce((sum, other) => sum + other.weight, 0);
      const want = line.map((item) => {
        if (!near.has(item)) return item.x;
        const others = [...near.get(item)];
        const main = item.weight === STRAIGHT ? others.filter((other) => other.weight === STRAIGHT) : [];
        return mean(main.length ? main : others) - item[own];
      });
      spread(line, want);
    };
    for (let round = 0; round < 4; round += 1) {
      for (const line of lines) settle(line, up, 'outX', 'inX');
      for (const line of [...lines].reverse()) settle(line, down, 'inX', 'outX');
    }
    for (const line of lines) settle(line, up, 'outX', 'inX');
  }

  /** The places nearest to those wanted (least squares) that keep order and distance: pools of neighbours. */
  function spread(line, want) {
    const pools = [];
    let offset = 0;
    line.forEach((item, number) => {
      pools.push({sum: item.weight * (want[number] - offset), weight: item.weight, count: 1});
      offset += item.width + BETWEEN;
      while (pools.length > 1) {
        const [a, b] = pools.slice(-2);
        if (a.sum / a.weight <= b.sum / b.weight) break;
        pools.splice(-2, 2, {sum: a.sum + b.sum, weight: a.weight + b.weight, count: a.count + b.count});
      }
    });
    offset = 0;
    let at = 0;
    for (const pool of pools) {
      for (let k = 0; k < pool.count; k += 1, at += 1) {
        line[at].x = pool.sum / pool.weight + offset;
        offset += line[at].width + BETWEEN;
      }
    }
  }

  /** Places from top to bottom, and the arcs at the right side. */
  function finish(model, id, lines, edges, look) {
    const items = lines.flat();
    const left = Math.min(0, ...items.map((item) => item.x));
    for (const item of items) item.x -= left;
    let y = 0;
    lines.forEach((line, number) => {
      const tall = Math.max(...line.map((item) => item.height));
      const named = id === '' && line.every((item) => item.port);
      for (const item of line) {
        item.y = y;
        item.bottom = y + tall;
        if (item.port && named) item.height = 16;
      }
      const next = lines[number + 1];
      const tight = !named && (line[0].port === 'in' || (next && id !== '' && next[0].port === 'out'));
      y += (named ? 16 : tall) + (next ? (tight ? 16 : GAP) : 0);
    });
    const right = Math.max(look.width, ...items.map((item) => item.x + item.width));
    const lanes = assign(edges.filter((edge) => edge.lane));
    const first = items.find((item) => item.port === 'in') || items[0];
    const last = [...items].reverse().find((item) => item.port === 'out') || items[items.length - 1];
    return {
      lines, edges, right, items, width: right + (lanes ? 12 + lanes * LANE : 0), height: y,
      inX: first ? first.x + first.inX : 0, outX: last ? last.x + last.outX : 0,
    };
  }

  /** Arcs of one source share a lane; short ones stand further in. Returns how many lanes there are. */
  function assign(edges) {
    const buses = new Map();
    for (const edge of edges) {
      const bus = buses.get(edge.a) || {edges: [], top: Infinity, bottom: -Infinity};
      bus.edges.push(edge);
      bus.top = Math.min(bus.top, edge.a.rank, edge.b.rank);
      bus.bottom = Math.max(bus.bottom, edge.a.rank, edge.b.rank);
      buses.set(edge.a, bus);
    }
    const lanes = [];
    for (const bus of [...buses.values()].sort((a, b) => a.bottom - a.top - (b.bottom - b.top))) {
      let lane = lanes.findIndex((taken) => taken.every((other) => other.bottom <= bus.top || other.top >= bus.bottom));
      if (lane < 0) lane = lanes.push([]) - 1;
      lanes[lane].push(bus);
      for (const edge of bus.edges) edge.at = lane;
    }
    return lanes.length;
  }

  // ---- drawing --------------------------------------------------------------------------------------

  const canvas = document.createElement('canvas').getContext('2d');

  /** A text that fits a width: its middle goes first. */
  function fit(text, width, font) {
    canvas.font = font;
    if (canvas.measureText(text).width <= width) return text;
    const letters = [...text];
    for (let keep = letters.length - 1; keep > 1; keep -= 1) {
      const short = `${letters.slice(0, Math.ceil(keep / 2)).join('')}…${letters.slice(letters.length - Math.floor(keep / 2)).join('')}`;
      if (canvas.measureText(short).width <= width) return short;
    }
    return '…';
  }

  /** What the colour of a box says: its share, and the part of the largest share that is seen. */
  function scale(view) {
    let top = 0;
    for (const model of view.models) {
      for (const row of model.network.rows) {
        const seen = row.parent === null || (model.open.has(row.parent) && view.visible(model.number, row.id) === row.id);
        if (seen && !model.open.has(row.id)) top = Math.max(top, row.share[view.heat] || 0);
      }
    }
    return top;
  }

  function draw(view, model, target) {
    const {narrow} = view;
    const look = {width: narrow ? 210 : 200, spine: narrow};
    const whole = layout(model, '', look);
    const margin = 8;
    const [width, height] = [whole.width + 2 * margin, whole.height + 2 * margin];
    const arrow = `cv-arrow-${view.number}-${model.number}`;
    const root = s('svg', {id: `cv-graph-${view.number}-${model.number}`, class: 'cv-svg', viewBox: `0 0 ${width} ${height}`, width, height, role: 'tree', 'aria-label': `graph of ${model.network.title}`,
      'data-height': height});
    root.append(s('defs', {'aria-hidden': 'true'}, s('marker', {id: arrow, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7,
      markerUnits: 'userSpaceOnUse', orient: 'auto-start-reverse'}, s('path', {d: 'M0 0.5 8 4 0 7.5z', class: 'cv-tip'}))));
    const pen = {view, model, arrow, look, top: scale(view), boxes: new Map(), edges: [], order: [], root};
    group(pen, whole, margin, margin);
    // In the order in which they run, whatever the ranks: the order of the table and of the keys.
    target.boxes = new Map(model.network.rows.filter((row) => pen.boxes.has(row.id)).map((row) => [row.id, pen.boxes.get(row.id)]));
    target.edges = pen.edges;
    root.addEventListener('keydown', (event) => keys(pen, target, event));
    const before = target.firstChild && [target.scrollTop, target.scrollLeft];
    target.replaceChildren(root);
    const room = target.clientWidth;
    if (width > room) {
      const small = Math.max(SMALLEST, room / width);
      root.setAttribute('width', width * small);
      root.setAttribute('height', height * small);
      target.scrollLeft = before ? before[1] : (whole.inX + margin) * small - room / 2;
    }
    if (before) target.scrollTop = before[0];
  }

  function group(pen, found, x, y) {
    const told = new Set();
    const labels = [];
    for (const edge of [...found.edges].sort((a, b) => Number(a.lane) - Number(b.lane))) drawEdge(pen, found, edge, x, y, told, labels);
    pen.root.append(...labels); // over the lines, which they break
    for (const item of found.items) {
      if (item.row) drawBox(pen, item, x + item.x, y + item.y);
      else if (item.port && item.height) {
        const words = [item.label.name, item.port === 'out' ? 'output' : 'input'].find(Boolean);
        pen.root.append(s('text', {class: 'cv-port', x: x + item.x + item.inX, y: y + item.y + 12, 'text-anchor': 'middle', 'aria-hidden': 'true'},
          fit(words, pen.look.width, '11px sans-serif')));
      }
    }
  }

  /** A line through the ranks, or an arc at the side; its shape is said once for each source. */
  function drawEdge(pen, found, edge, x, y, told, labels) {
    const {a, b} = edge;
    const start = {x: x + a.x + a.outX, y: y + a.y + a.height};
    const stop = {x: x + b.x + b.inX, y: y + b.y};
    let d;
    if (edge.lane) {
      const lane = x + found.right + 12 + edge.at * LANE;
      const clear = (item) => !item.port && found.lines[item.rank][found.lines[item.rank].length - 1] === item;
      const turn = 6;
      let from;
      let to;
      if (clear(a)) from = [x + a.x + a.width, y + a.y + a.height * 0.62];
      else from = [start.x, a.port ? y + a.y + 7 : y + a.bottom + 7];
      const entries = found.edges.filter((other) => other.lane && other.b === b);
      const nth = (entries.indexOf(edge) + 1) / (entries.length + 1);
      if (clear(b)) to = [x + b.x + b.width, y + b.y + 4 + (Math.min(b.height, 42) * 0.62 - 4) * nth];
      else to = [stop.x, y + b.y - 7];
      const sign = to[1] < from[1] ? -1 : 1;
      d = (clear(a) ? '' : `M${start.x} ${start.y} V${from[1]} `) + `${clear(a) ? 'M' : 'L'}${from[0]} ${from[1]} H${lane - turn} ` +
        `Q${lane} ${from[1]} ${lane} ${from[1] + sign * turn} V${to[1] - sign * turn} Q${lane} ${to[1]} ${lane - turn} ${to[1]} ` +
        `H${to[0]}` + (clear(b) ? '' : ` V${stop.y}`);
    } else {
      d = `M${start.x} ${start.y}`;
      for (let at = 1; at < edge.way.length; at += 1) {
        const [one, other] = [edge.way[at - 1], edge.way[at]];
        const ax = x + one.x + one.outX;
        const bx = x + other.x + other.inX;
        const [top, foot] = [y + one.bottom, y + other.y];
        const middle = (top + foot) / 2;
        d += Math.abs(ax - bx) < 0.5 ? ` V${foot}` : ` V${top} C${ax} ${middle} ${bx} ${middle} ${bx} ${foot}`;
      }
    }
    const path = s('path', {d, class: edge.lane ? 'cv-edge cv-skip' : 'cv-edge', 'marker-end': b.port && !b.height ? null : `url(#${pen.arrow})`,
      'data-from': edge.from, 'data-to': edge.to, 'aria-hidden': 'true'}, s('title', {}, `${edge.shape}${edge.name ? ` ${edge.name}` : ''}`));
    pen.edges.push(path);
    pen.root.append(path);
    if (told.has(edge.from + edge.shape) || (a.port === 'in' && !a.height) || !edge.shape || (b.port && !b.height)) return;
    told.add(edge.from + edge.shape);
    const line = found.lines[a.rank];
    const next = line[line.indexOf(a) + 1];
    const room = Math.max(40, (next ? next.x + next.inX : found.right) - a.x - a.outX - 8);
    // Beside the line; before it where others leave to the right.
    const fan = found.edges.some((other) => other.a === a && other !== edge && !other.lane);
    labels.push(s('text', {class: 'cv-shape', x: start.x + (fan ? -5 : 5), y: start.y + 12, 'text-anchor': fan ? 'end' : 'start', 'aria-hidden': 'true'},
      fit(edge.shape, fan ? a.outX : room, '10px sans-serif')));
  }

  function drawBox(pen, item, x, y) {
    const {view, model} = pen;
    const {row, width, height} = item;
    const {number} = model;
    const open = Boolean(item.inner);
    const share = row.share[view.heat];
    const part = share && pen.top ? Math.min(1, share / pen.top) : 0;
    const cell = row.cells[view.heat] || '';
    const state = view.state(number, row.id);
    const warned = model.findings.has(row.id);
    const title = HEATS.find(([key]) => key === view.heat)[1];
    const name = [row.label, described(model, row), cell && `${title} ${cell}`, share && percent(share),
      row.cells.output && `output ${row.cells.output}`, warned && 'has findings',
      state && state !== 'same' && state, row.parent !== null && `in ${row.parent}`].filter(Boolean).join(', ');
    const siblings = model.children.get(row.parent === null ? '' : row.parent);
    const node = s('g', {class: `cv-box cv-${row.kind}${open ? ' cv-open' : ''}${state && state !== 'same' ? ' cv-changed' : ''}`, role: 'treeitem',
      'aria-level': row.depth + 1, 'aria-selected': 'false', 'aria-expanded': row.kind === 'block' ? String(open) : null,
      'aria-setsize': siblings.length, 'aria-posinset': siblings.indexOf(row.id) + 1, tabindex: -1,
      'data-row': row.id, 'data-part': 'graph', 'data-number': number, transform: `translate(${x} ${y})`});
    const rect = s('rect', {class: 'cv-ground', width, height, rx: 5});
    if (part && !open) rect.style.setProperty('--heat', `${Math.round(100 * part)}%`);
    node.append(s('title', {}, name), rect); // the title is its name
    let left = 9;
    if (row.kind === 'block') {
      left = 22;
      const sign = s('g', {class: 'cv-fold', 'aria-hidden': 'true'}, s('rect', {x: 2, y: 2, width: 20, height: 22, class: 'cv-touch'}),
        s('path', {d: open ? 'M8 11 h8 l-4 5z' : 'M10 9 v8 l5 -4z'}));
      sign.addEventListener('click', (event) => {
        event.stopPropagation();
        view.fold(number, row.id);
      });
      node.append(sign);
    }
    const value = cell && cell !== '0' && cell !== '-' ? fit(cell, width * 0.55, '11px sans-serif') : '';
    const marks = `${warned ? '▲' : ''}${state === 'changed' ? ' ≠' : state && state !== 'same' ? ' +' : ''}`.trim();
    const two = item.two && !open;
    canvas.font = '11px sans-serif';
    const [wide, wider] = [value, marks].map((one) => (one ? canvas.measureText(one).width + 8 : 0));
    node.append(s('text', {class: 'cv-name', x: left, y: 17}, fit(row.label, width - left - 8 - wider - (two ? 0 : wide), '600 12px sans-serif')));
    if (marks) node.append(s('text', {class: 'cv-value cv-mark', x: width - 8 - (two ? 0 : wide), y: 17, 'text-anchor': 'end'}, marks));
    if (value) node.append(s('text', {class: 'cv-value', x: width - 8, y: two ? 33 : 17, 'text-anchor': 'end'}, value));
    if (two) node.append(s('text', {class: 'cv-what', x: 9, y: 33}, fit(described(model, row), width - 18 - wide, '11px sans-serif')));
    if (part && !open) node.append(s('rect', {class: 'cv-bar', x: 1, y: height - 4, width: Math.max(1, (width - 2) * part), height: 3}));
    node.addEventListener('click', () => {
      node.focus({preventScroll: true});
      view.select(number, row.id, 'graph');
    });
    node.addEventListener('dblclick', () => view.fold(number, row.id));
    node.addEventListener('mouseenter', () => view.hover(number, row.id));
    node.addEventListener('mouseleave', () => view.hover(number, null));
    pen.boxes.set(row.id, node);
    item.node = node;
    pen.root.append(node);
    if (open) group(pen, item.inner, x + item.shift, y + HEAD);
  }

  /** For print: a tall graph in pieces that stand side by side, cut where no box is. */
  function pieces(target) {
    const root = target.querySelector('svg');
    const [, , width, height] = root.getAttribute('viewBox').split(' ').map(Number);
    const boxes = [...root.querySelectorAll('.cv-box:not(.cv-open)')].map((node) => {
      const [, y] = /translate\(\S+ (\S+)\)/.exec(node.getAttribute('transform'));
      return [Number(y), Number(y) + node.querySelector('.cv-ground').height.baseVal.value];
    });
    const beside = Math.max(1, Math.floor(PAPER / (0.6 * width + 12))); // pieces in a row, not below 0.6 of their size
    const zoom = Math.min(0.75, (PAPER / beside - 12) / width);
    const parts = [];
    for (let top = 0; top < height;) {
      let cut = Math.min(height, top + PIECE);
      const hit = cut < height && boxes.filter(([a, b]) => a < cut && cut < b + 14).map(([a]) => a - 8);
      if (hit && hit.length && Math.min(...hit) > top) cut = Math.min(...hit);
      parts.push(s('svg', {class: 'cv-piece', viewBox: `0 ${top} ${width} ${cut - top}`, width: zoom * width, height: zoom * (cut - top), 'aria-hidden': 'true'},
        s('use', {href: `#${root.id}`, width, height})));
      top = cut;
    }
    return parts;
  }

  window.addEventListener('beforeprint', () => {
    for (const target of document.querySelectorAll('.cv-graph')) {
      if (target.querySelector('svg')) target.after(Object.assign(document.createElement('div'), {className: 'cv-pieces'}));
      if (target.nextSibling) target.nextSibling.append(...pieces(target));
    }
  });
  window.addEventListener('afterprint', () => document.querySelectorAll('.cv-pieces').forEach((node) => node.remove()));

  /** Up and down go through the boxes as they run; left and right to a neighbour, else out of and into blocks. */
  function keys({view, model}, target, event) {
    const id = event.target.dataset && event.target.dataset.row;
    if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const order = [...target.boxes.keys()];
    const at = order.indexOf(id);
    const row = model.rows.get(id);
    const go = (other) => {
      if (other === undefined || other === null) return;
      view.select(model.number, other, 'graph');
      const node = target.boxes.get(other);
      if (node) node.focus({preventScroll: true});
      view.follow('table');
    };
    const side = (step) => {
      const rank = (model.groups[row.parent === null ? '' : row.parent] || {ranks: []}).ranks.find((one) => one.includes(id)) || [];
      return rank[rank.indexOf(id) + step];
    };
    const open = model.open.has(id);
    const done = {
      ArrowDown: () => go(order[at + 1]),
      ArrowUp: () => go(order[at - 1]),
      Home: () => go(order[0]),
      End: () => go(order[order.length - 1]),
      ArrowRight: () => {
        if (side(1) && row.kind !== 'block') go(side(1));
        else if (row.kind === 'block' && !open) view.fold(model.number, id, true);
        else if (open) go(order[at + 1]);
      },
      ArrowLeft: () => {
        if (open) view.fold(model.number, id, false);
        else go(side(-1) || row.parent);
      },
      Enter: () => (row.kind === 'block' ? view.fold(model.number, id) : go(id)),
      ' ': () => (row.kind === 'block' ? view.fold(model.number, id) : go(id)),
    }[event.key];
    if (!done) return;
    event.preventDefault();
    done();
  }

  /** What the colours say. */
  function legend(view) {
    const top = scale(view);
    const [, title] = HEATS.find(([key]) => key === view.heat);
    const ramp = s('svg', {width: 120, height: 16, role: 'img', 'aria-label': `colour and bar from 0 to ${percent(top)} of all ${title}`},
      [0, 0.25, 0.5, 0.75, 1].map((part, at) => {
        const ground = s('rect', {class: 'cv-ground', x: at * 24 + 0.5, y: 0.5, width: 22, height: 15, rx: 3});
        ground.style.setProperty('--heat', `${100 * part}%`);
        return [ground, s('rect', {class: 'cv-bar', x: at * 24 + 1, y: 12, width: 21 * part, height: 3})];
      }));
    view.legend.replaceChildren(...(top ? [
      h('span', {}, '0'),
      ramp,
      h('span', {}, `${percent(top)} of ${view.heat === 'memory' ? 'peak memory' : `all ${title}`}`)]
      : [h('span', {}, `no numbers of ${title} to colour by`)]));
  }

  Object.assign(convcalc.parts, {graph: draw, legend});
})(convcalc);
