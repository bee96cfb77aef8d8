// A source in JavaScript: an audit log over HTTP, with login, pages, a cursor and errors.
//
// The upstream is a common kind of API. `POST {url}/token` takes client credentials (OAuth 2.0) and answers with an access token;
// `GET {url}/entries?after=N` answers with `{"entries": [{"number", "time", "level", "text"}], "more": true}`.

import { BatchBuilder, Call, Failed, parseUrl, refusal, SECOND } from "./headwater.js";

const PAGE = 100; // entries that one request asks for
const SEVERITIES = { debug: 5, info: 9, warning: 13, error: 17, critical: 21 }; // OpenTelemetry's numbers
const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  required: ["url", "client_id", "client_secret"],
  additionalProperties: false,
  properties: {
    url: { type: "string", title: "URL", description: "Where the audit log is, without a slash at the end." },
    client_id: { type: "string", title: "Client id", description: "Who logs in." },
    client_secret: {
      type: "string",
      title: "Client secret",
      description: "What it logs in with.",
      writeOnly: true,
    },
  },
};

export const types = {};

export const descriptor = {
  describe: () => ({
    name: "feed-javascript",
    version: "0.1.0",
    summary: "An audit log over HTTP, read by a source in JavaScript",
    homepage: "https://example.com",
    configSchema: JSON.stringify(SCHEMA),
    formats: ["feed"],
    cursorFormat: 1,
    defaultInterval: 60n * SECOND,
    minimumInterval: SECOND,
  }),
};

export const source = {
  validate(config) {
    const issues = problems(config);
    if (issues.length > 0) throw issues;
    const { scheme, authority } = parseUrl(JSON.parse(config).url);
    return { origins: [`${scheme}://${authority}`], warnings: [] };
  },

  discover(config, session, deadline) {
    const call = new Call(deadline, session);
    return call.run(() => {
      const settings = settingsOf(config);
      // The id names the stream itself: a log at another address is another partition (rule 11).
      const log = {
        id: settings.url,
        formerly: [],
        title: "Audit log",
        attributes: [{ name: "client.id", value: settings.client_id }],
        unavailable: undefined,
      };
      return { partitions: [log], session: call.change, measures: call.measures() };
    });
  },

  check(config, session, _partition, deadline) {
    const call = new Call(deadline, session);
    return call.run(() => {
      const { entries } = page(call, settingsOf(config), 0, 1);
      const found = entries.length > 0 ? "there are entries" : "it is empty";
      return { summary: `the log is readable, ${found}`, warnings: [], session: call.change };
    });
  },

  poll({ config, cursor, session, budget }) {
    const call = new Call(budget.deadline, session);
    return call.run(() => {
      const settings = settingsOf(config);
      let last = position(cursor);
      const batch = new BatchBuilder(budget);
      for (let more = true, readAny = false; ; readAny = true) {
        if (!more || batch.isFull() || (readAny && call.isLate())) return batch.batch(call, `1 ${last}`, !more);
        let entries;
        try {
          ({ entries, more } = page(call, settings, last, PAGE));
        } catch (failed) {
          if (!readAny || !(failed instanceof Failed)) throw failed;
          // What came before is a shorter batch; the failure shows on the next poll (rule 4).
          return batch.batch(call, `1 ${last}`, false);
        }
        for (const entry of entries) {
          if (!put(batch, entry)) return batch.batch(call, `1 ${last}`, false);
          last = entry.number;
        }
      }
    });
  },
};

function settingsOf(config) {
  const issues = problems(config);
  if (issues.length === 0) return JSON.parse(config);
  const text = issues.map(({ pointer, message }) => `${pointer} ${message}`).join("; ");
  throw new Failed("invalid-config", "feed.config", text);
}

