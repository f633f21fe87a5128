// The preview's code in the browser: fits the page to the window, reports what the pointer is over, formats axis labels.
window.livegold = (() => {
  const byId = (element) => (element ? getElement(Number(element.id.slice(1))) : null);
  const chartOf = (visual) => byId(visual && visual.querySelector('.nicegui-echart'))?.chart;
  const visualOf = (name) => document.querySelector(`.lg-visual[data-visual="${name}"]`);

  // The exact values a visual shows: {columns, rows}; a chart's are read back from the chart.
  function values(name) {
    const visual = visualOf(name);
    if (!visual) return null;
    const chart = chartOf(visual);
    if (chart) {
      const { dataset, series } = chart.getOption();
      return { columns: [null, ...series.map((s) => s.name)], rows: dataset[0].source };
    }
    const holder = visual.querySelector('[data-rows]');
    return holder ? JSON.parse(holder.dataset.rows) : null;
  }

  // Updates the contents of an element to match some HTML, keeping every child element that need not change.
  function morph(from, to) {
    const [old, now] = [[...from.childNodes], [...to.childNodes]];
    now.forEach((node, i) => {
      const had = old[i];
      if (!had) from.appendChild(node);
      else if (had.nodeName !== node.nodeName) had.replaceWith(node);
      else if (node.nodeType === Node.TEXT_NODE) { if (had.data !== node.data) had.data = node.data; }
      else {
        for (const { name, value } of node.attributes) if (had.getAttribute(name) !== value) had.setAttribute(name, value);
        for (const { name } of [...had.attributes]) if (!node.hasAttribute(name)) had.removeAttribute(name);
        morph(had, node);
      }
    });
    old.slice(now.length).forEach((node) => node.remove());
  }
  const pending = new Map();
  // Shows the HTML of a visual; its element may be created a moment later.
  function fill(name, html, rows) {
    pending.set(name, { html, rows, left: 100 });
    flush(name);
  }
  function flush(name) {
    const given = pending.get(name);
    const body = visualOf(name)?.querySelector('.lg-body');
    if (!given) return;
    if (!body) {
      if (given.left--) setTimeout(() => flush(name), 20);
      return;
    }
    pending.delete(name);
    const parsed = document.createElement('template');
    parsed.innerHTML = given.html;
    morph(body, parsed.content);
    body.dataset.rows = given.rows;
  }

  function fit() {
    const stage = document.querySelector('.lg-room .lg-stage');
    if (!stage) return;
    const narrow = window.innerWidth < 700;
    const mode = !narrow ? 'desk' : stage.dataset.phone ? 'phone' : 'column';
    document.body.dataset.mode = mode;
    const frame = stage.parentElement;
    if (mode === 'column') return;
    const room = document.querySelector('.lg-room');
    const [w, h] = (mode === 'phone' ? stage.dataset.phone : stage.dataset.page).split(',').map(Number);
    let scale = room.clientWidth / w;
    if (mode === 'desk' && !stage.dataset.grown) scale = Math.min(scale, room.clientHeight / h);
    stage.style.width = `${w}px`;
    stage.style.height = `${h}px`;
    stage.style.setProperty('--lg-scale', scale);
    frame.style.width = `${w * scale}px`;
    frame.style.height = `${h * scale}px`;
  }

  const pad = (n) => String(n).padStart(2, '0');
  const clock = (ms) => {
    const t = new Date(ms);
    const minutes = `${pad(t.getUTCHours())}:${pad(t.getUTCMinutes())}`;
    return t.getUTCSeconds() ? `${minutes}:${pad(t.getUTCSeconds())}` : minutes;
  };
  function number(pattern, value, places) {
    if (value === null || value === undefined) return '';
    pattern = pattern.split(';')[0].replace(/["\\]/g, '');
    const percent = pattern.includes('%');
    const wanted = places ?? (pattern.split('.')[1] || '').replace(/[^0#]/g, '').length;
    const prefix = (pattern.match(/^[^#0]*/) || [''])[0];
    const text = Math.abs(percent ? value * 100 : value).toLocaleString('en-US', {
      minimumFractionDigits: wanted, maximumFractionDigits: wanted, useGrouping: pattern.includes(',') });
    return `${value < 0 ? '-' : ''}${prefix}${text}${percent ? '%' : ''}`;
  }
  function tick(pattern, value) {
    const shown = pattern.includes('%') ? value * 100 : value;
    const places = Number.isInteger(Math.round(shown * 1e6) / 1e6) ? 0 : Math.abs(shown) < 1 ? 2 : 1;
    return number(pattern, value, places);
  }
  const safe = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  function tip(points, patterns, time) {
    const head = time ? `${clock(points[0].value[0])} UTC` : points[0].value[0];
    const lines = points.map((p) => {
      const value = p.value[p.seriesIndex + 1];
      return `<div>${p.marker}${safe(p.seriesName)} <b>${value === null ? 'blank' : number(patterns[p.seriesIndex], value)}</b></div>`;
    });
    return `<div><b>${safe(head)}</b></div>${lines.join('')}`;
  }

  // The row or point an event happened on: {visual, key}.
  function pointAt(event) {
    const visual = event.target.closest?.('.lg-room .lg-visual');
    if (!visual) return null;
    const row = event.target.closest('tr[data-point]');
    if (row) return { visual: visual.dataset.visual, key: row.dataset.point };
    const holder = event.target.closest('.nicegui-echart');
    const chart = holder && chartOf(visual);
    if (!chart) return null;
    const box = holder.getBoundingClientRect();
    const scale = box.width / holder.offsetWidth || 1;
    const at = [(event.clientX - box.left) / scale, (event.clientY - box.top) / scale];
    if (!chart.containPixel({ gridIndex: 0 }, at)) return null;
    const option = chart.getOption();
    const source = option.dataset[0].source;
    if (!source.length) return null;
    const flat = option.yAxis[0].type === 'category';
    const place = chart.convertFromPixel({ gridIndex: 0 }, at)[flat ? 1 : 0];
    let index = Math.round(place);
    if (option.xAxis[0].type === 'time') {
      index = 0;
      source.forEach((r, i) => { if (Math.abs(r[0] - place) < Math.abs(source[index][0] - place)) index = i; });
    }
    index = Math.max(0, Math.min(source.length - 1, index));
    return { visual: visual.dataset.visual, key: source[index][0] };
  }

  let over = '', waiting = 0;
  function leave() {
    clearTimeout(waiting);
    if (over) emitEvent('lg_leave', {});
    over = '';
    document.querySelectorAll('.lg-float.lg-open').forEach((f) => f.classList.remove('lg-open'));
  }
  function place(element, x, y) {
    const [w, h] = [element.offsetWidth, element.offsetHeight];
    element.style.left = `${Math.max(4, x + 16 + w < innerWidth ? x + 16 : x - w - 16)}px`;
    element.style.top = `${Math.max(4, Math.min(y + 12, innerHeight - h - 8))}px`;
  }
  function hover(event, x, y) {
    const visual = event.target.closest?.('.lg-room .lg-visual[data-tooltip]');
    const point = visual && pointAt(event);
    if (!point) return leave();
    const float = document.querySelector(`.lg-float[data-page="${visual.dataset.tooltip}"]`);
    const now = `${point.visual} ${point.key}`;
    if (float && over === now) return place(float, x, y);
    leave();
    over = now;
    waiting = setTimeout(() => emitEvent('lg_hover', { ...point, x, y }), 90);
  }
  // Called once the tooltip page of a point has been filled.
  function showTooltip(page, x, y) {
    const float = document.querySelector(`.lg-float[data-page="${page}"]`);
    if (!float || !over) return;
    float.classList.add('lg-open');
    place(float, x, y);
  }
  function closeMenu() { document.querySelector('.lg-menu')?.classList.remove('lg-open'); }
  function showMenu(x, y) {
    const menu = document.querySelector('.lg-menu');
    menu.classList.add('lg-open');
    place(menu, x - 14, y - 8);
    menu.querySelector('button')?.focus();
  }
  function ask(event) {
    const visual = event.target.closest?.('.lg-room .lg-visual[data-drill]');
    const point = visual && pointAt(event);
    if (!point) return false;
    const box = event.target.getBoundingClientRect();
    leave();
    emitEvent('lg_menu', { ...point, x: event.clientX || box.left + 20, y: event.clientY || box.bottom });
    return true;
  }

  document.addEventListener('mousemove', (e) => hover(e, e.clientX, e.clientY));
  document.addEventListener('mouseleave', leave);
  document.addEventListener('focusin', (e) => {
    if (!e.target.matches?.('tr[data-point]')) return;
    const box = e.target.getBoundingClientRect();
    hover(e, box.left + 40, box.bottom);
  });
  document.addEventListener('contextmenu', (e) => { if (ask(e)) e.preventDefault(); });
  document.addEventListener('click', (e) => {
    const to = e.target.closest?.('[data-page].lg-tab');
    if (to) emitEvent('lg_page', { page: to.dataset.page });
    if (e.target.closest?.('[data-back]')) emitEvent('lg_back', {});
    if (!e.target.closest?.('.lg-menu')) { closeMenu(); ask(e); }
  });
  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape') { closeMenu(); leave(); }
    if (e.key === 'Enter' && e.target.matches?.('tr[data-point]')) ask(e);
  });
  window.addEventListener('resize', fit);
  return { values, fill, fit, clock, number, tick, tip, showTooltip, showMenu, closeMenu };
})();
