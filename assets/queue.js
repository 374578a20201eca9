// Says in the page's language what gradio says in English: the place in the queue, that work goes on, and its own faults.
(() => {
  const QUEUE = /queue:\s*(\d+)\s*\/\s*(\d+)/;
  const KEYS = " (Ctrl+Enter)";
  const WORKING = /^\s*processing\b/;

  const FAULTS = [
    [/^(Connection (errored out|to the server was lost)|network error)/i, "lost"],
    [/^Invalid file types?:/, "kind"],
    [/^This application is currently busy/, "busy"],
  ];

  const tellFaults = (words) => {
    for (const text of document.querySelectorAll(".toast-message-text")) {
      const said = text.textContent.trim();
      const found = FAULTS.find(([pattern]) => pattern.test(said));
      const own = found ? words[found[1]] : words.both[said];
      if (own) text.textContent = own;
    }
  };

  // gradio writes the kind of a message as its title, whatever title the message has.
  const tellTitles = (words) => {
    for (const title of document.querySelectorAll(".toast-title")) {
      const own = title.classList.contains("error") ? words.error : words.warning;
      const kind = title.firstChild;
      if (kind?.nodeType === Node.TEXT_NODE && kind.nodeValue.trim() !== own) kind.nodeValue = `${own} `;
    }
  };

  // No keyboard, no hint about its keys; see `.k-keys` for those that are markup.
  const hideKeys = () => {
    if (!matchMedia("(hover: none)").matches) return;
    for (const node of document.querySelector("#run")?.childNodes ?? []) {
      if (node.nodeType === Node.TEXT_NODE && node.nodeValue.includes(KEYS)) node.nodeValue = node.nodeValue.replace(KEYS, "");
    }
  };

  const told = (text, words) => {
    const found = text.match(QUEUE);
    if (found) return words.queue.replace("{place}", found[1]).replace("{size}", found[2]);
    return WORKING.test(text) ? words.working : "";
  };

  // The line lies on the results; who pressed the button below them sees the same words beside it.
  const note = () => {
    const button = document.querySelector("#run");
    if (!button) return null;
    let found = document.querySelector("#queue-note");
    if (!found) {
      found = document.createElement("p");
      found.id = "queue-note";
      found.className = "k-line";
      found.setAttribute("role", "status");
      button.after(found);
    }
    return found;
  };

  const tell = () => {
    const words = window.koe5Words[document.documentElement.lang] ?? window.koe5Words.ko;
    let waiting = "";
    tellFaults(words);
    tellTitles(words);
    hideKeys();
    for (const line of document.querySelectorAll(".progress-text")) {
      const text = told(line.textContent, words);
      if (line.closest("#ranking")) waiting = text;
      if ((line.dataset.told ?? "") === text) continue;
      if (text) line.dataset.told = text;
      else delete line.dataset.told;
    }
    const beside = note();
    if (beside && beside.textContent !== waiting) beside.textContent = waiting;
  };

  const start = () =>
    new MutationObserver(tell).observe(document.body, { childList: true, subtree: true, characterData: true });
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