/** Everything that is wrong with a configuration. */
function problems(config) {
  let settings;
  try {
    settings = JSON.parse(config);
  } catch {
    settings = undefined;
  }
  if (settings === null || typeof settings !== "object" || Array.isArray(settings)) {
    return [{ pointer: "", message: "is not an object" }];
  }
  const known = Object.keys(SCHEMA.properties);
  const issues = Object.keys(settings)
    .filter((key) => !known.includes(key))
    .map((key) => ({ pointer: `/${key}`, message: "is not a known key" }));
  for (const key of known) {
    const value = settings[key];
    if (typeof value !== "string" || value === "") {
      issues.push({ pointer: `/${key}`, message: "is missing; give it as text" });
    } else if (key === "url" && (!parseUrl(value) || value.endsWith("/") || !/^[!-~]{1,256}$/.test(value))) {
      issues.push({ pointer: "/url", message: "is not an http or https URL without a slash at its end" });
    }
  }
  return issues;
}

/** The number after which to read. A cursor that cannot be understood is never a silent restart (rule 6). */
function position(cursor) {
  if (cursor === undefined) return 0;
  const found = /^1 (\d{1,15})$/.exec(new TextDecoder().decode(cursor));
  if (!found) throw new Failed("invalid-cursor", "feed.cursor", "the cursor is not one of this version's");
  return Number(found[1]);
}

/** Entries after a number, and whether there are more. */
function page(call, settings, after, limit) {
  const found = authorized(call, settings, `${settings.url}/entries?after=${after}&limit=${limit}`).json();
  const entries = found?.entries;
  const isAfter = (entry) => Number.isSafeInteger(entry?.number) && entry.number > after;
  // Whatever is not a page is an error: taken for an empty one, it would be the end of the log (rule 4).
  if (!Array.isArray(entries) || !entries.every(isAfter)) {
    throw new Failed("retry", "feed.no_page", "the answer is not a page of the log");
  }
  call.count("pages");
  call.count("received", entries.length);
  entries.sort((one, other) => one.number - other.number);
  return { entries, more: Boolean(found.more) && entries.length > 0 };
}

/** Asks with the token of the session; with a new one, once, when that is refused. */
function authorized(call, settings, url) {
  let { token } = call.remembered();
  for (let isNew = token === undefined; ; isNew = true, token = undefined) {
    token ??= logIn(call, settings);
    const answer = call.send("GET", url, { authorization: `Bearer ${token}`, accept: "application/json" });
    if (answer.status === 200) return answer;
    if (answer.status !== 401 || isNew) {
      if (answer.status === 401) call.forget();
      throw refusal(answer, "the request for entries");
    }
  }
}

function logIn(call, settings) {
  const form = {
    grant_type: "client_credentials",
    client_id: settings.client_id,
    client_secret: settings.client_secret,
  };
  const answer = call.send("POST", `${settings.url}/token`, { accept: "application/json" }, form);
  if (answer.status === 400) {
    throw new Failed("denied", "feed.login", "the login was refused", { hint: "check `client_id` and `client_secret`" });
  }
  if (answer.status !== 200) throw refusal(answer, "the login");
  const token = answer.json()?.access_token;
  if (typeof token !== "string" || !/^[!-~]+$/.test(token)) {
    throw new Failed("retry", "feed.no_token", "the answer to the login holds no token");
  }
  call.keep({ token });
  return token;
}

/** Makes an event of an entry, or a rejected item. False when the budget is used up. */
function put(batch, entry) {
  const body = JSON.stringify(entry);
  const bytes = new TextEncoder().encode(body);
  if (!batch.fits(bytes.length)) return false;
  const milliseconds = Date.parse(entry.time);
  if (milliseconds >= 0) {
    const time = BigInt(milliseconds) * 1_000_000n;
    const severity = SEVERITIES[entry.level] ?? 0;
    batch.events.push({ id: String(entry.number), time, severity, attributes: [], body });
  } else {
    // The time of reading is never taken for it.
    batch.rejected.push({ id: String(entry.number), reason: "the entry has no time", raw: bytes });
  }
  return true;
}
