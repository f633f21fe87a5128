// Parses M documents with Microsoft's parser. Does not evaluate them.
// In: a JSON array with the array of texts of each model. Out: the same with, for each text, {problem: message or null,
// names: those it uses but does not define}.
"use strict";

const { DefaultSettings, TaskUtils } = require("@microsoft/powerquery-parser");

// Nodes that define a name: let, section and record members, and function parameters.
const DEFINES = new Set(["IdentifierPairedExpression", "GeneralizedIdentifierPairedExpression"]);

function namesIn(ast) {
    const used = new Set();
    const defined = new Set();
    const walk = (node) => {
        if (node === null || typeof node !== "object") return;
        if (DEFINES.has(node.kind)) defined.add(node.key.literal);
        if (node.kind === "Parameter") defined.add(node.name.literal);
        if (node.kind === "IdentifierExpression") used.add(node.identifier.literal);
        Object.values(node).forEach(walk);
    };
    walk(ast);
    return [...used].filter((name) => !defined.has(name));
}

async function checked(text) {
    const task = await TaskUtils.tryLexParse(DefaultSettings, text);
    if (TaskUtils.isParseStageOk(task)) return { problem: null, names: namesIn(task.ast) };
    return { problem: task.error === undefined ? "is not M" : task.error.message, names: [] };
}

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", async () => {
    const answers = [];
    for (const texts of JSON.parse(input)) answers.push(await Promise.all(texts.map(checked)));
    process.stdout.write(JSON.stringify(answers));
});
