// What the page does in the browser: keys, sorting, dark mode, downloads, the document's language.
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

  const download = (name, text, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const tellDark = () =>
    document.querySelector("#dark")?.setAttribute("aria-pressed", document.body.classList.contains("dark"));

  const toggleDark = () => {
    const dark = document.body.classList.toggle("dark");
    tellDark();
    try {
      localStorage.setItem("koe5-dark", dark ? "1" : "0");
    } catch {
      // Private windows may refuse storage; the choice then lasts as long as the page.
    }
  };

  const restoreDark = () => {
    try {
      const kept = localStorage.getItem("koe5-dark");
      if (kept !== null) document.body.classList.toggle("dark", kept === "1");
    } catch {
      // As above.
    }
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

  // Tells the server which two texts to explain, through the component that hears it.
  const pick = (text) => {
    document.dispatchEvent(new CustomEvent("koe5-pick", { detail: text }));
    const box = document.querySelector("#pair-box");
    if (!box) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    box.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
    // Keyboard and screen reader go on where the answer is.
    box.tabIndex = -1;
    box.focus({ preventScroll: true });
  };

  const hearHeatmap = () => {
    const plot = document.querySelector("#heatmap .js-plotly-plot");
    if (!plot?.on || plot.koe5Heard === plot.layout) return;
    plot.koe5Heard = plot.layout;
    plot.removeAllListeners?.("plotly_click");
    plot.on("plotly_click", (event) => {
      const [, , row, column] = event.points[0].customdata;
      pick(`${row}:${column}`);
    });
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
    const sort = event.target.closest?.("button[data-sort]");
    if (sort) sortTable(sort);
    const why = event.target.closest?.("button[data-pick]");
    if (why) pick(why.dataset.pick);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.querySelector("#run")?.click();
    }
  });
  const start = () => {
    restoreDark();
    followLanguage();
    const follow = () => {
      followLanguage();
      tellDark();
      hearHeatmap();
      if (document.querySelector("#ranking")) document.body.classList.add("k-ready");
      document.querySelector("#bench-published-chart")?.setAttribute("tabindex", "0"); // it scrolls: by keyboard too
    };
    new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
  };
  // Gradio inserts this script after the document has loaded; a browser that is slow may run it before.
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
  window.koe5 = { download, toggleDark, shareLink };
})();
