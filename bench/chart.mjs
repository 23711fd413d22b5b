const WIDTH = 640;
const HEIGHT = 360;
const MARGIN = { left: 70, right: 150, top: 40, bottom: 50 };
const COLOURS = ['#0b6e99', '#c2571a', '#3a7d44', '#8a4f9e', '#a8323e'];

/**
 * A line chart as SVG. Both axes are logarithmic where `log` says so; `series`: `[{ name, points: [[x, y], …] }]`, all y > 0.
 * Every point carries its value, so that nothing has to be read off a grid.
 */
export function lineChart({ title, xLabel, yLabel, series, log = { x: true, y: true } }) {
  const points = series.flatMap((line) => line.points);
  const x = scale(
    points.map((point) => point[0]),
    [MARGIN.left, WIDTH - MARGIN.right],
    log.x,
  );
  const y = scale(
    points.map((point) => point[1]),
    [HEIGHT - MARGIN.bottom, MARGIN.top],
    log.y,
  );
  const ticks = [...new Set(points.map((point) => point[0]))].sort((a, b) => a - b);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#333">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(MARGIN.left, 22, title, 'font-size="15" font-weight="bold"'),
    `<path d="M${MARGIN.left} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}H${WIDTH - MARGIN.right}" fill="none" stroke="#999"/>`,
    ...ticks.map((tick) => text(x(tick), HEIGHT - MARGIN.bottom + 18, String(tick), 'text-anchor="middle"')),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 10, xLabel, 'text-anchor="middle"'),
    text(16, MARGIN.top - 8, yLabel, ''),
    ...series.flatMap((line, index) => lineOf(line, COLOURS[index % COLOURS.length], { x, y })),
    '</svg>',
    '',
  ].join('\n');
}

function lineOf({ name, points }, colour, { x, y }) {
  const at = points.map(([px, py]) => [x(px).toFixed(1), y(py).toFixed(1)]);
  const [endX, endY] = at.at(-1);
  return [
    `<polyline points="${at.map((point) => point.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...at.map(([px, py], index) => `<circle cx="${px}" cy="${py}" r="3" fill="${colour}"/>${label(px, py, points[index][1])}`),
    text(Number(endX) + 10, Number(endY) + 16, name, `fill="${colour}"`),
  ];
}

const label = (x, y, value) =>
  text(x, Number(y) - 7, value >= 10 ? value.toFixed(0) : value.toFixed(1), 'text-anchor="middle" font-size="10"');

function scale(values, [from, to], isLog) {
  const place = isLog ? Math.log : (value) => value;
  const low = place(Math.min(...values));
  const high = place(Math.max(...values));
  return (value) => from + ((place(value) - low) / (high - low || 1)) * (to - from);
}

function text(x, y, content, attributes) {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
