// Shows what the forms hold as code, and sends it through the gateway. This script names no
// operation and no field: what there is to fill in and what an answer means stands in the page.
"use strict";
(() => {
  const get = (id) => document.getElementById(id);

  // --- Literals of three languages.

  // Characters that don't show, or that reorder what does.
  const HIDDEN = /[^\P{C}\n]|[^\P{Z} ]/gu;
  const escaped = (mark, number, digits) =>
    `\\${mark}${number.toString(16).padStart(digits, "0")}`;

  const json = (value) =>
    JSON.stringify(value, null, 2).replace(HIDDEN, (hidden) =>
      hidden.replace(/[^]/g, (unit) => escaped("u", unit.charCodeAt(0), 4)),
    );

  function python(value) {
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    return JSON.stringify(value).replace(HIDDEN, (hidden) => {
      const point = hidden.codePointAt(0);
      return point > 0xffff ? escaped("U", point, 8) : escaped("u", point, 4);
    });
  }

  const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  const indented = (text) => text.replace(/^/gm, "    ");
  const listed = (open, parts, close) =>
    parts.length ? `${open}\n${indented(parts.join(",\n"))},\n${close}` : open + close;

  // --- What the controls hold: as JSON, as Python, and the imports that the latter needs.

  const controlIn = (element) => element.querySelector("[data-kind]");
  const nameOf = (control) => control.closest("[data-name]").dataset.name;
  const rowsOf = (list) => [...list.querySelector(":scope > ol").children];
  const isNull = (control) => control.nextElementSibling?.control?.checked;

  function scalar(control, sent) {
    const { python: type, import: line } = control.dataset;
    if (!type || sent === null) return { json: sent, python: python(sent), imports: [] };
    return { json: sent, python: `${type}(${python(sent)})`, imports: [line] };
  }

  function typed(control, parsed) {
    if (isNull(control)) return scalar(control, null);
    return control.value === "" ? undefined : scalar(control, parsed(control.value));
  }

  // A reader for each kind of control; undefined is what is not sent.
  const readers = {
    text: (control) => typed(control, String),
    number: (control) => typed(control, Number),
    choice: (control) => typed(control, JSON.parse),
    list(control) {
      const values = rowsOf(control).map((row) => read(controlIn(row)));
      if (!values.length && !("required" in control.dataset)) return undefined;
      return {
        json: values.map((value) => value.json),
        python: listed("[", values.map((value) => value.python), "]"),
        imports: values.flatMap((value) => value.imports),
      };
    },
    optional(control) {
      const [row] = rowsOf(control);
      if (row) return read(controlIn(row));
      return "required" in control.dataset ? scalar(control, null) : undefined;
    },
    object(control) {
      const { python: type, import: line } = control.dataset;
      const { json, keywords, imports } = fieldsOf(control);
      return { json, python: `${type}(${keywords.join(", ")})`, imports: [line, ...imports] };
    },
  };

  function read(control) {
    const value = readers[control.dataset.kind](control);
    // What is required and still missing stands in the code by its name.
    return value ?? (control.required ? scalar(control, `{${nameOf(control)}}`) : undefined);
  }

  function fieldsOf(parent) {
    const sent = [...(parent?.children ?? [])]
      .filter((child) => child.matches(".field"))
      .map((field) => ({ ...field.dataset, value: read(controlIn(field)) }))
      .filter(({ value }) => value);
    return {
      json: Object.fromEntries(sent.map(({ name, value }) => [name, value.json])),
      positional: sent.map(({ value }) => value.python),
      keywords: sent.map(({ keyword, value }) => `${keyword}=${value.python}`),
      imports: sent.flatMap(({ value }) => value.imports),
    };
  }

  // --- The gateway. Its URL is kept in this browser, its key in this tab.

  const gateway = document.querySelector("#gateway form");
  const url = get("gateway-url");
  const key = get("gateway-key");
  const header = gateway.dataset.header;

  function address() {
    if (!URL.canParse(url.value)) return "";
    const { href } = new URL(url.value);
    if (TOKEN.test(href)) return "";
    return /^https?:\/\/[^/@?#]+\/[^?#]*$/.test(href) ? href.replace(/\/+$/, "") : "";
  }

  // A browser may forbid to keep anything; then nothing is.
  function keep(field, area) {
    try {
      window[area].setItem(field.id, field.value);
    } catch {}
  }

  function restore(field, area) {
    try {
      field.value = window[area].getItem(field.id) ?? "";
    } catch {}
  }

  const TOKEN = /sntry[a-z]_/;

  function urlFault() {
    if (TOKEN.test(url.value)) return "This holds a Sentry token: the gateway holds it.";
    if (!url.value || address()) return "";
    return "This is no gateway's URL: it begins with http:// or https:// and ends without ? or #.";
  }

  function keyFault() {
    return /[^!-~]/.test(key.value) ? "A key is ASCII, without blanks." : "";
  }

  function refuseToken() {
    if (!TOKEN.test(key.value)) return "";
    key.value = "";
    return "That was a Sentry token: the gateway holds it. This is for the gateway's own key.";
  }

  // --- A form's request, as the code that makes it.

  function requestOf(form) {
    const parameters = fieldsOf(form.querySelector(".parameters"));
    const body = form.querySelector(".body > [data-kind]");
    const path = form.dataset.path.replace(/\{(.*?)\}/g, (braced, name) =>
      parameters.json[name] === braced ? braced : encodeURIComponent(parameters.json[name]),
    );
    const read = body && { ...body.dataset, ...fieldsOf(body) };
    return { method: form.dataset.method, path, parameters, body: read };
  }

  function pythonCode(form) {
    const { parameters, body } = requestOf(form);
    const ofBody = body ? [body.import, ...body.imports] : [];
    const imports = new Set([...parameters.imports, ...ofBody]);
    const at = address() && [`gateway_url = ${python(address())}`];
    const model = body ? [listed(`${body.python}(`, body.keywords, ")")] : [];
    const given = [...parameters.positional, ...model];
    return [
      "from sentry_members import SentryMembers",
      ...imports,
      "",
      ...at,
      `with SentryMembers(${at && "gateway_url=gateway_url"}) as sentry:`,
      indented(listed(`result = sentry.${form.dataset.call}(`, given, ")")),
      "print(result)",
    ].join("\n");
  }

  function curlCode(form) {
    const { method, path, body } = requestOf(form);
    const to = address() ? shell(address() + path) : `"$SENTRY_GATEWAY_URL"${shell(path)}`;
    const content = body && [
      "--header 'Content-Type: application/json'",
      `--data-raw ${shell(json(body.json))}`,
    ];
    return [
      `curl --include --request ${method}`,
      to,
      ...(content ?? []),
      // Read from there, the key is in no list of processes.
      `--header @- <<< "${header}: $SENTRY_GATEWAY_KEY"`,
    ].join(" \\\n  ");
  }

  // --- What can't be sent, told beside its control.

  function tell(control, fault) {
    const told = get(control.getAttribute("aria-describedby")).querySelector(".fault");
    told.textContent = fault;
    told.hidden = !fault;
    control.setAttribute("aria-invalid", String(fault !== ""));
  }

  function faultOf(control) {
    const { pattern, minlength, maxlength } = control.dataset;
    const length = [...control.value].length;
    if (isNull(control)) return "";
    if (control.validity.valueMissing) return `${nameOf(control)} is required.`;
    if (!length) return control.validationMessage;
    if (pattern && !new RegExp(pattern, "u").test(control.value)) {
      return `This is no ${nameOf(control)}: it must match ${pattern}`;
    }
    if (length > maxlength) return `At most ${maxlength} characters are taken, not ${length}.`;
    if (length < minlength) return `At least ${minlength} characters are needed, not ${length}.`;
    return control.validationMessage;
  }

  // Tells every fault; the first control that has one.
  function firstWrong(form) {
    const faults = [...form.querySelectorAll("input[data-kind], select")].map((control) => [
      control,
      faultOf(control),
    ]);
    faults.push([key, keyFault()]);
    faults.forEach(([control, fault]) => tell(control, fault));
    return faults.find(([, fault]) => fault)?.[0];
  }

  // --- The answer.

  async function answerTo(form, answers) {
    const { method, path, body } = requestOf(form);
    const to = address();
    const headers = body ? { "Content-Type": "application/json" } : {};
    if (key.value) headers[header] = key.value;
    const options = { method, headers, credentials: "omit", cache: "no-store", redirect: "error" };
    try {
      if (body) options.body = JSON.stringify(body.json);
      const response = await fetch(to + path, options);
      return meaningOf(response.status, await response.text(), answers);
    } catch {
      return {
        outcome: "failed",
        said: `No answer: ${to} can't be reached.`,
        advice:
          "Either no gateway is there, or it does not let this page call it (CORS): then start " +
          `it with GATEWAY_ALLOW_ORIGIN=${location.origin}. If a connection was made and broke ` +
          "off, the request may have arrived.",
        body: "",
      };
    }
  }

  function meaningOf(status, text, answers) {
    let parsed;
    try {
      parsed = JSON.parse(text);
    } catch {}
    const body = parsed === undefined ? text : JSON.stringify(parsed, null, 2);
    const answer =
      answers.querySelector(`[data-status="${status}"]`) ??
      answers.querySelector(`[data-status="${Math.floor(status / 100)}XX"]`);
    // Accepted is not done yet.
    const outcome = status === 202 ? "asked" : status < 300 && answer ? "done" : "failed";
    const reasons = [...(answer?.querySelectorAll("[data-words]") ?? [])];
    const reason =
      reasons.find(({ dataset }) => dataset.words && text.includes(dataset.words)) ??
      reasons.find(({ dataset }) => !dataset.words);
    const advice = reason?.textContent ?? "";
    if (parsed?.gateway === true) {
      // Of these requests Sentry has seen only those that it gave no answer to.
      const said = `The gateway says ${status}: ${parsed.detail}`;
      return { outcome, said, advice: status === 504 ? advice : "", body };
    }
    const meaning = answer?.querySelector(".meaning").textContent.trim() ?? "the contract knows no such answer.";
    return { outcome, said: `Sentry says ${status}: ${meaning}`, advice, body };
  }

  function show(section, { outcome, said, advice, body }) {
    const block = section.querySelector("pre");
    section.hidden = false;
    section.dataset.outcome = outcome;
    section.querySelector(".said").textContent = said;
    section.querySelector(".advice").textContent = advice;
    block.textContent = body;
    block.hidden = !body;
  }

  // --- Rows of lists.

  let added = 0;

  function addRow(list) {
    const row = list.querySelector(":scope > template").content.cloneNode(true).firstElementChild;
    added += 1;
    for (const name of ["id", "for", "aria-describedby"]) {
      for (const element of row.querySelectorAll(`[${name}]`)) {
        element.setAttribute(name, `${element.getAttribute(name)}.${added}`);
      }
    }
    list.querySelector(":scope > ol").append(row);
    row.querySelector("input, select, button").focus();
  }

  function removeRow(row) {
    const list = row.closest("[data-kind=list], [data-kind=optional]");
    row.remove();
    list.querySelector(":scope > .add").focus();
  }

  async function copy(article, block) {
    const said = article.querySelector(".copied");
    try {
      await navigator.clipboard.writeText(block.textContent);
      said.textContent = "Copied.";
    } catch {
      // Without TLS a browser lets a page write to the clipboard on loopback only.
      getSelection().selectAllChildren(block);
      said.textContent = "Selected: copy it with your keyboard.";
    }
  }

  // --- Bringing it to life.

  // The row that shows what a list's rows are like becomes their pattern.
  for (const rows of document.querySelectorAll("form ol")) {
    const template = document.createElement("template");
    template.content.append(...rows.children);
    rows.before(template);
  }

  const refreshes = [...document.querySelectorAll("article")].map((article) => {
    const form = article.querySelector("form");
    const section = article.querySelector(".answer");
    const [pythonBlock, curlBlock] = article.querySelectorAll("figure pre");
    const button = form.querySelector(".send button");
    const hint = form.querySelector(".hint");
    let underway = false;

    function refresh() {
      pythonBlock.textContent = pythonCode(form);
      curlBlock.textContent = curlCode(form);
      button.disabled = !address();
      hint.textContent = address() ? "" : "Enter a gateway URL above to enable sending.";
    }

    form.addEventListener("input", ({ target }) => {
      if (target.matches("[data-kind]")) tell(target, "");
      refresh();
    });

    article.addEventListener("click", ({ target }) => {
      if (target.matches(".copy")) copy(article, get(target.getAttribute("aria-controls")));
      if (target.matches(".add")) addRow(target.parentElement);
      if (target.matches(".remove")) removeRow(target.closest("li"));
      if (target.matches(".add, .remove")) refresh();
    });

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wrong = firstWrong(form);
      wrong?.focus();
      if (wrong || underway) return;
      underway = true;
      show(section, { outcome: "", said: "Sending…", advice: "", body: "" });
      show(section, await answerTo(form, article.querySelector("dl")));
      underway = false;
    });

    return refresh;
  });

  function refreshAll() {
    tell(url, urlFault());
    here.hidden = url.value !== "" || !/^https?:$/.test(location.protocol);
    refreshes.forEach((refresh) => refresh());
  }

  const here = document.querySelector(".here");
  here.textContent = `Use ${location.origin}, where this page comes from`;
  here.addEventListener("click", () => {
    url.value = location.origin;
    url.dispatchEvent(new Event("input"));
    url.focus();
  });

  restore(url, "localStorage");
  url.addEventListener("input", () => {
    // What is no gateway's URL may be a secret.
    if (!urlFault()) keep(url, "localStorage");
    refreshAll();
  });

  restore(key, "sessionStorage");
  key.addEventListener("input", () => {
    tell(key, refuseToken() || keyFault());
    keep(key, "sessionStorage");
  });

  gateway.addEventListener("submit", (event) => event.preventDefault());

  for (const part of document.querySelectorAll("fieldset[disabled]")) part.disabled = false;
  for (const part of document.querySelectorAll(".send, aside")) part.hidden = false;
  document.querySelector(".unscripted").hidden = true;
  refreshAll();
})();
