// chart.js: lines over time, drawn by uPlot, which is loaded when the first one is shown. The numbers stand below, for everybody.
import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from './html.js';

const HEIGHT = 170;
const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/**
 * times: milliseconds, rising; null keeps the place while they are read. series: [{label, values, tone: 'one'..'four'}]. `title` says what it
 * is, `format` writes a number. `whole`: there is nothing between 0 and 1.
 */
export function Chart({ title, times, series, format = String, whole = false }) {
  const known = times !== null;
  const box = useRef(null);
  const plot = useRef(null);
  const [failed, setFailed] = useState(null);
  const dark = useDark();
  const shape = `${known} ${dark}`;
  const data = known ? [times.map((ms) => ms / 1000), ...series.map((one) => one.values)] : null;
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    let gone = false;
    let resized = null;
    if (!known) return undefined;
    const make = (UPlot) => {
      const style = getComputedStyle(box.current);
      const colour = (name) => style.getPropertyValue(name).trim();
      const axis = { stroke: colour('--plot-text'), grid: { stroke: colour('--plot-line'), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
      plot.current = new UPlot({
        width: box.current.clientWidth, height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
        scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] } },
        axes: [{ ...axis, space: 70, size: 26, values: [[86400, '{D} {MMM}', null, null, null, null, null, null, 0], [60, '{HH}:{mm}', null, null, null, null, null, null, 0], [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 0]] },
          { ...axis, size: 56, ...(whole && { incrs: WHOLE }), values: (_, ticks) => ticks.map(format) }],
        series: [{}, ...series.map((one) => ({ label: one.label, stroke: colour(`--plot-${one.tone}`), width: 1.6, fill: `${colour(`--plot-${one.tone}`)}1a`, points: { show: false }, spanGaps: false }))],
        hooks: { setCursor: [(u) => point(u, box.current, series, format)] },
      }, latest.current, box.current);
    };
    import('uplot').then(({ default: UPlot }) => {
      if (gone) return;
      // Until the page is shown it has no width, and no plot.
      resized = new ResizeObserver(() => {
        const width = box.current?.clientWidth;
        if (!width) return;
        if (plot.current) plot.current.setSize({ width, height: HEIGHT });
        else make(UPlot);
      });
      resized.observe(box.current);
    }).catch(setFailed);
    return () => {
      gone = true;
      resized?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    if (data) plot.current?.setData(data);
  }, [times, series]);

  return html`<figure class="chart">
    <figcaption><span class="chart-title">${title}</span> <span class="keys">${series.map((one) => html`<span class="key"><span class=${`dot ${one.tone}`} aria-hidden="true"></span>${one.label} <b>${known ? format(one.values.reduce((sum, value) => sum + value, 0)) : '–'}</b></span>`)}</span></figcaption>
    ${failed ? html`<p class="quiet">The chart could not be loaded.</p>` : html`<div class="plot" ref=${box} aria-hidden="true"></div>`}
    <p class="plot-point quiet" aria-hidden="true">${' '}</p>
  </figure>`;
}

// What is under the pointer, in the line below the plot, so that nothing covers it.
function point(u, box, series, format) {
  const line = box.parentElement?.querySelector('.plot-point');
  if (!line) return;
  const at = u.cursor.idx;
  line.textContent = at === null || at === undefined ? ' ' : `${new Date(u.data[0][at] * 1000).toLocaleString()}: ${series.map((one, i) => `${one.label} ${format(u.data[i + 1][at] ?? 0)}`).join(', ')}`;
}

// A plot is painted, not styled: it is made again when the colours of the page change.
function useDark() {
  const dark = () => document.documentElement.dataset.theme === 'dark' || (!document.documentElement.dataset.theme && matchMedia('(prefers-color-scheme: dark)').matches);
  const [now, setNow] = useState(dark);
  useEffect(() => {
    const update = () => setNow(dark());
    const media = matchMedia('(prefers-color-scheme: dark)');
    media.addEventListener('change', update);
    addEventListener('clawbox-theme', update);
    return () => {
      media.removeEventListener('change', update);
      removeEventListener('clawbox-theme', update);
    };
  }, []);
  return now;
}
