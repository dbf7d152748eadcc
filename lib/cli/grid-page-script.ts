/**
 * The script of the grid's page: draws the map from the JSON beside it, filters it by state, and shows the partition under the pointer or the focus. Arrows go from square to square, Home and End along a row, N to the next that wants a look. Sets
 * text, never markup. Plain JavaScript, without what it would take a build to run.
 */
export const PAGE_SCRIPT = String.raw`
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const map = document.getElementById('map'), details = document.getElementById('details'), legend = document.getElementById('legend'), view = document.getElementById('view');
const shown = new Set(data.states);
const squares = [];
let current, pinned;
const make = (tag, className, text) => { const made = document.createElement(tag); if (className) made.className = className; if (text !== undefined) made.textContent = text; return made; };
const stateOf = (partition) => data.states[view.value === '' ? partition[1] : partition[2][data.stages.indexOf(view.value)]];
const bytes = (n) => { if (n < 0) return ''; let unit = 0; while (n >= 1000 && unit < 4) { n /= 1000; unit++; } return (unit ? n.toFixed(1) : n) + ' ' + ['B', 'kB', 'MB', 'GB', 'TB'][unit]; };
const time = (ms) => ms < 0 ? '' : ms < 1000 ? ms + ' ms' : ms < 60000 ? (ms / 1000).toFixed(1) + ' s' : Math.floor(ms / 60000) + ' min ' + String(Math.round(ms % 60000 / 1000)).padStart(2, '0') + ' s';
const count = (n) => n < 0 ? '' : n.toLocaleString('en');

function draw() {
  map.style.setProperty('--label', Math.max(...data.rows.map((row) => [...row.label].length), 1) + 'ch');
  if (data.marks) { const head = make('div', 'row'); head.append(make('b', '', '')); for (const mark of data.marks) head.append(make('span', '', mark)); head.setAttribute('aria-hidden', 'true'); map.append(head); }
  data.rows.forEach((row, y) => {
    const line = make('div', 'row'); line.setAttribute('role', 'row');
    const label = make('b', '', row.label); label.setAttribute('role', 'rowheader'); line.append(label);
    row.slots.forEach((partition, x) => {
      if (partition === 0) { line.append(make('span')); return; }
      const square = make('button'); square.type = 'button'; square.tabIndex = -1; square.setAttribute('role', 'gridcell');
      square.partition = partition; square.y = y; square.x = x; squares.push(square); line.append(square);
    });
    map.append(line);
  });
  if (squares[0]) squares[0].tabIndex = 0;
}
function paint() {
  const counts = {};
  for (const square of squares) {
    const state = stateOf(square.partition);
    const kind = state === undefined ? '' : state;
    if (square.partition[0] !== '(shared)') counts[kind] = (counts[kind] || 0) + 1;
    square.className = kind + (shown.has(kind) || kind === '' ? '' : ' off');
    square.textContent = kind === '' ? '' : data.letters[kind];
    square.setAttribute('aria-label', square.partition[0] + ' ' + kind);
    square.title = square.partition[0] + ': ' + kind;
  }
  legend.replaceChildren(...data.states.filter((state) => counts[state] || !shown.has(state)).map((state) => {
    const button = make('button'); button.type = 'button'; button.setAttribute('aria-pressed', String(shown.has(state)));
    button.append(make('i', state, data.letters[state]), state + ' ' + count(counts[state] || 0));
    button.onclick = () => { shown.has(state) ? shown.delete(state) : shown.add(state); paint(); };
    return button;
  }));
}
function show(square) {
  if (!square || square === current) return;
  if (current) current.setAttribute('aria-selected', 'false');
  current = square; square.setAttribute('aria-selected', 'true');
  const [name, state, , [at, run, attempts, ms, peak, error], cells] = square.partition;
  const parts = [make('h2', '', name), make('p')];
  parts[1].append(make('i', data.states[state], data.states[state]), [attempts ? ', ' + attempts + (attempts === 1 ? ' attempt' : ' attempts') : '', ms ? ', ' + time(ms) : '', peak ? ', ' + bytes(peak) + ' at most' : ''].join(''));
  if (at) parts.push(make('p', '', (data.states[state] === 'running' ? 'since ' : '') + at + (run ? ', run ' + run : '')));
  if (error) parts.push(make('p', 'wrong', error));
  if (cells.length) {
    const spills = cells.some((cell) => cell[8] > 0);
    const table = make('table'), head = table.createTHead().insertRow(), body = table.createTBody();
    for (const [text, number] of [['stage'], ['dataset'], ['state'], ['rows', 1], ['bytes', 1], ['time', 1], ['memory', 1], ...(spills ? [['spilled', 1]] : []), ['attempts', 1], ['input key']]) head.append(make('th', number ? 'n' : '', text));
    for (const [stage, dataset, target, own, rows, size, took, memory, spilled, tries, key, wrong] of cells) {
      const row = body.insertRow();
      row.append(make('td', '', data.stages[stage]), make('td', 'wide', target ? dataset + ' \u2192 ' + target : dataset));
      const word = make('td'); word.append(make('i', data.states[own], data.states[own])); row.append(word);
      for (const text of [count(rows), bytes(size), time(took), bytes(memory), ...(spills ? [spilled ? bytes(spilled) : ''] : []), tries ? String(tries) : '']) row.append(make('td', 'n', text));
      row.append(make('td', '', key || ''));
      if (wrong && wrong !== error) { const cell = body.insertRow().insertCell(); cell.className = 'wide'; cell.colSpan = 10; cell.append(make('p', 'wrong', wrong)); }
    }
    parts.push(table);
  }
  details.replaceChildren(...parts);
}
function go(square) {
  if (!square) return;
  for (const each of squares) if (each.tabIndex === 0) each.tabIndex = -1;
  square.tabIndex = 0; pinned = square; square.focus(); show(square); square.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
const near = (square, rows) => { const of = squares.filter((each) => each.y === square.y + rows); return of.sort((a, b) => Math.abs(a.x - square.x) - Math.abs(b.x - square.x))[0]; };
const wants = (square) => ['running', 'failed', 'quarantined', 'due', 'missing', 'stale'].includes(stateOf(square.partition)) && shown.has(stateOf(square.partition));
map.addEventListener('mouseover', (event) => { if (event.target.partition) show(event.target); });
map.addEventListener('mouseleave', () => { if (pinned) show(pinned); });
map.addEventListener('click', (event) => { if (event.target.partition) go(event.target); });
map.addEventListener('focusin', (event) => { if (event.target.partition) show(event.target); });
map.addEventListener('keydown', (event) => {
  const square = event.target, at = squares.indexOf(square);
  if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const row = squares.filter((each) => each.y === square.y);
  const steps = { ArrowLeft: () => squares[at - 1], ArrowRight: () => squares[at + 1], ArrowUp: () => near(square, -1), ArrowDown: () => near(square, 1), Home: () => row[0], End: () => row[row.length - 1],
    n: () => [...squares.slice(at + 1), ...squares.slice(0, at)].find(wants) };
  const step = steps[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!step) return;
  event.preventDefault(); go(step());
});
view.addEventListener('change', paint);
draw(); paint();
const first = squares.find((square) => ['running', 'failed', 'quarantined'].includes(stateOf(square.partition))) || squares[0];
if (first) { pinned = first; show(first); }
`
