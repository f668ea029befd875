// Shows each form's request as code, and sends it through the gateway. This script knows no
// operation and no field: the page says what can be filled in and what a response means.
"use strict";
(() => {
  const get = (id) => document.getElementById(id);

  // --- Literals of JSON, Python and the shell.

  // Characters that are invisible, or that change the order of the others.
  const INVISIBLE = /[^\P{C}\n]|[^\P{Z} ]/gu;
  const escaped = (letter, number, digits) =>
    `\\${letter}${number.toString(16).padStart(digits, "0")}`;

  const json = (value) =>
    JSON.stringify(value, null, 2).replace(INVISIBLE, (character) =>
      character.replace(/[^]/g, (unit) => escaped("u", unit.charCodeAt(0), 4)),
    );

  function python(value) {
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    return JSON.stringify(value).replace(INVISIBLE, (character) => {
      const point = character.codePointAt(0);
      return point > 0xffff ? escaped("U", point, 8) : escaped("u", point, 4);
    });
  }

  const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  const indented = (text) => text.replace(/^/gm, "    ");
  const listed = (open, parts, close) =>
    parts.length ? `${open}\n${indented(parts.join(",\n"))},\n${close}` : open + close;
  const compact = (open, parts, close) => {
    const line = open + parts.join(", ") + close;
    return line.length > 40 || line.includes("\n") ? listed(open, parts, close) : line;
  };
  function importLines(lines) {
    const from = {};
    for (const line of lines) {
      const [, module, name] = line.match(/^from (.*) import (.*)$/) ?? [, line, ""];
      (from[module] ??= new Set()).add(name);
    }
    const sorted = Object.entries(from).map(([module, names]) => {
      const listing = [...names].sort().join(", ");
      return listing ? `from ${module} import ${listing}` : module;
    });
    return sorted.sort();
  }

  // --- The values of the controls: as JSON, as Python, and the imports that the Python needs.

  const controlIn = (element) => element.querySelector("[data-control]");
  const nameOf = (control) => control.closest("[data-name]").dataset.name;
  const rowsOf = (list) => [...list.querySelector(":scope > ol").children];
  const isNull = (control) => control.nextElementSibling?.control?.checked;

  // A single value; its Python calls the converter of the control, if it has one.
  function scalar(control, json) {
    const { python: converter, import: line } = control.dataset;
    if (!converter || json === null) return { json, python: python(json), imports: [] };
    return { json, python: `${converter}(${python(json)})`, imports: [line] };
  }

  function readInput(control, parse) {
    if (isNull(control)) return scalar(control, null);
    return control.value === "" ? undefined : scalar(control, parse(control.value));
  }

  // Each type of control has a reader. It returns undefined if nothing is to be sent.
  const readers = {
    missing: () => undefined,
    text: (control) => readInput(control, String),
    number: (control) => readInput(control, Number),
    choice: (control) => readInput(control, JSON.parse),
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
      const { python: model, import: line } = control.dataset;
      const { json, keywords, imports } = fieldsOf(control);
      const code = compact(`${model}(`, keywords, ")");
      return { json, python: code, imports: [line, ...imports] };
    },
  };

  function read(control) {
    const value = readers[control.dataset.control](control);
    // The code shows the name of a required field in braces until it is filled in.
    return value ?? (control.required ? scalar(control, `{${nameOf(control)}}`) : undefined);
  }

  function fieldsOf(parent) {
    const fields = [...(parent?.children ?? [])]
      .filter((child) => child.matches(".field"))
      .map((field) => ({ ...field.dataset, value: read(controlIn(field)) }))
      .filter(({ value }) => value);
    return {
      json: Object.fromEntries(fields.map(({ name, value }) => [name, value.json])),
      positional: fields.map(({ value }) => value.python),
      keywords: fields.map(({ keyword, value }) => `${keyword}=${value.python}`),
      imports: fields.flatMap(({ value }) => value.imports),
    };
  }

  // --- The gateway. This browser stores its URL, this tab its key.

  const gateway = document.querySelector("#gateway form");
  const url = get("gateway-url");
  const key = get("gateway-key");
  const keyHeader = gateway.dataset.header;

  function address() {
    if (!URL.canParse(url.value)) return "";
    const { href } = new URL(url.value);
    if (TOKEN.test(href)) return "";
    return /^https?:\/\/[^/@?#]+\/[^?#]*$/.test(href) ? href.replace(/\/+$/, "") : "";
  }

  // Settings of the browser may forbid storing anything. Then the field is not stored.
  function store(field, area) {
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

  function urlError() {
    if (TOKEN.test(url.value)) return "This contains a Sentry token: only the gateway needs it.";
    if (!url.value || address()) return "";
    return "This is not a gateway's URL: it begins with http:// or https:// and has no ? or #.";
  }

  function keyError() {
    return /[^!-~]/.test(key.value) ? "A key is ASCII, without blanks." : "";
  }

  // Removes a Sentry token from the field of the key; returns the error message about it.
  function removeToken() {
    if (!TOKEN.test(key.value)) return "";
    key.value = "";
    return "That was a Sentry token: only the gateway needs it. Enter the gateway's own key here.";
  }

  // --- The request of a form, and the code that sends it.

  function requestOf(form) {
    const parameters = fieldsOf(form.querySelector(".parameters"));
    const query = fieldsOf(form.querySelector(".query"));
    const pairs = Object.entries(query.json).flatMap(([name, json]) =>
      [json].flat().map((each) => `&${name}=${encodeURIComponent(each)}`),
    );
    const body = form.querySelector(".body > [data-control=object]");
    const path = form.dataset.path.replace(/\{(.*?)\}/g, (braced, name) =>
      parameters.json[name] === braced ? braced : encodeURIComponent(parameters.json[name]),
    );
    const fields = body && { ...body.dataset, ...fieldsOf(body) };
    return { method: form.dataset.method, path: path + pairs.join("").replace("&", "?"), parameters, query, body: fields };
  }

  function pythonCode(form) {
    const { parameters, query, body } = requestOf(form);
    const bodyImports = body ? [body.import, ...body.imports] : [];
    const client = "from sentry_members import SentryMembers";
    const imports = importLines([client, ...parameters.imports, ...bodyImports, ...query.imports]);
    const urlLine = address() && [`gateway_url = ${python(address())}`];
    const model = body ? [listed(`${body.python}(`, body.keywords, ")")] : [];
    const callArguments = [...parameters.positional, ...model, ...query.keywords];
    return [
      ...imports,
      "",
      ...urlLine,
      `with SentryMembers(${urlLine && "gateway_url=gateway_url"}) as sentry:`,
      indented(listed(`result = sentry.${form.dataset.call}(`, callArguments, ")")),
      "print(result)",
    ].join("\n");
  }

  function curlCode(form) {
    const { method, path, body } = requestOf(form);
    const target = address() ? shell(address() + path) : `"$SENTRY_GATEWAY_URL"${shell(path)}`;
    const content = body && [
      "--header 'Content-Type: application/json'",
      `--data-raw ${shell(json(body.json))}`,
    ];
    return [
      // From standard input, so that no list of processes shows the key.
      `printf '${keyHeader}: %s' "$SENTRY_GATEWAY_KEY" |`,
      `curl --include --request ${method} --header @-`,
      ...(content ?? []),
      target,
    ].join(" \\\n  ");
  }

  // --- Errors in what was entered, shown beside the control.

  function showError(control, error) {
    const line = get(control.getAttribute("aria-describedby")).querySelector(".error");
    line.textContent = error;
    line.hidden = !error;
    control.setAttribute("aria-invalid", String(error !== ""));
  }

  function errorOf(control) {
    const { pattern, minlength, maxlength } = control.dataset;
    const length = [...control.value].length;
    if (isNull(control)) return "";
    if (control.validity.valueMissing) return `${nameOf(control)} is required.`;
    if (!length) return control.validationMessage;
    if (pattern && !new RegExp(pattern, "u").test(control.value)) {
      return `This is not a valid ${nameOf(control)}: it must match ${pattern}`;
    }
    if (length > maxlength) return `At most ${maxlength} characters are allowed, not ${length}.`;
    if (length < minlength) return `At least ${minlength} characters are needed, not ${length}.`;
    return control.validationMessage;
  }

  // Shows all errors of a form; returns the first control that has one.
  function checkForm(form) {
    const controls = [...form.querySelectorAll("input[data-control], select")];
    const errors = controls.map((control) => [control, errorOf(control)]);
    errors.push([key, keyError()]);
    errors.forEach(([control, error]) => showError(control, error));
    return errors.find(([, error]) => error)?.[0];
  }

  // --- Sending, and the response. `responses` is the page's list of an operation's responses.

  async function send(form, responses) {
    const { method, path, body } = requestOf(form);
    const root = address();
    const headers = body ? { "Content-Type": "application/json" } : {};
    if (key.value) headers[keyHeader] = key.value;
    const options = { method, headers, credentials: "omit", cache: "no-store", redirect: "error" };
    try {
      if (body) options.body = JSON.stringify(body.json);
      const response = await fetch(root + path, options);
      const id = response.headers.get("X-Request-Id");
      return { ...interpret(response.status, await response.text(), responses), id };
    } catch {
      return {
        outcome: "failed",
        result: `No response: ${root} can't be reached.`,
        advice:
          "Either no gateway is there, or it does not allow this page to call it (CORS): then " +
          `start it with GATEWAY_ALLOW_ORIGIN=${location.origin}. If the connection broke, the ` +
          "request may have arrived.",
        body: "",
      };
    }
  }

  // The messages in the body of an error response, each as its server wrote it.
  function messagesOf(value, name = "") {
    if (typeof value === "string") return [name + value];
    if (Array.isArray(value)) return value.flatMap((item) => messagesOf(item, name));
    if (value?.message) return messagesOf(value.message, name);
    return Object.entries(value ?? {})
      .filter(([key]) => !key.startsWith("error"))
      .flatMap(([key, item]) =>
        messagesOf(item, ["detail", "info"].includes(key) ? "" : `${key}: `),
      );
  }

  function interpret(status, text, responses) {
    let parsed;
    try {
      parsed = JSON.parse(text);
    } catch {}
    const body = parsed === undefined ? text : JSON.stringify(parsed, null, 2);
    const documented =
      responses.querySelector(`[data-status="${status}"]`) ??
      responses.querySelector(`[data-status="${Math.floor(status / 100)}XX"]`);
    // A 202 means that the request was accepted: nothing is done yet.
    const outcome = status === 202 ? "requested" : status < 300 && documented ? "done" : "failed";
    // The advice whose words the body has, or else the one without words.
    const advices = [...(documented?.querySelectorAll("[data-words]") ?? [])];
    const fitting =
      advices.find(({ dataset }) => dataset.words && text.includes(dataset.words)) ??
      advices.find(({ dataset }) => !dataset.words);
    const advice = fitting?.textContent ?? "";
    if (parsed?.gateway === true) {
      // The advice is about Sentry, which of these requests has received only those with a 504.
      const result = `The gateway responded with ${status}: ${parsed.detail}`;
      return { outcome, result, advice: status === 504 ? advice : "", body };
    }
    const meaning =
      documented?.querySelector(".meaning").textContent.trim() ??
      "the contract has no such response.";
    const messages = outcome === "failed" ? [...new Set(messagesOf(parsed))] : [];
    const message = messages.join(" ");
    return {
      outcome,
      result: `Sentry responded with ${status}: ${message || meaning}`,
      meaning: message ? meaning : "",
      advice,
      body,
    };
  }

  function show(section, { outcome, result, meaning = "", advice, id, body }) {
    const block = section.querySelector("pre");
    section.hidden = false;
    section.dataset.outcome = outcome;
    section.querySelector(".result").textContent = result;
    section.querySelector(".meaning").textContent = meaning;
    section.querySelector(".advice").textContent = advice;
    section.querySelector(".id").textContent = id ? `Request ID: ${id}` : "";
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
    const list = row.closest("[data-control=list], [data-control=optional]");
    row.remove();
    list.querySelector(":scope > .add").focus();
  }

  async function copy(article, block) {
    const note = article.querySelector(".copied");
    try {
      await navigator.clipboard.writeText(block.textContent);
      note.textContent = "Copied.";
    } catch {
      // Without TLS, browsers allow pages on loopback only to write to the clipboard.
      getSelection().selectAllChildren(block);
      note.textContent = "Selected: copy it with your keyboard.";
    }
  }

  // --- Setting up the page.

  // The row in the page's HTML is not a value: it becomes the template of added rows.
  for (const rows of document.querySelectorAll("form ol")) {
    const template = document.createElement("template");
    template.content.append(...rows.children);
    rows.before(template);
  }

  const refreshes = [...document.querySelectorAll("article")].map((article) => {
    const form = article.querySelector("form");
    const section = article.querySelector(".response");
    const [pythonBlock, curlBlock] = article.querySelectorAll("figure pre");
    const button = form.querySelector(".send button");
    const hint = form.querySelector(".hint");
    let inFlight = false;

    function refresh() {
      pythonBlock.textContent = pythonCode(form);
      curlBlock.textContent = curlCode(form);
      button.disabled = !address();
      hint.textContent = address() ? "" : "Enter a gateway URL above to enable sending.";
    }

    form.addEventListener("input", ({ target }) => {
      if (target.matches("[data-control]")) showError(target, "");
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
      const invalid = checkForm(form);
      invalid?.focus();
      if (invalid || inFlight) return;
      inFlight = true;
      show(section, { outcome: "", result: "Sending…", advice: "", body: "" });
      show(section, await send(form, article.querySelector("dl")));
      inFlight = false;
    });

    return refresh;
  });

  function refreshAll() {
    showError(url, urlError());
    refreshes.forEach((refresh) => refresh());
  }

  // A gateway that serves this page is the one to call.
  async function findGateway() {
    if (url.value) return;
    try {
      const health = await (await fetch("/healthz")).json();
      if (health.gateway && !url.value) url.value = location.origin;
    } catch {}
    refreshAll();
  }

  restore(url, "localStorage");
  url.addEventListener("input", () => {
    // Anything but a gateway's URL may be a secret.
    if (!urlError()) store(url, "localStorage");
    refreshAll();
  });

  restore(key, "sessionStorage");
  key.addEventListener("input", () => {
    showError(key, removeToken() || keyError());
    store(key, "sessionStorage");
  });

  gateway.addEventListener("submit", (event) => event.preventDefault());

  for (const part of document.querySelectorAll("fieldset[disabled]")) part.disabled = false;
  for (const part of document.querySelectorAll(".send, aside")) part.hidden = false;
  document.querySelector(".no-script").hidden = true;
  refreshAll();
  findGateway();
})();
