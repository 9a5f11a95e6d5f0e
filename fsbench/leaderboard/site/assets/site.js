"use strict";
/* What several pages need. Texts from data reach the page through textContent alone; plotly, which knows some tags, gets them escaped. */
const FS = {
  data: JSON.parse(document.getElementById("data").textContent),
  css: (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim(),
  /* Of a method, by its number in the site, in pictures too: eight colours, then the same with hatches, or dashes of lines. */
  colour: (number) => FS.css(`--m${number % 8}`),
  /* Of a line on pictures: so bright that it, or its dark casing, stands out on any ground. */
  line: (number) => `color-mix(in srgb, ${FS.colour(number)} 55%, white)`,
  hatch: (number) => ["", "/", "x", "-"][Math.floor(number / 8) % 4],
  dash: (number) => ["solid", "dot", "dash", "dashdot"][Math.floor(number / 8) % 4],
  percent: (value, digits = 1) => (value === null || value === undefined || Number.isNaN(value) ? "–" : (100 * value).toFixed(digits)),
  signed: (value) => (value > 0 ? "+" : value < 0 ? "−" : "±") + FS.percent(Math.abs(value)),
  /* A metric, or the mean of several that are named with & between; null where one does not apply. */
  score(values, name) {
    const parts = name.split("&").map((part) => values(part));
    return parts.some((part) => part === null || part === undefined) ? null : parts.reduce((sum, part) => sum + part, 0) / parts.length;
  },
  plain: (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"),
  element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  },
  swatches() {
    for (const mark of document.querySelectorAll("[data-colour]")) {
      mark.style.backgroundColor = FS.colour(Number(mark.dataset.colour));
      mark.dataset.hatch = FS.hatch(Number(mark.dataset.colour));
    }
  },
  onTheme(draw) {
    draw();
    document.addEventListener("themechange", draw);
  },
  axis(more = {}) {
    return { gridcolor: FS.css("--line"), zerolinecolor: FS.css("--axis"), linecolor: FS.css("--axis"), fixedrange: true, automargin: true, ...more };
  },
  draw(place, traces, layout) {
    Plotly.react(place, traces, {
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: FS.css("--ink") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 48, r: 8, t: 8, b: 40 },
      showlegend: false, hoverlabel: { bgcolor: FS.css("--raised"), bordercolor: FS.css("--axis"), font: { color: FS.css("--ink") } },
      dragmode: false, ...layout,
    }, { displayModeBar: false, responsive: true, doubleClick: false });
  },
  /* A table in a place: texts of its head, and for each row its name and its cells, which are texts or elements. */
  table(place, caption, heads, rows) {
    const [first, ...others] = heads;
    const head = FS.element("tr", {}, FS.element("th", { scope: "col", class: "left" }, first), ...others.map((text) => FS.element("th", { scope: "col" }, text)));
    const body = rows.map(([name, ...cells]) => FS.element("tr", {}, FS.element("th", { scope: "row" }, name), ...cells.map((cell) => (cell instanceof Node ? cell : FS.element("td", {}, cell)))));
    place.replaceChildren(FS.element("table", {}, FS.element("caption", { class: "hidden" }, caption), FS.element("thead", {}, head), FS.element("tbody", {}, ...body)));
  },
  /* A choice of attribute in a part of a page: draw(place, attribute) fills the table. Returns what draws it anew. */
  byAttribute(part, attributes, draw) {
    const by = part.querySelector(".by");
    if (!by) return () => {};
    const select = by.querySelector("select");
    const show = () => {
      const chosen = attributes[Number(select.value)];
      by.querySelector(".about").textContent = chosen.about;
      draw(by.querySelector(".scroll"), chosen);
    };
    select.addEventListener("change", show);
    show();
    return show;
  },
  /* Many classes: of each method a dot for each, the best first. Arguments as of classBars. */
  classCurves(place, classes, methods, score) {
    const traces = methods.map(({ label, colour, values }) => {
      const known = classes.map((name, i) => [name, values[i]]).filter(([, value]) => value).sort(([, one], [, other]) => other[0] - one[0]);
      return {
        type: "scatter", mode: "lines+markers", name: FS.plain(label), x: known.map((_, i) => i + 1), y: known.map(([, value]) => 100 * value[0]), text: known.map(([name]) => FS.plain(name)),
        line: { color: FS.colour(colour), width: 1.5, dash: FS.dash(colour) }, marker: { size: 5, symbol: colour % 8 }, hovertemplate: "%{fullData.name}<br>%{text}: %{y:.1f}<extra></extra>",
      };
    });
    FS.draw(place, traces, {
      xaxis: FS.axis({ title: { text: "place of the class" }, showgrid: false, range: [0, classes.length + 1] }), yaxis: FS.axis({ title: { text: FS.plain(score) }, rangemode: "tozero" }),
    });
  },
  /* A score by class, a colour for each method: bars, lying on a narrow screen, or curves. methods: {label, colour, values: [mean, low, high]}. */
  classBars(place, classes, methods, score) {
    if ("long" in place.dataset) return FS.classCurves(place, classes, methods, score);
    const lies = place.clientWidth < 600;
    place.style.height = lies ? `${5 + classes.length * (0.9 + 0.55 * methods.length)}rem` : "";
    const names = classes.map(FS.plain);
    const traces = methods.map(({ label, colour, values }) => {
      const numbers = values.map((value) => value && 100 * value[0]);
      const reach = (sign, end) => values.map((value) => (value && value[end] !== null ? sign * 100 * (value[end] - value[0]) : 0));
      return {
        type: "bar", name: FS.plain(label), orientation: lies ? "h" : "v", x: lies ? numbers : names, y: lies ? names : numbers,
        marker: { color: FS.colour(colour), pattern: { shape: FS.hatch(colour), fillmode: "overlay", fgcolor: FS.css("--paper"), fgopacity: 1, size: 7, solidity: 0.35 } },
        [lies ? "error_x" : "error_y"]: {
          type: "data", symmetric: false, thickness: 1.2, width: 0, color: FS.css("--ink"), array: reach(1, 2), arrayminus: reach(-1, 1),
        },
        hovertemplate: `%{fullData.name}<br>${lies ? "%{y}: %{x:.1f}" : "%{x}: %{y:.1f}"}<extra></extra>`,
      };
    });
    const scores = FS.axis({ title: { text: FS.plain(score) }, rangemode: "tozero" });
    const kinds = FS.axis({ showgrid: false, ...(lies ? { autorange: "reversed" } : {}) });
    FS.draw(place, traces, { barmode: "group", bargap: 0.25, bargroupgap: 0.05, xaxis: lies ? scores : kinds, yaxis: lies ? kinds : scores });
  },
};
FS.onTheme(FS.swatches);
