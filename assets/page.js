// What the page does in the browser: keys, sorting, the heatmap's cells, dark mode, downloads, the page's language.
(() => {
  const sortTable = (button) => {
    const table = button.closest("table");
    const column = Number(button.dataset.sort);
    const heading = button.closest("th");
    const descending = heading.getAttribute("aria-sort") === "ascending";
    const rows = [...table.tBodies[0].rows];
    const key = (row) => {
      const cell = row.cells[column];
      return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
    };
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      const order = typeof x === "number" ? x - y : x.localeCompare(y, "ko");
      return descending ? -order : order;
    });
    table.tBodies[0].append(...rows);
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  };

  const save = (name, blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const download = (name, text, type) => save(name, new Blob([text], { type }));

  // Private windows may refuse storage; a choice then lasts as long as the page.
  const keepChoice = (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      // As above.
    }
  };
  const keptChoice = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };

  const tellDark = () =>
    document.querySelector("#dark")?.setAttribute("aria-pressed", document.body.classList.contains("dark"));

  const toggleDark = () => {
    const dark = document.body.classList.toggle("dark");
    tellDark();
    keepChoice("koe5-dark", dark ? "1" : "0");
  };

  const restoreDark = () => {
    const kept = keptChoice("koe5-dark");
    if (kept !== null) document.body.classList.toggle("dark", kept === "1");
  };

  const followLanguage = () => {
    const header = document.querySelector(".k-header");
    if (!header) return;
    const { language, title, drop } = header.dataset;
    // Gradio words its drop area in the browser's language, not in the page's.
    const root = document.documentElement.style;
    const quoted = JSON.stringify(drop);
    if (root.getPropertyValue("--k-drop") !== quoted) root.setProperty("--k-drop", quoted);
    if (document.documentElement.lang !== language) {
      document.documentElement.lang = language;
      // The server words its refusals (a full queue, too many requests) before any page code runs.
      document.cookie = `koe5-language=${language};path=/;max-age=31536000;SameSite=Lax`;
    }
    if (document.title !== title) document.title = title;
  };

  // Tells the server what was pressed among the results, through the component that hears it.
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`koe5-${name}`, { detail }));

  let toFocus = "";
  let picked = "";
  const pick = (pair) => {
    picked = pair;
    document.querySelectorAll(".k-heat [aria-selected]").forEach((cell) => cell.removeAttribute("aria-selected"));
    document.querySelector(`.k-heat [data-pick="${pair}"]`)?.setAttribute("aria-selected", "true");
    toFocus = "pair";
    tell("pick", pair);
  };

  // What replaced the pressed button carries its name: keyboard and screen reader go on where they were.
  const keepFocus = () => {
    const box = document.querySelector("#pair-box");
    if (toFocus === "pair" && box?.querySelector("#pair-view")) {
      toFocus = "";
      box.tabIndex = -1;
      box.scrollTop = 0;
      box.focus({ preventScroll: true });
    } else if (toFocus && toFocus !== "pair" && document.activeElement === document.body) {
      const closed = toFocus === "pair:close";
      const next = document.querySelector(closed ? `.k-heat [data-pick="${picked}"]` : `[data-look="${toFocus}"]`);
      toFocus = "";
      next?.focus({ preventScroll: true });
    }
  };

  // The heatmap by keyboard: arrows move over the cells, Enter opens the reasons.
  const isTurned = () => matchMedia("(max-width: 640px)").matches;
  const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const moveCell = (cell, key) => {
    const rows = [...cell.closest(".k-heat").querySelectorAll(".k-heat-row")].slice(1);
    const cells = rows.map((row) => [...row.querySelectorAll("[role=gridcell]")]);
    const row = cells.findIndex((line) => line.includes(cell));
    const column = cells[row].indexOf(cell);
    const [down, right] = isTurned() ? [...STEPS[key]].reverse() : STEPS[key];
    const next = cells[row + down]?.[column + right];
    if (!next) return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };

  // The line under the heatmap says what is under the pointer or the focus.
  const readOut = (cell) => {
    const line = document.querySelector("#readout .k-line");
    if (!line) return;
    line.dataset.hint ??= line.textContent;
    if (!cell) {
      line.textContent = line.dataset.hint;
      return;
    }
    const style = cell.style;
    const side = (name, place) =>
      [...cell.closest(".k-heat").querySelectorAll(`[role=${name}]`)].find(
        (head) => head.style.getPropertyValue(place) === style.getPropertyValue(place) && head.title,
      );
    const [row, column] = [side("rowheader", "--r"), side("columnheader", "--c")];
    const name = (head) => head.querySelector("strong").textContent;
    line.textContent = `${name(row)} × ${name(column)} = ${cell.dataset.score} · ${column.title}`;
  };

  const savePng = (name) => {
    const heat = document.querySelector(".k-heat");
    if (!heat) return;
    const page = getComputedStyle(document.body);
    // Whole, not as far as it is scrolled.
    const [kept, x, y] = [heat.style.maxHeight, heat.scrollLeft, heat.scrollTop];
    heat.style.maxHeight = "none";
    heat.scrollTo(0, 0);
    const frame = heat.getBoundingClientRect();
    const [width, height, foot, scale] = [heat.scrollWidth, heat.scrollHeight, 26, 2];
    const canvas = Object.assign(document.createElement("canvas"), { width: width * scale, height: (height + foot) * scale });
    const draw = canvas.getContext("2d");
    draw.scale(scale, scale);
    draw.fillStyle = page.backgroundColor;
    draw.fillRect(0, 0, width, height + foot);
    draw.textBaseline = "middle";
    const write = (text, box, colour, align) => {
      draw.save();
      draw.beginPath();
      draw.rect(box.x, box.y, box.width, box.height);
      draw.clip();
      draw.fillStyle = colour;
      draw.textAlign = align;
      draw.fillText(text, align === "center" ? box.x + box.width / 2 : box.x + 2, box.y + box.height / 2);
      draw.restore();
    };
    for (const part of heat.querySelectorAll("[role=gridcell], [role=rowheader], .k-heat-top")) {
      const at = part.getBoundingClientRect();
      const box = { x: at.x - frame.x, y: at.y - frame.y, width: at.width, height: at.height };
      const look = getComputedStyle(part);
      const isCell = part.role === "gridcell";
      draw.font = `${look.fontSize} ${look.fontFamily}`;
      if (isCell) {
        draw.fillStyle = look.backgroundColor;
        draw.fillRect(box.x, box.y, box.width, box.height);
      }
      write(part.textContent.replace(/\s+/g, " ").trim(), box, look.color, isCell ? "center" : "left");
    }
    const { name: model, low, high } = heat.dataset;
    write(`${model} · ${low} – ${high} · KoE5 demo`, { x: 0, y: height, width, height: foot }, page.color, "left");
    heat.style.maxHeight = kept;
    heat.scrollTo(x, y);
    canvas.toBlob((blob) => save(name, blob));
  };

  // How much of the window is left for the form, and how high the heatmap stands above the reasons.
  const measure = () => {
    const root = document.documentElement.style;
    const columns = document.querySelector(".k-columns");
    const heat = document.querySelector("#heat-box");
    if (columns) root.setProperty("--k-form-room", `${innerHeight - Math.max(0, columns.getBoundingClientRect().top)}px`);
    if (heat) root.setProperty("--k-heat-height", `${heat.offsetHeight}px`);
  };

  // Where the form fills the window, a new result would come out of sight.
  const arrived = () => {
    if (!matchMedia("(max-width: 960px)").matches) return;
    document.activeElement?.blur?.(); // the phone's keyboard would cover what came
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    document.querySelector("#heat-box")?.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  };

  const tellFold = () =>
    document
      .querySelector("[data-fold]")
      ?.setAttribute("aria-expanded", !!document.querySelector("#form-side.k-unfolded"));

  const edit = () => {
    const box = document.querySelector("#queries");
    box?.scrollIntoView({ block: "center" });
    box?.querySelector("textarea")?.focus({ preventScroll: true });
  };

  // The language chosen here before, else the browser's; nothing where the page speaks neither.
  const LANGUAGES = ["ko", "en"];
  const language = () => {
    const asked = [keptChoice("koe5-language"), ...(navigator.languages ?? [navigator.language])];
    return asked.map((one) => one?.slice(0, 2).toLowerCase()).find((one) => LANGUAGES.includes(one)) ?? null;
  };

  const shareLink = async (packed, copied, manual, tooLong) => {
    if (!packed) {
      document.querySelector("#share-file")?.click();
      return tooLong;
    }
    const link = `${location.origin}${location.pathname}#s=${packed}`;
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      return copied;
    } catch {
      return manual; // no clipboard without https, or the visitor said no
    }
  };

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest?.(selector);
    const sort = on("button[data-sort]");
    if (sort) sortTable(sort);
    const why = on("[data-pick]");
    if (why) pick(why.dataset.pick);
    const look = on("[data-look]");
    if (look) {
      toFocus = look.dataset.look;
      tell("look", look.dataset.look);
    }
    on("[data-more]")?.previousElementSibling.classList.remove("k-first");
    on("[data-open]")?.closest("tr").classList.toggle("k-open");
    if (on("[data-edit]")) edit();
    const press = on("[data-press]");
    if (press) document.querySelector(press.dataset.press)?.click();
    if (on("[data-fold]")) {
      document.querySelector("#form-side").classList.toggle("k-unfolded");
      tellFold();
    }
  });
  document.addEventListener("change", (event) => {
    if (event.isTrusted && event.target.closest?.("#language")) keepChoice("koe5-language", event.target.value);
  });
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => readOut(event.target.closest?.(".k-heat [role=gridcell]")));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.querySelector("#run")?.click();
      return;
    }
    const cell = event.target.closest?.("[role=gridcell][data-pick]");
    if (cell && event.key in STEPS) {
      event.preventDefault();
      moveCell(cell, event.key);
    } else if (cell && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      pick(cell.dataset.pick);
    } else if (event.key === "Escape") {
      document.querySelector("#pair-box .k-close")?.click();
    }
  });
  const start = () => {
    restoreDark();
    followLanguage();
    const follow = () => {
      followLanguage();
      tellDark();
      keepFocus();
      tellFold();
      measure();
      if (document.querySelector("#ranking")) document.body.classList.add("k-ready");
    };
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
  };
  // Gradio inserts this script after the document has loaded; a browser that is slow may run it before.
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
  window.koe5 = { download, savePng, toggleDark, shareLink, language, arrived };
})();
