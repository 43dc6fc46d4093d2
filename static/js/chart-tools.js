// What a reader does with a drawn chart: zoom, move, go back, keep a picture. Charts over time show the same part of the run.
window.chartTools = (() => {
  const MOST_TICKS = 6;
  const STEPS_S = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
    ...[1, 2, 5, 10, 15, 30].map((minutes) => 60 * minutes),
    ...[1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 720, 1440, 4320, 8640].map((hours) => 3600 * hours),
  ];
  const STRIP_PX = 60; // of the overview, which a picture leaves out
  const CLOSEST = 1e-4;
  let shared = null; // the part of the run that all charts over time show; null: what each opens with
  let applying = false;

  const drawn = () => [...document.querySelectorAll("[data-chart]")].filter((place) => place.tools);

  const bounds = (place) => {
    const views = place.tools.views;
    return views.length ? views[views.length - 1].range : place.opening.range;
  };

  const clock = (seconds, step) => {
    const digits = step < 1 ? Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) : 0;
    const at = Number(seconds.toFixed(digits));
    const words = `${Math.floor(at / 3600)}:${String(Math.floor((at % 3600) / 60)).padStart(2, "0")}`;
    if (step % 60 === 0) return words;
    return `${words}:${(at % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
  };

  const clockTicks = ([low, high], scale) => {
    const step = STEPS_S.find((one) => one * MOST_TICKS >= (high - low) * scale) ?? STEPS_S[STEPS_S.length - 1];
    const places = [];
    for (let place = Math.ceil((low * scale) / step - 1e-9); place * step <= high * scale + 1e-9; place += 1) places.push(place * step);
    return { tickvals: places.map((at) => at / scale), ticktext: places.map((at) => clock(at, step)) };
  };

  const wholeStep = (top) => {
    const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(top, 1) / MOST_TICKS)));
    return [1, 2, 5, 10, 20, 50].map((digit) => digit * power).find((step) => step * MOST_TICKS >= top);
  };

  // the highest value that the lines have in the part, the value on the way into it included
  const highest = (place, [low, high]) => {
    let top = 0;
    for (const { x, y } of place._fullData) {
      let before = 0;
      for (let at = 0; at < x.length; at += 1) {
        if (x[at] > high) break;
        if (x[at] < low) before = y[at];
        else if (y[at] > top) top = y[at];
      }
      if (before > top) top = before;
    }
    return top;
  };

  const inPart = (place, range) => {
    const tools = place.tools;
    const view = tools.views.find((one) => one.range.every((end, at) => Math.abs(end - range[at]) < 1e-9 * Math.abs(range[1])));
    const opens = !tools.views.length && range.every((end, at) => end === place.opening.range[at]);
    const change = { "xaxis.range": [...range], "xaxis.autorange": false };
    if (tools.clock) {
      const ticks = view ? view.ticks : clockTicks(range, tools.clock);
      change["xaxis.tickvals"] = ticks.tickvals;
      change["xaxis.ticktext"] = ticks.ticktext;
    }
    if (view || opens) {
      change.annotations = view ? view.annotations : place.opening.annotations;
      if (view) change["yaxis.range"] = view.heights;
      else if (place.opening.heights) change["yaxis.range"] = place.opening.heights;
    } else {
      const every = tools.views.length ? tools.views[tools.views.length - 1].annotations : place.opening.annotations;
      change.annotations = every.slice(tools.key.length);
      if (tools.fits) change["yaxis.range"] = [0, (highest(place, range) || 1) * tools.headroom];
    }
    if (tools.whole && change["yaxis.range"]) change["yaxis.dtick"] = wholeStep(change["yaxis.range"][1] / tools.headroom);
    showKey(place, !(view || opens));
    return change;
  };

  // the labels of the lines have their places in the views alone: elsewhere a key above the plot names the lines
  const showKey = (place, shown) => {
    const key = place.closest("figure")?.querySelector("[data-key]");
    if (!key) return;
    key.hidden = !shown;
    key.replaceChildren(
      ...place.tools.key.map(({ text, color, dash, faint }) => {
        const word = document.createElement("span");
        const line = document.createElement("span");
        line.className = "chart-key-line";
        line.style.borderTop = `${faint ? 1 : 3}px ${{ solid: "solid", dash: "dashed", dot: "dotted" }[dash]} ${color}`;
        word.append(line, text);
        return word;
      }),
    );
  };

  const show = async (place, range) => {
    applying = true;
    try {
      await Plotly.relayout(place, inPart(place, range));
    } finally {
      applying = false;
    }
  };

  const showAll = async (place, range) => {
    if (!place.tools.over_time) return show(place, range);
    shared = range;
    for (const other of drawn().filter((one) => one.tools.over_time)) await show(other, range);
    const choice = document.querySelector("[data-view]");
    if (!choice) return;
    const views = place.tools.views;
    const at = views.findIndex((view) => view.range[0] === range[0] && view.range[1] === range[1]);
    choice.value = at < 0 ? "" : String(at);
  };

  const opening = (place) => (place.tools.views.length ? place.tools.views[0].range : place.opening.range);

  // from then on the charts open as they are drawn: those of a live run go on growing
  const reset = async (place) => {
    await showAll(place, opening(place));
    shared = null;
  };

  const zoomed = (place, how) => {
    const [least, most] = bounds(place);
    const [low, high] = place.layout.xaxis.range;
    let length = (high - low) * ({ in: 0.5, out: 2 }[how] ?? 1);
    length = Math.min(most - least, Math.max(length, CLOSEST * (most - least)));
    const middle = (low + high) / 2 + { back: -0.5, on: 0.5 }[how] * length || (low + high) / 2;
    const start = Math.min(Math.max(least, middle - length / 2), most - length);
    return [start, start + length];
  };

  // after each drawing: remembers how the chart opens, and follows what is dragged in it
  const adopt = async (place, figure) => {
    const { xaxis, yaxis, annotations } = figure.layout;
    const first = !place.tools;
    place.tools = figure.tools;
    place.opening = { range: [...place.layout.xaxis.range], heights: yaxis.range ? [...yaxis.range] : null, annotations };
    if (xaxis.range && !figure.tools.views.length) place.opening.range = [...xaxis.range];
    if (shared && figure.tools.over_time) await show(place, shared);
    else showKey(place, false);
    if (!first) return;
    place.on("plotly_relayout", (change) => {
      if (applying) return;
      const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (change["xaxis.autorange"]) reset(place);
      else if (range.every((end) => Number.isFinite(end))) showAll(place, [...range]);
    });
    place.on("plotly_doubleclick", () => false);
  };

  const picture = async (place, name) => {
    const box = place.getBoundingClientRect();
    const tools = place.tools ?? {};
    const title = (tools.title ?? place.getAttribute("aria-label") ?? "").match(/.{1,80}(\s|$)/g) ?? [];
    const strip = place.layout.xaxis?.rangeslider?.visible ? STRIP_PX : 0;
    const more = 18 * title.length + 20 - strip;
    const layout = {
      ...place.layout,
      xaxis: { ...place.layout.xaxis, rangeslider: { visible: false } },
      height: Math.round(box.height + more),
      paper_bgcolor: tools.page ?? getComputedStyle(document.body).backgroundColor,
      title: { text: title.join("<br>"), font: { size: 14, color: tools.ink }, x: 0, xanchor: "left", y: 1, yanchor: "top", pad: { l: 12, t: 20 } },
      margin: { ...place.layout.margin, t: place.layout.margin.t + 18 * title.length + 20 },
    };
    const size = { width: Math.round(Math.max(box.width, 640)), height: layout.height };
    const source = await Plotly.toImage({ data: place.data, layout, config: {} }, { format: "png", scale: 2, ...size });
    const link = document.createElement("a");
    link.href = source;
    link.download = `${name}.png`;
    link.click();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom], [data-picture]");
    const place = button?.closest("figure, [data-map]")?.querySelector("[data-chart], #map-plot");
    if (!place?.layout) return;
    if (button.dataset.picture) picture(place, button.dataset.picture);
    else if (button.dataset.zoom === "reset") reset(place);
    else showAll(place, zoomed(place, button.dataset.zoom));
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-view]")) return;
    const place = drawn().find((one) => one.tools.views.length);
    const view = place?.tools.views[Number(event.target.value)];
    if (view) showAll(place, view.range);
  });

  // on a phone every second tick of a logarithmic axis has its words
  const thinTicks = (figure) => {
    const axis = figure.layout.xaxis;
    if (axis.type === "log" && axis.ticktext) axis.ticktext = axis.ticktext.map((text, at) => (at % 2 ? "" : text));
  };

  return { adopt, thinTicks };
})();
