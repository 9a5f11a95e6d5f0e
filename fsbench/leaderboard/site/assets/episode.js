"use strict";
/* An episode: its frames one after the other, with the truth and each method's mask, and the scores as curves. */
(() => {
  const { query, support, answers } = FS.data;
  const slider = document.getElementById("frame");
  const metric = document.getElementById("metric");
  const panels = document.getElementById("panels");
  const shown = { truth: document.getElementById("show-truth"), mask: document.getElementById("show-mask") };
  const value = (answer, name, t) => FS.score((part) => answer.scores[part]?.[t], name);
  const percent = (found) => (found === null ? null : 100 * found);

  const drawSupport = () => {
    for (const place of document.querySelectorAll("[data-support]")) {
      const shot = support[Number(place.dataset.support)];
      const t = Number(place.dataset.shot);
      Masks.picture(place, {
        size: shot.size, src: shot.sources[t], label: `Support frame ${shot.names[t]} with its mask`,
        layers: [{ code: { size: shot.size, counts: shot.masks[t] }, truth: true }],
      });
    }
  };

  /* What is drawn: each method whose masks are there, or else the truth; nothing without pixels. */
  const made = [];
  const now = () => Number(slider?.value ?? 0);
  const masked = answers.filter((answer) => answer.masks);
  if (query.sources) for (const answer of masked.length ? masked : [null]) made.push({ answer });
  for (const panel of made) {
    const item = FS.element("li");
    const title = FS.element("div", { class: "title" });
    const swatch = panel.answer ? [FS.element("span", { class: "swatch", "data-colour": panel.answer.colour })] : [];
    title.append(FS.element("span", { class: "name" }, ...swatch, panel.answer ? panel.answer.title : "Truth"));
    panel.scores = FS.element("span", { class: "scores" });
    title.append(panel.scores);
    panel.picture = FS.element("span", { class: "picture" });
    item.append(title, panel.picture);
    panels.append(item);
  }

  const drawFrame = () => {
    const t = now();
    if (slider) {
      document.getElementById("frame-name").textContent = query.names[t];
      slider.setAttribute("aria-valuetext", `frame ${query.names[t]}, ${t + 1} of ${query.names.length}`);
    }
    for (const { answer, picture, scores } of made) {
      if (answer) scores.textContent = Object.entries(answer.scores).filter(([, values]) => values[t] !== null).map(([name, values]) => `${name} ${FS.percent(values[t])}`).join("  ");
      const layers = [];
      if (answer && shown.mask?.checked) layers.push({ code: { size: answer.size, counts: answer.masks[t] }, colour: FS.colour(answer.colour), line: FS.line(answer.colour) });
      if (shown.truth.checked) layers.push({ code: { size: query.size, counts: query.masks[t] }, truth: true });
      Masks.picture(picture, { size: query.size, src: query.sources[t], label: `Frame ${query.names[t]}: ${answer ? answer.title : "truth"}`, layers });
    }
    const place = document.getElementById("curves");
    if (slider && place.layout) Plotly.relayout(place, { "shapes[0].x0": query.names[t], "shapes[0].x1": query.names[t] });
  };

  const boxes = [...document.querySelectorAll("#curves-picker input")];
  const drawCurves = () => {
    const name = query.names[now()];
    const chosen = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    const isShare = answers.every((answer) => query.names.every((_, t) => !(value(answer, metric.value, t) > 1)));
    FS.draw(document.getElementById("curves"), chosen.map((index) => ({
      type: "scatter", mode: "lines+markers", name: FS.plain(answers[index].title), x: query.names,
      y: query.names.map((_, t) => percent(value(answers[index], metric.value, t))),
      line: { color: FS.colour(answers[index].colour), width: 2, dash: FS.dash(answers[index].colour) },
      marker: { size: 6, symbol: answers[index].colour % 8 }, hovertemplate: "%{fullData.name}<br>frame %{x}: %{y:.1f}<extra></extra>",
    })), {
      xaxis: FS.axis({ type: "category", title: { text: "frame" }, showgrid: false }),
      yaxis: FS.axis({ ...(isShare ? { range: [-3, 103] } : {}), title: { text: FS.plain(metric.value) } }),
      shapes: !slider ? [] : [{ type: "line", x0: name, x1: name, y0: 0, y1: 1, yref: "paper", line: { color: FS.css("--axis"), width: 1.5 } }],
    });
  };

  let timer = null;
  const play = document.getElementById("play");
  play?.addEventListener("click", () => {
    if (timer) { clearInterval(timer); timer = null; }
    else timer = setInterval(() => { slider.value = (Number(slider.value) + 1) % query.names.length; drawFrame(); }, 400);
    play.setAttribute("aria-pressed", String(timer !== null));
    play.textContent = timer ? "Pause" : "Play";
  });
  slider?.addEventListener("input", drawFrame);
  for (const box of Object.values(shown)) box?.addEventListener("change", drawFrame);
  for (const box of boxes) box.addEventListener("change", drawCurves);
  metric.addEventListener("change", drawCurves);
  FS.onTheme(() => { drawCurves(); drawSupport(); drawFrame(); FS.swatches(); });
})();
