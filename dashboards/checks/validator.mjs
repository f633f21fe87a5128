// Runs Microsoft's report validator over several reports in one start. Not for judging what it says.
// Arguments: the validator's module, then the reports. Out: a JSON array, for each report what the validator's own
// command prints as `data`, or {problem: message} where it gave up on the report.
import { pathToFileURL } from "node:url";

const [entry, ...reports] = process.argv.slice(2);
const { getMetadataProvider, locateReport, runReportValidation } = await import(pathToFileURL(entry).href);
const provider = await getMetadataProvider();
const answers = [];
for (const report of reports) {
    try {
        // Its schemas would be fetched.
        answers.push(await runReportValidation({ ...locateReport(report), provider, skipSchema: true }));
    } catch (error) {
        answers.push({ problem: String(error.message ?? error) });
    }
}
process.stdout.write(JSON.stringify(answers));
