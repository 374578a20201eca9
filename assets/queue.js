// Says in the page's language what gradio's progress line says in English: the place in the queue, and that work goes on.
(() => {
  const QUEUE = /queue:\s*(\d+)\s*\/\s*(\d+)/;
  const WORKING = /^\s*processing\b/;

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
