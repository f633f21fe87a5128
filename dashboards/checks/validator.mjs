// Runs Microsoft's report validator over several reports in one process. Does not interpret its results.
// Arguments: the validator's module, then the reports. Out: a JSON array with, for each report, what the validator's own
// command prints as `data`, or {problem: message} if it failed on the report.
import { pathToFileURL } from "node:url";

const [entry, ...reports] = process.argv.slice(2);
const { getMetadataProvider, locateReport, runReportValidation } = await import(pathToFileURL(entry).href);
const provider = await getMetadataProvider();
const answers = [];
for (const report of reports) {
    try {
        // Its schemas would be downloaded.
        answers.push(await runReportValidation({ ...locateReport(report), provider, skipSchema: true }));
    } catch (error) {
        answers.push({ problem: String(error.message ?? error) });
    }
}
process.stdout.write(JSON.stringify(answers));
