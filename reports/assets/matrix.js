// Filtering the matrix. The state lives in the address (#chapter=leaving&outcome=failed), so that a view can be sent.
// Without this script the page shows everything.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const table = document.getElementById("matrix-table");
  if (!form || !table) return;
  const shown = document.getElementById("shown");
  const keys = ["text", "chapter", "level", "outcome", "column", "differs"];
  const harmless = new Set(["", "passed", "not run", "departs", "noted"]);
  const firstColumn = 3; // after clause, claim and level
  const names = [...table.tHead.rows[0].cells].slice(firstColumn).map((cell) => cell.dataset.name);
  const rows = [...table.tBodies].flatMap((body) =>
    [...body.rows].filter((row) => !row.classList.contains("chapter")).map((row) => ({
      row,
      chapter: body.dataset.chapter,
      level: row.dataset.level,
      differs: row.dataset.differs || "",
      states: [...row.cells].slice(firstColumn).map((cell) => cell.dataset.state || ""),
      text: row.textContent.toLowerCase(),
    })));

  const wanted = () => Object.fromEntries(keys.map((key) => {
    const field = form.elements[key];
    return [key, field.type === "checkbox" ? (field.checked ? field.value : "") : field.value.trim()];
  }));

  const matches = (each, want) => {
    const states = want.column === "" ? each.states : [each.states[Number(want.column)] || ""];
    return (!want.chapter || each.chapter === want.chapter)
      && (!want.level || each.level === want.level)
      && (!want.differs || each.differs === want.differs)
      && (!want.text || each.text.includes(want.text.toLowerCase()))
      && (want.column === "" || states[0] !== "")
      && (!want.outcome
        || states.some((state) => want.outcome === "failure" ? !harmless.has(state) : state === want.outcome));
  };

  const apply = () => {
    const want = wanted();
    let count = 0;
    for (const each of rows) {
      each.row.hidden = !matches(each, want);
      count += !each.row.hidden;
    }
    for (const body of table.tBodies) {
      body.hidden = [...body.rows].every((row) => row.hidden || row.classList.contains("chapter"));
    }
    shown.value = count === rows.length ? `${count} clauses` : `${count} of ${rows.length} clauses`;
    return want;
  };

  const remember = (want) => {
    const query = new URLSearchParams(Object.entries(want).filter(([, value]) => value !== ""));
    history.replaceState(null, "", `#${query}`);
  };

  const recall = () => {
    if (location.hash && !location.hash.includes("=")) return; // the address of a place, not of a view
    const query = new URLSearchParams(location.hash.slice(1));
    for (const key of keys) {
      const field = form.elements[key];
      if (field.type === "checkbox") field.checked = query.get(key) === field.value;
      else field.value = query.get(key) || "";
      if (field.selectedIndex === -1) field.value = "";
    }
    apply();
    if (location.hash.length > 1) form.scrollIntoView();
  };

  const view = () => rows.filter((each) => !each.row.hidden).map((each) => {
    const [clause, claim, level] = each.row.cells;
    const outcomes = Object.fromEntries(names.map((name, at) => [name, each.states[at]]));
    return { clause: clause.textContent, chapter: each.chapter, level: level.textContent,
      claim: claim.firstChild ? claim.firstChild.textContent : "", ...outcomes };
  });

  // A spreadsheet runs what begins like a formula; an apostrophe makes it text.
  const field = (value) => `"${value.replace(/^[=+\-@\t]/, "'$&").replaceAll('"', '""')}"`;
  const csv = (records) => [Object.keys(records[0] || {}), ...records.map(Object.values)]
    .map((line) => line.map(field).join(",") + "\r\n").join("");

  const download = (kind) => {
    const text = kind === "csv" ? csv(view()) : JSON.stringify(view(), null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }));
    link.download = `asyncwith-clauses.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => remember(apply()));
  form.addEventListener("reset", () => setTimeout(() => remember(apply())));
  for (const button of form.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => download(button.dataset.download));
  }
  addEventListener("hashchange", recall);
  recall();
})();
