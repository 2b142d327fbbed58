// The page without this script is whole: static pictures and plain tables. It adds charts that answer
// the pointer and the keyboard, sorting, copying, downloads and the theme. No address is ever opened.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");
  const { interactive, make } = bsynthChart;

  // Words and numbers -----------------------------------------------------------------------------
  const NUMBER = /^[<>]? ?[+−-]?[\d.,]+%?$/;
  const parsed = (text) => {
    const first = text.replace(/^\[/, "").split(/,\s/)[0].replace(/^[<>]\s*/, "").replace(/[,%\]]/g, "");
    const plain = first.replace("−", "-").replace("∞", "Infinity");
    return plain === "" || plain === "–" ? NaN : Number(plain);
  };
  // A spreadsheet runs a text that begins like a formula; a quote before it keeps it a text.
  const harmless = (text) => NUMBER.test(text) || text === "-inf";
  const guarded = (text) => (/^[=+\-@\t\r]/.test(text) && !harmless(text) ? `'${text}` : text);
  const field = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = guarded(String(value));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  // Downloads -------------------------------------------------------------------------------------
  const save = (name, content, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  const saveCsv = (name, rows) =>
    save(`${name}.csv`, `\ufeff${rows.map((row) => row.map(field).join(",")).join("\r\n")}\r\n`, "text/csv");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const saveSvg = async (figure, name) => {
    const packed = figure.querySelector("script.packed");
    let content;
    if (packed === null) {
      content = bytes(figure.querySelector("img").src.split("base64,")[1]);
    } else {
      const stream = new Blob([bytes(packed.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
      content = await new Response(stream).arrayBuffer();
    }
    save(`${name}.svg`, content, "image/svg+xml");
  };
  const tools = (holder, buttons) => {
    for (const [text, label, act] of buttons) {
      const button = make("button", text, { type: "button", "aria-label": label });
      button.addEventListener("click", () => act(button, text));
      holder.append(button);
    }
  };

  // Tables ----------------------------------------------------------------------------------------
  const cells = (row) => [...row.cells].map((cell) => cell.textContent.trim());
  // Numbers leave with the sign that spreadsheets read; everything else as text.
  const value = (text) => (NUMBER.test(text) && !/^[<>]/.test(text) ? text.replace("−", "-").replaceAll(",", "") : guarded(text));
  const copied = async (text) => {
    if (navigator.clipboard?.writeText) {
      try {
        await navigator.clipboard.writeText(text);
        return;
      } catch (refused) {
        if (!(refused instanceof DOMException)) throw refused;
      }
    }
    const area = make("textarea", text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  const sortable = (table) => {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const next = now === "none" ? "ascending" : now === "ascending" ? "descending" : "none";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", next);
        body.append(...(next === "none" ? original : sorted(original, at, next === "descending" ? -1 : 1)));
      });
    });
  };
  const sorted = (rows, at, sign) => {
    const text = new Map(rows.map((row) => [row, row.cells[at].textContent.trim()]));
    const empty = (row) => text.get(row) === "–" || text.get(row) === "";
    const full = rows.filter((row) => !empty(row));
    const numeric = full.every((row) => !Number.isNaN(parsed(text.get(row))));
    const compare = numeric
      ? (a, b) => parsed(text.get(a)) - parsed(text.get(b))
      : (a, b) => text.get(a).localeCompare(text.get(b), "en", { numeric: true });
    return [...full.sort((a, b) => sign * compare(a, b)), ...rows.filter(empty)];
  };
  const scrolls = new ResizeObserver((entries) => {
    for (const { target } of entries) target.classList.toggle("wide", target.scrollWidth > target.clientWidth + 1);
  });
  for (const table of document.querySelectorAll("main .table:not(.paper) table")) {
    sortable(table);
    scrolls.observe(table.closest(".scroll"));
    const title = table.caption.textContent.trim();
    const rows = () => [...table.rows].map((row) => cells(row).map(value));
    const holder = table.closest(".table").querySelector(".tools");
    tools(holder, [
      ["Copy", `Copy table: ${title}`, async (button, text) => {
        const flat = rows().map((row) => row.map((cell) => cell.replace(/[\t\r\n]+/g, " ")).join("\t"));
        await copied(flat.join("\n"));
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = text), 1500);
      }],
      ["CSV", `Download table as CSV: ${title}`, () => {
        const plain = [...table.rows].map((row) => cells(row).map((cell) => (NUMBER.test(cell) ? value(cell) : cell)));
        const numbers = plain.map((row) => row.map((cell) => (/^[+-]?[\d.]+$/.test(cell) ? Number(cell) : cell)));
        saveCsv(table.dataset.file, numbers);
      }],
    ]);
  }

  // Figures and charts ----------------------------------------------------------------------------
  const charts = [];
  const folded = (node) => node.closest("details:not([open])");
  // A chart needs the width of its place, which it has once the fold around it is open.
  const drawn = (figure, numbers) => {
    const fold = folded(figure);
    if (fold === null) charts.push(interactive(figure, numbers));
    else fold.addEventListener("toggle", () => drawn(figure, numbers), { once: true });
  };
  for (const figure of document.querySelectorAll("main figure")) {
    const source = figure.querySelector("script.numbers");
    const numbers = source === null ? null : JSON.parse(source.textContent);
    const { key, file } = figure.dataset;
    const buttons = [["SVG", `Download picture as SVG: ${key}`, () => saveSvg(figure, file)]];
    if (numbers !== null) {
      buttons.push(["CSV", `Download numbers as CSV: ${key}`, () => {
        const rows = numbers.data[0].map((_, i) => numbers.data.map((column) => column[i]));
        saveCsv(file, [numbers.columns, ...rows]);
      }]);
    }
    const holder = figure.querySelector(".tools");
    if (holder !== null) tools(holder, buttons);
    if (numbers?.chart) drawn(figure, numbers);
  }

  // Folds -----------------------------------------------------------------------------------------
  const folds = [...document.querySelectorAll(".appendix details")];
  const unfold = document.querySelector("button.unfold");
  unfold.addEventListener("click", () => {
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
    unfold.textContent = open ? "Close all" : "Open all";
  });
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const fold of closed) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of closed) fold.open = false;
  });

  // Theme -----------------------------------------------------------------------------------------
  const recolour = () => charts.forEach((u) => u.redraw(false, true));
  const theme = document.querySelector("select.theme");
  theme.addEventListener("change", () => {
    root.dataset.theme = theme.value;
    recolour();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
})();
