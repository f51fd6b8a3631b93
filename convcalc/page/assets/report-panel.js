// What stands around graph and table: the selected layer, findings, pictures, the comparison.

(function (convcalc) {
  const {h, picture, percent, HEATS} = convcalc.parts;

  // ---- the selected layer ---------------------------------------------------------------------------

  function panel(view) {
    const row = view.row(view.selected);
    view.panel.classList.toggle('cv-idle', !row);
    if (!row) {
      overview(view);
      return;
    }
    const {number} = view.selected;
    const model = view.models[number];
    const detail = row.detail === null || row.detail === undefined ? null : model.network.details[row.detail];
    const state = view.state(number, row.id);
    const twin = view.twins[number].get(row.id);
    view.panel.replaceChildren(...[
      h('h2', {}, row.label),
      h('p', {class: 'cv-path'}, view.models.length > 1 ? `${view.title(number)} · ` : '', path(view, model, row)),
      h('p', {}, h('code', {}, detail ? detail.title : row.what)),
      detail && detail.about ? h('p', {}, sentence(detail.about)) : null,
      state ? h('p', {class: 'cv-state'}, state === 'same' ? '= the same in the other network' : state === 'changed'
        ? '≠ changed in the other network' : '+ in this network only',
      twin && twin.id !== null ? [': ', jump(view, 1 - number, twin.id)] : null) : null,
      row.same ? h('p', {}, 'Equal to ', jump(view, number, row.same), '.') : null,
      row.times > 1 ? h('p', {}, `There are ${row.times} of these, equal but for their weights.`) : null,
      counts(model, row),
      ...found(view, model.findings.get(row.id) || [], number, false),
      ...(detail ? explained(detail) : []),
      ...(row.kind === 'block' ? largest(view, model, row.id) : []),
    ].filter(Boolean));
    view.panel.scrollTop = 0;
  }

  /** Where nothing is selected: the layers that cost most, to begin with. */
  function overview(view) {
    view.panel.replaceChildren(
      h('h2', {}, view.model.network.title),
      ...largest(view, view.model, null),
      h('p', {class: 'cv-muted'}, 'Select a row or a box to see its formulas with their numbers, its window and what it sees.'));
  }

  /** The layers of a block, or of all, that cost most by what the heat shows. */
  function largest(view, model, block) {
    const {heat} = view;
    const [, title] = HEATS.find(([key]) => key === heat);
    const layers = model.network.rows.filter((row) => row.kind === 'layer' && row.share[heat] &&
      (block === null || model.above(row.id).includes(block)));
    const largest = layers.sort((a, b) => b.share[heat] - a.share[heat]).slice(0, 6);
    if (!largest.length) return [];
    const list = largest.map((row) => {
      const length = h('div', {class: 'cv-length'});
      length.style.setProperty('--share', `${100 * row.share[heat] / largest[0].share[heat]}%`);
      return h('li', {}, h('div', {}, jump(view, model.number, row.id, block === null ? row.id : row.id.slice(block.length + 1)), h('span', {}, `${row.cells[heat]} · ${percent(row.share[heat])}`)), length);
    });
    return [h('h3', {}, `largest by ${title}`), h('ol', {class: 'cv-largest'}, list)];
  }

  function path(view, model, row) {
    const above = model.above(row.id).reverse();
    return [above.map((id) => [jump(view, model.number, id, model.rows.get(id).label), ' › ']).flat(), row.label];
  }

  /** A button that selects a row. */
  function jump(view, number, id, words) {
    return h('button', {type: 'button', class: 'cv-link', onclick: () => {
      view.select(number, id);
      view.focus({part: 'table', number, id});
    }}, (words || id).split(/(?<=[./])/).map((part) => [part, h('wbr')])); // a name breaks at its dots
  }

  function sentence(text) {
    const first = text.charAt(0).toUpperCase() + text.slice(1);
    return /[.!?]$/.test(first) ? first : `${first}.`;
  }

  function counts(model, row) {
    const columns = model.network.columns.filter(({key}) => !['label', 'what'].includes(key) && row.cells[key]);
    return h('dl', {class: 'cv-counts'}, columns.map(({key, title}) => h('div', {}, h('dt', {}, title),
      h('dd', {}, row.cells[key], row.share[key] ? h('span', {class: 'cv-muted'}, ` ${percent(row.share[key])}`) : null))));
  }

  function explained(detail) {
    const groups = new Map();
    for (const formula of detail.formulas) {
      const group = formula.group || '';
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(formula);
    }
    const letters = (detail.letters || []).filter((one) => one.name);
    const section = (title, ...inside) => [title ? h('h3', {}, title) : null, ...inside];
    return [
      detail.window ? h('figure', {class: 'cv-window'}, picture(detail.window), h('button', {type: 'button', class: 'cv-link',
        onclick: (event) => enlarge(event.target, detail)}, 'enlarge')) : null,
      ...[...groups].flatMap(([group, formulas]) => section(group, h('dl', {class: 'cv-formulas'}, formulas.map(equation)))),
      ...(letters.length ? section('letters', h('dl', {class: 'cv-letters'}, letters.map((one) => h('div', {},
        h('dt', {}, one.value ? `${one.name} = ${one.value}` : one.name), h('dd', {}, one.meaning))))) : []),
      ...((detail.conditions || []).length ? section('conditions', h('ul', {}, detail.conditions.map((one) => h('li', {}, one)))) : []),
      detail.source ? h('p', {class: 'cv-muted'}, detail.source) : null,
    ];
  }

  /** A picture over the page, as large as it fits; Escape or the button closes it. */
  function enlarge(button, detail) {
    const dialog = h('dialog', {class: 'cv-large', 'aria-label': `window of ${detail.title}`}, picture(detail.window),
      h('form', {method: 'dialog'}, h('button', {}, 'close')));
    dialog.addEventListener('close', () => {
      dialog.remove();
      button.focus();
    });
    dialog.addEventListener('keydown', (event) => event.stopPropagation());
    button.closest('.cv').append(dialog);
    dialog.showModal();
  }

  /** name: letter = formula, = with its numbers, = value; a line each. */
  function equation({name, letter, formula, numbers, value}) {
    const parts = [formula, numbers, value].filter((one) => one !== '' && one !== null && one !== undefined);
    return h('div', {}, h('dt', {}, name),
      parts.map((part, number) => h('dd', {class: part === value ? 'cv-result' : null}, number ? '= ' : letter ? `${letter} = ` : '', part)));
  }

  // ---- findings -------------------------------------------------------------------------------------

  function found(view, list, number, named) {
    return list.map((finding) => h('div', {class: `cv-finding cv-${finding.level}`},
      h('p', {}, h('span', {class: 'cv-mark', 'aria-hidden': 'true'}, finding.level === 'warn' ? '▲ ' : '● '),
        h('strong', {}, finding.level === 'warn' ? 'Warning' : 'Note', ` (${finding.kind}): `), finding.text,
        named && finding.id !== null ? [' at ', jump(view, number, finding.id)] : null),
      finding.why ? h('p', {}, `Why: ${finding.why}`) : null,
      finding.instead ? h('p', {}, 'Instead: ', h('code', {}, finding.instead)) : null,
      finding.try ? h('p', {}, 'Try: ', h('code', {}, finding.try)) : null));
  }

  function findings(view) {
    if (!view.models.some((model) => model.network.findings.length)) return [];
    return [h('section', {class: 'cv-findings', 'aria-label': 'findings'}, h('h2', {}, 'Findings'),
      view.models.map((model) => {
        const list = model.network.findings;
        if (!list.length) return null;
        const first = found(view, list.slice(0, 12), model.number, true);
        return [view.models.length > 1 ? h('h3', {}, view.title(model.number)) : null, h('div', {class: 'cv-list'}, first),
          list.length > 12 ? h('details', {}, h('summary', {}, `${list.length - 12} more`), h('div', {class: 'cv-list'},
            found(view, list.slice(12), model.number, true))) : null];
      }))];
  }

  // ---- pictures -------------------------------------------------------------------------------------

  /** Pictures are read when they come into view, or a little later: most of a page's weight is here. */
  const later = 'IntersectionObserver' in window ? new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) entry.target.load();
  }, {rootMargin: '400px'}) : null;

  window.addEventListener('beforeprint', () => {
    for (const figure of document.querySelectorAll('.cv-picture-frame')) if (figure.load) figure.load();
  });

  function pictures(view) {
    const made = view.models.flatMap((model) => Object.values(model.network.pictures).map((one) => {
      const frame = h('div', {class: 'cv-picture-frame'});
      frame.load = () => {
        frame.load = () => {};
        if (later) later.unobserve(frame);
        frame.replaceChildren(picture(one.svg));
      };
      const size = /viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"/.exec(one.svg.slice(0, 600));
      if (size) {
        frame.style.setProperty('--aspect', `${size[1]} / ${size[2]}`);
        frame.style.maxWidth = `${size[1]}px`; // as large as it was drawn, so that its words are as large as others
      }
      if (view.drawn) frame.load(); // drawn anew: no blank in between
      else if (later) later.observe(frame);
      setTimeout(() => frame.load(), 400 + 50 * model.number); // and the rest when the page stands
      const choose = (event) => {
        const mark = event.target.closest('[data-layer]');
        if (mark && model.rows.has(mark.getAttribute('data-layer'))) view.select(model.number, mark.getAttribute('data-layer'));
      };
      frame.addEventListener('click', choose);
      frame.addEventListener('mouseover', (event) => {
        const mark = event.target.closest('[data-layer]');
        view.hover(model.number, mark && model.rows.has(mark.getAttribute('data-layer')) ? mark.getAttribute('data-layer') : null);
      });
      frame.addEventListener('mouseleave', () => view.hover(model.number, null));
      return h('figure', {}, h('h3', {}, view.models.length > 1 ? `${view.title(model.number)}: ${one.title}` : one.title), frame,
        h('figcaption', {}, one.caption));
    }));
    return made.length ? [h('section', {class: 'cv-pictures', 'aria-label': 'pictures'}, h('h2', {}, 'Pictures'), h('div', {}, made))] : [];
  }

  // ---- comparison -----------------------------------------------------------------------------------

  /** The comparison as a table of texts: {columns, rows} as the JSON of `compare` has it, or lists of lists. */
  function comparison(view) {
    const table = view.page.comparison;
    const columns = table.columns.map((column) => (typeof column === 'string' ? {key: column, title: column, align: 'left'} : column));
    const value = (row, column, number) => {
      const found = Array.isArray(row) ? row[number] : (row.cells || row)[column.key];
      return found === null || found === undefined ? '' : String(found);
    };
    return h('section', {class: 'cv-comparison', 'aria-label': 'comparison'}, h('h2', {}, table.title || 'Comparison'),
      h('div', {class: 'cv-wide'}, h('table', {}, h('thead', {}, h('tr', {}, columns.map((column) => h('th', {scope: 'col', class: `cv-${column.align || 'left'}`}, column.title || column.key)))),
        h('tbody', {}, table.rows.map((row) => h('tr', {}, columns.map((column, number) =>
          h(number ? 'td' : 'th', {scope: number ? null : 'row', class: `cv-${column.align || 'left'}`}, value(row, column, number)))))))),
      (table.notes || []).map((note) => h('p', {class: 'cv-muted'}, note)));
  }

  Object.assign(convcalc.parts, {panel, findings, pictures, comparison});
})(convcalc);
