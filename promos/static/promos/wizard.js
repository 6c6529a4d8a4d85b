// The wizard: what is typed is sent to the server, which answers with the outcome. Nothing is
// decided here, and without this script the page works all the same.
"use strict";

const PAUSE_MS = 250;

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.promos-wizard");
  const outlook = form.querySelector("[data-outlook]");
  const touched = new Set();
  let timer = 0;
  let latest = 0;

  // Ask the server; an answer that was overtaken by another question is null.
  async function check() {
    const asked = ++latest;
    const data = new FormData(form);
    // It does not matter before it is sent, and may be big.
    data.delete("import_file");
    const answer = await fetch(form.dataset.check, { method: "POST", body: data });
    if (!answer.ok || asked !== latest) {
      return null;
    }
    return answer.json();
  }

  function show(answer, everywhere) {
    outlook.innerHTML = answer.outlook;
    for (const place of form.querySelectorAll("[data-errors-for]")) {
      const name = place.dataset.errorsFor;
      if (everywhere || touched.has(name)) {
        place.replaceChildren(
          ...(answer.errors[name] || []).map((sentence) => {
            const line = document.createElement("p");
            line.textContent = sentence;
            return line;
          }),
        );
      }
    }
  }

  async function look() {
    const answer = await check();
    if (answer) {
      show(answer, false);
    }
  }

  form.addEventListener("input", (event) => {
    touched.add(event.target.name);
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });

  // Errors are shown before the page leaves, so that nothing typed or chosen is lost.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    let answer = null;
    try {
      answer = await check();
    } catch {
      // The network is down, and the browser says so better than we could.
    }
    if (answer && !answer.good) {
      show(answer, true);
      const wrong = [...form.querySelectorAll(".promos-errors:not(:empty)")][0];
      wrong?.closest(".promos-field").querySelector("input, select")?.focus();
      return;
    }
    form.submit();
  });

  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  look();
});
