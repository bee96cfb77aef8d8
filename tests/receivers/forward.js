// A Fluent Forward receiver: the server of @fluent-org/logger. Its one argument is JSON: `out`, the file to append each
// record to as a line, and the server's own options. Prints the port it listens on.
"use strict";

const fs = require("node:fs");
const { FluentServer } = require("@fluent-org/logger");

const { out, ...options } = JSON.parse(process.argv[2]);
const server = new FluentServer({ listenOptions: { host: "127.0.0.1", port: 0 }, ...options });
server.on("entry", (tag, time, record) => fs.appendFileSync(out, JSON.stringify(record) + "\n"));
server.listen().then(() => console.log(server.port));
