// A picture over time that answers pointer, keyboard and pickers, drawn by uPlot from the numbers of its figure.
const bsynthChart = (() => {
  "use strict";
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const words = (value, decimals) => {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number") return String(value).replace("-inf", "−∞").replace("inf", "∞");
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    const text = value.toLocaleString("en", digits);
    return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
  };

  function interactive(figure, { data, chart }) {
    const panel = figure.querySelector(".interactive");
    const plot = panel.querySelector(".plot");
    const readout = panel.querySelector("output");
    const slider = panel.querySelector("input[type=range]");
    const picker = panel.querySelector("select.donor");
    const span = panel.querySelector("select.window");
    const labels = chart.periods;
    const x = chart.positions;
    const last = x.length - 1;
    const state = { first: 0, last, at: chart.start, picked: -1, near: -1, byKey: false };
    const background = chart.background;
    panel.hidden = false;
    figure.classList.add("drawn");
    slider.max = last;

    const columns = chart.lines.map((line) => line.column);
    const core = chart.band ? [...columns, chart.band.lower, chart.band.upper] : columns;
    const series = [{}];
    const drawnData = [x];
    const colour = (role) => getComputedStyle(panel.querySelector(`.key .${role}`)).color;
    // An unbounded interval leaves the picture, whatever its scale.
    const far = 100 * core.reduce((most, at) => data[at].reduce((m, y) => (typeof y === "number" ? Math.max(m, Math.abs(y)) : m), most), 1);
    const drawable = (y) => (y === "inf" ? far : y === "-inf" ? -far : y);
    if (chart.band) {
      for (const bound of [chart.band.upper, chart.band.lower]) {
        series.push({ stroke: "transparent", points: { show: false } });
        drawnData.push(data[bound].map(drawable));
      }
    }
    for (const line of chart.lines) {
      const dash = { counterfactual: [7, 4], average: [9, 4], synthetic: [2, 3] }[line.role];
      series.push({ stroke: () => colour(line.role), width: 2, dash, points: { show: false } });
      drawnData.push(data[line.column]);
    }

    const reach = (u) => {
      let low = Infinity;
      let high = -Infinity;
      const widen = (column) => {
        for (let i = state.first; i <= state.last; i++) {
          const y = column[i];
          if (typeof y === "number") [low, high] = [Math.min(low, y), Math.max(high, y)];
        }
      };
      for (const column of core) widen(data[column]);
      if (chart.zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
      if (low > high) return [0, 1];
      const middle = [low, high];
      const room = ((chart.stretch - 1) * (high - low || Math.abs(high) || 1)) / 2;
      for (const each of background) widen(data[each.column]);
      [low, high] = [Math.max(low, middle[0] - room), Math.min(high, middle[1] + room)];
      if (state.picked >= 0) widen(data[background[state.picked].column]);
      const pad = 0.06 * (high - low || 1);
      return [low - pad, high + 1.8 * pad];
    };
    const edge = () => {
      const pad = 0.012 * (x[state.last] - x[state.first] || 1);
      return [x[state.first] - pad, x[state.last] + pad];
    };

    const path = (u, column) => {
      const line = new Path2D();
      let pen = false;
      for (let i = Math.max(0, state.first - 1); i <= Math.min(last, state.last + 1); i++) {
        const y = data[column][i];
        if (typeof y !== "number") { pen = false; continue; }
        line[pen ? "lineTo" : "moveTo"](u.valToPos(x[i], "x", true), u.valToPos(y, "y", true));
        pen = true;
      }
      return line;
    };
    const inside = (u, draw) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.setLineDash([]);
      draw(ctx, bbox, devicePixelRatio);
      ctx.restore();
    };
    const behind = (u) => inside(u, (ctx, box, ratio) => {
      if (background.length > 0) {
        const all = new Path2D();
        for (const each of background) all.addPath(path(u, each.column));
        ctx.strokeStyle = colour("background");
        ctx.lineWidth = 0.7 * ratio;
        ctx.globalAlpha = Math.max(0.06, Math.min(0.75, 28 / background.length));
        ctx.stroke(all);
        ctx.globalAlpha = 1;
      }
      ctx.strokeStyle = ctx.fillStyle = colour("axis");
      ctx.lineWidth = ratio;
      if (chart.zero) {
        const y = u.valToPos(0, "y", true);
        ctx.stroke(new Path2D(`M${box.left} ${y}H${box.left + box.width}`));
      }
      const at = u.valToPos(x[chart.start], "x", true);
      ctx.setLineDash([ratio, 2 * ratio]);
      ctx.stroke(new Path2D(`M${at} ${box.top}V${box.top + box.height}`));
      ctx.font = `${12 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      const left = at > box.left + 0.4 * box.width;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText("first treated period", at + (left ? -5 : 5) * ratio, box.top + 3 * ratio);
    });
    const before = (u) => inside(u, (ctx, box, ratio) => {
      for (const [which, role, width] of [[state.near, "axis", 1.6], [state.picked, "picked", 2.4]]) {
        if (which < 0) continue;
        ctx.strokeStyle = colour(role);
        ctx.lineWidth = width * ratio;
        ctx.stroke(path(u, background[which].column));
      }
    });

    const item = (name, value, role) => {
      const node = make("span", "", { class: `item ${role}` });
      node.append(make("span", `${name} `, { class: "name" }), make("b", value));
      return node;
    };
    const tell = () => {
      const i = state.at;
      const shown = (column) => words(data[column][i], chart.decimals);
      const parts = [make("b", String(labels[i]), { class: "period" })];
      for (const line of chart.lines) {
        if (data[line.column][i] !== null) parts.push(item(line.label, shown(line.column), line.role));
      }
      if (chart.band && data[chart.band.lower][i] !== null) {
        const bounds = `[${shown(chart.band.lower)},\u00a0${shown(chart.band.upper)}]`;
        parts.push(item(chart.band.label, bounds, "band"));
      }
      for (const each of chart.beside) parts.push(item(each.label, shown(each.column), ""));
      for (const [which, prefix] of [[state.picked, ""], [state.near, "at the pointer: "]]) {
        if (which >= 0) parts.push(item(prefix + background[which].label, shown(background[which].column), "picked"));
      }
      readout.replaceChildren(...parts);
      slider.value = i;
      slider.setAttribute("aria-valuetext", String(labels[i]));
    };

    // The background line within a finger's breadth of the pointer.
    const nearest = (u) => {
      if (background.length === 0 || state.byKey || u.cursor.top < 0) return -1;
      let [best, distance] = [-1, 14];
      background.forEach((each, j) => {
        const y = data[each.column][state.at];
        const away = typeof y === "number" ? Math.abs(u.valToPos(y, "y") - u.cursor.top) : Infinity;
        if (away < distance) [best, distance] = [j, away];
      });
      return best;
    };
    const moved = (u) => {
      if (u.cursor.idx === null || u.cursor.idx === undefined) return;
      state.at = Math.min(Math.max(u.cursor.idx, state.first), state.last);
      const near = nearest(u);
      if (near !== state.near) {
        state.near = near;
        u.redraw(false, false);
      }
      tell();
    };
    const ticks = (u, splits, _, __, step) => {
      const decimals = Math.max(0, (String(step).split(".")[1] ?? "").length);
      return splits.map((v) => words(v, decimals));
    };
    const axis = { stroke: () => colour("axis"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false } };
    const labelFont = "12px system-ui, sans-serif";
    const daily = chart.dates && x.every((seconds) => seconds % 86400 === 0);
    const periods = chart.dates ? { values: daily ? "{YYYY}-{MM}-{DD}" : "{YYYY}-{MM}-{DD} {HH}:{mm}", space: daily ? 90 : 130 } : {
      space: 60,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000],
      values: (u, splits) => splits.map((v) => (chart.ranks ? (labels[v] ?? "") : String(v))),
    };
    const size = () => ({ width: plot.clientWidth, height: Math.max(260, Math.min(400, 0.6 * plot.clientWidth)) });
    const u = new uPlot({
      ...size(),
      series,
      bands: chart.band ? [{ series: [1, 2], fill: () => colour("band") }] : [],
      scales: { x: { time: chart.dates, range: edge }, y: { range: reach } },
      axes: [
        { ...axis, ...periods, label: chart.x, labelFont, labelSize: 20, size: 34 },
        { ...axis, values: ticks, label: chart.y, labelFont, labelSize: 22,
          size: (_, values) => 16 + 7.2 * Math.max(3, ...(values ?? []).map((v) => v.length)) },
      ],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      select: { show: true, left: 0, top: 0, width: 0, height: 0 },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), chart.zone),
      hooks: {
        drawAxes: [behind],
        draw: [before],
        setCursor: [moved],
        setSelect: [(self) => {
          if (self.select.width < 8) return;
          const ends = [self.select.left, self.select.left + self.select.width].map((p) => self.posToIdx(p));
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          span.value = "chosen";
          show(Math.min(...ends), Math.max(...ends));
        }],
      },
    }, drawnData, plot);
    const again = () => {
      u.setScale("x", { min: x[state.first], max: x[state.last] });
      tell();
    };
    function show(first, end) {
      if (end - first < 1) return;
      [state.first, state.last] = [first, end];
      state.at = Math.min(Math.max(state.at, first), end);
      [slider.min, slider.max] = [first, end];
      span.options[3].hidden = span.value !== "chosen";
      again();
    }
    const ranges = { all: () => [0, last], before: () => [0, chart.start - 1], after: () => [chart.start, last] };
    span.addEventListener("change", () => show(...ranges[span.value]()));
    u.over.addEventListener("dblclick", () => {
      span.value = "all";
      show(0, last);
    });
    u.over.addEventListener("pointermove", () => (state.byKey = false));
    u.over.addEventListener("mouseleave", () => {
      if (state.near >= 0) {
        state.near = -1;
        u.redraw(false, false);
      }
      tell();
    });
    slider.addEventListener("input", () => {
      state.byKey = true;
      state.at = Number(slider.value);
      u.setCursor({ left: u.valToPos(x[state.at], "x"), top: 0 });
      tell();
    });
    picker?.addEventListener("change", () => {
      state.picked = picker.value === "" ? -1 : Number(picker.value);
      panel.querySelector(".key .for-picked").hidden = state.picked < 0;
      again();
    });
    tell();
    new ResizeObserver(() => {
      if (plot.clientWidth > 0 && plot.clientWidth !== u.width) u.setSize(size());
    }).observe(plot);
    return u;
  }

  return { interactive, make };
})();
